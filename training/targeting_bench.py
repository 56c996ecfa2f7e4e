"""What targeting is tuned on: a model of what came before, and each person's last opinions.

In: a home. Out: a bench of model, panel and later opinions, and its problems for each goal.
Never: an opinion that was learned from judged by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine import settings as configs
from engine.audiences.membership import Membership
from engine.audiences.standing import Panel, draw_panel
from engine.audiences.tiers import loyalty
from engine.errors import NothingToLearn
from engine.frames import AT, PRODUCT, USER
from engine.settings import Scalar, Section
from engine.store.artefacts import Model
from engine.store.eventlog import scan_events
from engine.store.home import Home
from training.flow import Material, gather
from training.learn import learn
from training.matrices import Pairs
from training.publish import build_model
from training.recipe import load_recipe
from training.targeting_choice import Known, group_names, tier_edges
from training.targeting_lists import measure_lists
from training.targeting_problems import UNSEEN, Length, Problem, Width
from training.targeting_tables import Later, measure_widths

Array = NDArray[Any]
BY_TIME, BY_CHANCE = "time", "pairs"


@dataclass(frozen=True)
class Bench:
    """A model of what came before, people of the panel in three folds, and what they said later.

    `products` are those judged, rows of the model; `known` their likes and groups, by the number
    of `groups`. `split` says whether opinions are later ones, or random ones where all are of one
    moment.
    """

    model: Model
    panel: Panel
    later: Later
    products: Array
    known: Known
    groups: list[str]
    edges: Array
    settings: dict[str, Section]
    compute: dict[str, Section]
    audiences: dict[str, Section]
    as_of: datetime
    split: str
    seed: int


def open_bench(home: Home, seed: int) -> Bench:
    """Learns from all but each person's last opinions and sets these beside the model.

    Raises:
        NothingToLearn: too few likes on either side.
    """
    rules, compute = configs.load("targeting", home.root), configs.load("training", home.root)
    recipe = load_recipe(home)
    whole = gather(home, recipe, seed)
    gone, split = last_opinions(home, whole.pairs, rules["window"].later, seed)
    before = gather(
        home,
        recipe,
        seed,
        only=lambda events: events.join(gone.lazy(), on=[USER, PRODUCT], how="anti"),
    )
    learned = learn(before.pairs, before.features, recipe, settings=compute["compute"], seed=seed)
    model = build_model("targeting", learned, before.pairs, before.source, recipe, home)
    bench = lay_bench(model, gone, home=home, seed=seed)
    return _dated(bench, whole, split, compute)


def _dated(bench: Bench, whole: Material, split: str, compute: dict[str, Section]) -> Bench:
    from dataclasses import replace

    return replace(bench, as_of=whole.source.as_of, split=split, compute=compute)


def last_opinions(home: Home, pairs: Pairs, share: float, seed: int) -> tuple[pl.DataFrame, str]:
    """The last part of each person's opinions: user_id, product_id, polarity; and how they differ.

    Of one moment the order is random, so that where all are of one, pairs are.
    """
    acted = scan_events(home).group_by(USER, PRODUCT).agg(pl.col(AT).max()).collect()
    opinion = pairs.polarity != 0
    said = pl.DataFrame(
        {
            USER: pairs.users.gather(pairs.rows[opinion]),
            PRODUCT: pairs.products.gather(pairs.columns[opinion]),
            "polarity": pairs.polarity[opinion],
        }
    ).join(acted, on=[USER, PRODUCT], how="left", maintain_order="left")
    chance = np.random.default_rng([seed, 31]).random(said.height)
    place = (pl.int_range(pl.len()) + 0.5) / pl.len()
    said = (
        said.with_columns(pl.Series("chance", chance))
        .sort(USER, AT, "chance", maintain_order=True)
        .with_columns(place.over(USER).alias("place"))
    )
    split = BY_TIME if said[AT].n_unique() > 1 else BY_CHANCE
    gone = said.filter(pl.col("place") > 1 - share).select(USER, PRODUCT, "polarity")
    if not (gone["polarity"] > 0).any():
        raise NothingToLearn("nobody has given opinions enough to set their last ones aside")
    return gone, split


def lay_bench(model: Model, later: pl.DataFrame, *, home: Home, seed: int) -> Bench:
    """Sets later opinions (user_id, product_id, polarity) beside a model that knows none."""
    rules, audiences = configs.load("targeting", home.root), configs.load("audiences", home.root)
    measuring, window = rules["measure"], rules["window"]
    panel = panel_of(model, audiences, most=measuring.users, seed=seed)
    random = np.random.default_rng([seed, 32])
    unseen = random.random(panel.people) < window.unseen
    fold = np.where(unseen, UNSEEN, random.integers(0, UNSEEN, panel.people))
    products = np.arange(model.products.height)
    if products.size > measuring.products:
        products = np.sort(random.choice(products, measuring.products, replace=False))
    likes = model.products["likes"].to_numpy().astype(np.float64)
    edges = tier_edges(likes, rules["groups"].tiers)
    names = group_names(model.products["tags"].to_list(), likes, edges)
    chosen = [names[row] for row in products]
    groups = sorted(set(chosen))
    numbers = {name: number for number, name in enumerate(groups)}
    return Bench(
        model,
        panel,
        Later(_opinions(model, later)[panel.rows].tocsc(), fold),
        products,
        Known(likes[products], np.array([numbers[name] for name in chosen], np.int64)),
        groups,
        edges,
        rules,
        configs.load("training", home.root),
        audiences,
        datetime.fromisoformat(model.as_of),
        BY_TIME,
        seed,
    )


def panel_of(model: Model, audiences: dict[str, Section], *, most: int, seed: int) -> Panel:
    """Users of a model on whom targeting is measured."""
    users, parts = model.users.height, model.segments
    half_life = audiences["tiers"].half_life_days
    acted = np.asarray(model.seen.users).astype(np.int64)
    seen = sparse.csc_array(
        (np.ones(acted.size, bool), acted, np.asarray(model.seen.offsets)),
        shape=(users, model.products.height),
    )
    return draw_panel(
        np.arange(users),
        (model.interest, model.probability),
        embeddings=np.asarray(model.embeddings),
        segments=Membership(parts.table, np.asarray(parts.offsets), np.asarray(parts.members)),
        loyalty=loyalty(model.users, datetime.fromisoformat(model.as_of), half_life),
        seen=seen,
        most=most,
        least=1,
        seed=seed,
    )


def _opinions(model: Model, later: pl.DataFrame) -> sparse.csr_array:
    users = model.users.select(USER).with_row_index("row")
    products = model.products.select(PRODUCT).with_row_index("column")
    found = later.join(users, on=USER).join(products, on=PRODUCT).sort("row", "column")
    content = (
        found["polarity"].to_numpy().astype(np.int8),
        (found["row"].to_numpy(), found["column"].to_numpy()),
    )
    return sparse.csr_array(content, shape=(model.users.height, model.products.height))


def problems_of(bench: Bench, name: str, goal: dict[str, Scalar]) -> Iterator[Problem]:
    """The two problems of a goal: how wide an audience, how long a list."""
    rules, best = bench.settings, bench.audiences["best"]
    default, arms, measuring = rules["default"], rules["arms"], rules["measure"]
    tables = measure_widths(
        bench.model,
        bench.panel,
        bench.later,
        products=bench.products,
        goal=goal,
        points=measuring.points,
        block=measuring.block,
    )
    weights = float(goal["interest"]), float(goal["probability"])
    blend = weights[0] / sum(weights) if sum(weights) else 0.5
    least = int(np.ceil(rules["limits"].people / bench.panel.weight))
    yield Width(tables, bench.known, arms, (default.share, blend), float(goal["person"]), least)
    lists = measure_lists(
        bench.model,
        bench.panel,
        bench.later,
        products=bench.products,
        goal=(name, goal),
        most=best.kept,
    )
    yield Length(lists, bench.known, arms, (default.segments, default.overlap))
