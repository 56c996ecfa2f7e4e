"""What is promoted: products with names in two languages, tags, and a hidden place among tastes.

In: a plan and its culture. Out: `Goods`, and the products table that a platform would know.
Never: a user.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.frames import NAME, PRODUCT, TAGS
from training.world import words
from training.world.people import Culture
from training.world.plan import Array, Plan, Stage, ids

CATEGORIES = (*words.TYPES, words.DRIVEN)


@dataclass(frozen=True)
class Goods:
    """Products, every array in the order of their rows."""

    topic: Array  # int16: the community whose category it is
    driven: Array  # bool: driven by the planted conjunction
    tastes: Array  # (products, dimensions) float32, the gain multiplied in
    terms: Array  # float32 logits: appeal to everybody
    exposure: Array  # (communities, products) float64: chances of one showing, rows sum to one
    kind: Array  # int: which thing of its category
    price: Array  # float64


def draw_goods(plan: Plan, culture: Culture) -> Goods:
    """Products around the communities' centres; a part of them is driven by attributes instead."""
    rng, taste, drive = plan.draw(Stage.GOODS), plan.settings["taste"], plan.settings["drive"]
    count, communities = plan.products, culture.centres.shape[0]
    topic = rng.permutation(np.arange(count) % communities).astype(np.int16)
    driven = np.zeros(count, bool)
    driven[rng.permutation(count)[: round(drive.products * count)]] = True
    noise = rng.normal(0, taste.product_noise, (count, culture.centres.shape[1]))
    tastes = culture.centres[topic] + noise
    tastes[driven] *= drive.taste
    popularity = (1.0 + rng.permutation(count)) ** -float(plan.settings["exposure"].popularity)
    pull = plan.settings["exposure"].taste_pull * (culture.centres @ tastes.T)
    exposure = popularity * np.exp(pull)
    return Goods(
        topic=topic,
        driven=driven,
        tastes=(taste.gain * tastes).astype(np.float32),
        terms=(taste.base + rng.normal(0, taste.quality, count)).astype(np.float32),
        exposure=exposure / exposure.sum(axis=1, keepdims=True),
        kind=rng.integers(0, len(words.DRIVEN_TYPES), count),
        price=np.exp(rng.normal(3.3, 0.7, count)).round(2),
    )


def categories(goods: Goods) -> list[str]:
    """The category of each product."""
    return [
        words.DRIVEN if driven else CATEGORIES[topic]
        for topic, driven in zip(goods.topic, goods.driven, strict=True)
    ]


def things(goods: Goods) -> list[words.Pair]:
    """What each product is, in English and in Persian."""
    kinds = words.TYPES | {words.DRIVEN: words.DRIVEN_TYPES}
    return [
        kinds[category][kind] for category, kind in zip(categories(goods), goods.kind, strict=True)
    ]


def tell_products(plan: Plan, goods: Goods) -> pl.DataFrame:
    """The products table: `name` holds both languages, `tags` the category and what goes with it.

    Names are unique: where words repeat, a number follows the brand.
    """
    rng = plan.draw(Stage.GOODS, 1)
    brands = rng.integers(0, len(words.BRANDS), plan.products)
    names, seen = [], dict[tuple[str, int], int]()
    for (english, persian), brand in zip(things(goods), brands.tolist(), strict=True):
        again = seen[english, brand] = seen.get((english, brand), 0) + 1
        number = f" {again}" if again > 1 else ""
        latin, arabic = words.BRANDS[brand]
        names.append(f"{latin}{number} {english} · {persian} {arabic}{number}")
    found = categories(goods)
    return pl.DataFrame(
        {
            PRODUCT: ids("p", range(plan.products), plan.products),
            NAME: names,
            TAGS: pl.Series([_tags(category, rng) for category in found], dtype=pl.List(pl.String)),
            "category": found,
            "price": goods.price,
        }
    )


def _tags(category: str, rng: np.random.Generator) -> list[str]:
    own = [words.TAGS[category][place] for place in sorted(rng.permutation(4)[:2].tolist())]
    # One product in five carries a tag that says nothing about it.
    stray = words.TAGS[CATEGORIES[rng.integers(len(CATEGORIES))]][0] if rng.random() < 0.2 else None
    return [category, *own, *([stray] if stray and stray not in own else [])]
