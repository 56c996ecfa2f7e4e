"""A model with planted tastes, made by the engine's own parts, for tests that serve it.

In: sizes and a seed. Out: a `Model` whose segments, best table and curves are real ones.
Never: training; the embeddings are the planted tastes themselves.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import polars as pl
from scipy import sparse

from engine import settings
from engine.audiences import build
from engine.reach.graph import build_graph
from engine.store.artefacts import Array, Head, Model, Seen, Segments
from engine.store.carriers import ARRAYS, Carriers, among

AS_OF = datetime(2026, 11, 20, tzinfo=UTC)
CITIES = ("tehran", "shiraz", "tabriz", "rasht")
TITLES = ("Staff", "VP Sales", "manager", None, "CEO")
FIRST = "کتابِ شعر/۱ 🌸"
"""One product's id is Persian, has a slash, a space and an emoji."""


@cache
def planted(version: str, *, seed: int = 1, users: int = 600, products: int = 12) -> Model:
    """Users of four tastes; product p belongs to taste p % 4."""
    random = np.random.default_rng(seed)
    taste = random.integers(4, size=users)
    embeddings = (np.eye(4)[taste] * 3 + random.normal(0, 0.6, (users, 4))).astype(np.float32)
    items = (np.eye(4)[np.arange(products) % 4]).astype(np.float32)
    people = _people(random, taste)
    things = _things(random, products)
    heads = {
        name: Head(
            items + random.normal(0, 0.05, items.shape).astype(np.float32),
            np.full(products, -2.0, np.float32),
            random.normal(0, 0.2, users).astype(np.float32),
            np.array([[-6.0, 0.001], [-2.0, 0.02], [0.0, 0.2], [4.0, top]]),
        )
        for name, top in (("interest", 0.5), ("probability", 0.9))
    }
    liked = _liked(random, embeddings, heads["interest"])
    holdout = _holdout(random, liked, embeddings, heads)
    seen = _seen(liked, holdout)
    parts = build.build_segments(
        build.Learned(
            users=people,
            products=things,
            likes=sparse.csr_array(liked.astype(np.float32)),
            seen=seen,
            embeddings=embeddings,
            tastes=embeddings,
            interest=heads["interest"],
            probability=heads["probability"],
            holdout=holdout,
        ),
        as_of=AS_OF,
        settings=settings.load("audiences"),
        goals=settings.load_rows("goals"),
        seed=seed,
    )
    model = Model(
        version=version,
        users=_working(people),
        accounts=_accounts(_working(people)),
        products=things,
        embeddings=embeddings,
        **heads,
        folding={"weights": np.eye(4, dtype=np.float32)},
        seen=Seen(seen.indptr.astype(np.int64), seen.indices.astype(np.uint32)),
        segments=Segments(**vars(parts)),
        holdout=holdout,
        as_of="2026-11-20T00:00:00Z",
    )
    return replace(
        model, carriers=carriers_of_ties(_ties(random, people["user_id"].to_list()), model)
    )


def _ties(random: np.random.Generator, users: list[str]) -> list[tuple[str, str]]:
    """Everybody follows somebody of the first tenth, whose word some take up."""
    followed = random.integers(0, len(users) // 10, len(users))
    return [(user, users[one]) for user, one in zip(users, followed, strict=True)]


def carriers_of_ties(ties: list[tuple[str, str]], model: Model, chance: float = 0.5) -> Carriers:
    """What a model keeps of these ties, follower and followee, all equally likely."""
    frame = pl.DataFrame(ties, schema=["follower_id", "followee_id"], orient="row")
    graph = build_graph(frame.with_columns(pl.lit(chance).alias("chance")))
    nothing = {name: np.zeros(0, np.float32) for name in ARRAYS}
    size, rows = len(graph), graph.takes
    people = pl.DataFrame([graph.users, among(graph.users, model.users["user_id"])])
    return Carriers(
        people=people,
        channels=pl.DataFrame(schema={"channel": pl.String, "ties": pl.Int64}),
        **nothing
        | {
            "starts": rows.starts,
            "others": rows.others,
            "chances": rows.chances,
            "against": np.zeros_like(rows.chances),
            "carry": np.zeros(size, np.float32),
            "pace": np.zeros(size, np.float32),
            "channel_ties": np.zeros(0, np.uint32),
        },
    )


def _people(random: np.random.Generator, taste: Array) -> pl.DataFrame:
    rows = taste.size
    names = sorted(f"کاربر-{row:05d}" if row % 7 == 0 else f"user-{row:05d}" for row in range(rows))
    likes = random.integers(1, 30, rows).astype(np.uint32)
    return pl.DataFrame(
        {
            "user_id": names,
            "likes": likes,
            "dislikes": random.integers(0, 9, rows).astype(np.uint32),
            "acts": likes * 3,
            "first_at": pl.Series([datetime(2026, 1, 1, tzinfo=UTC)] * rows).cast(
                pl.Datetime("us", "UTC")
            ),
            "last_at": pl.Series([AS_OF] * rows).cast(pl.Datetime("us", "UTC")),
            "channels": [["telegram"] if row % 2 else ["instagram", "x"] for row in range(rows)],
            "city": [CITIES[number] for number in taste],
        }
    )


def _working(people: pl.DataFrame) -> pl.DataFrame:
    """Two users in three work somewhere: account k has people of taste k % 4, whose city it is."""
    row = pl.int_range(pl.len())
    place = pl.col("city").replace_strict(CITIES, range(4), return_dtype=pl.Int64)
    account = "a" + (row % 15 * 4 + place).cast(pl.String).str.zfill(2)
    title = (row // 15 % len(TITLES)).replace_strict(range(len(TITLES)), TITLES)
    works = row % 3 < 2
    return people.with_columns(
        pl.when(works).then(account).alias("account_id"),
        pl.when(works).then(title).alias("seniority"),
    )


def _accounts(users: pl.DataFrame) -> pl.DataFrame:
    known = users["account_id"].drop_nulls().unique().sort()
    number = known.str.slice(1).cast(pl.Int64)
    return pl.DataFrame(
        {
            "account_id": known,
            "name": "Company " + number.cast(pl.String),
            "industry": [("software", "retail", "health", "media")[at % 4] for at in number],
            "size": [("51-200", "10", "5,001-10,000", None)[at % 7 % 4] for at in number],
            "region": [("north", "south")[at % 2] for at in number],
            "people": pl.Series([(101.0, 10.0, 7071.0, None)[at % 7 % 4] for at in number]),
        }
    )


def _things(random: np.random.Generator, products: int) -> pl.DataFrame:
    names = sorted([FIRST, *(f"product-{row:03d}" for row in range(1, products))])
    return pl.DataFrame(
        {
            "product_id": names,
            "name": [f"Product {row}" for row in range(products)],
            "tags": [[f"taste{row % 4}"] for row in range(products)],
            "likes": random.integers(1, 99, products).astype(np.uint32),
            "dislikes": random.integers(1, 9, products).astype(np.uint32),
            "acts": random.integers(100, 999, products).astype(np.uint32),
        }
    )


def _logits(embeddings: Array, head: Head) -> Array:
    return embeddings @ head.products.T + head.user_terms[:, None] + head.product_terms


def _liked(random: np.random.Generator, embeddings: Array, head: Head) -> Array:
    """A third of the likes that may come: there are people left in every taste."""
    rates = np.interp(_logits(embeddings, head), head.knots[:, 0], head.knots[:, 1])
    return random.random(rates.shape) < rates / 3


def _seen(liked: Array, holdout: pl.DataFrame) -> sparse.csc_array:
    """Pairs with an act: all likes, and what was held out."""
    seen = liked.copy()
    seen[holdout["user"].to_numpy(), holdout["product"].to_numpy()] = True
    return sparse.csc_array(seen)


def _holdout(
    random: np.random.Generator, liked: Array, embeddings: Array, heads: dict[str, Head]
) -> pl.DataFrame:
    user, product = np.nonzero(random.random(liked.shape) < 0.2)
    rates = {name: _logits(embeddings, head)[user, product] for name, head in heads.items()}
    knots = heads["probability"].knots
    return pl.DataFrame(
        {
            "user": user.astype(np.uint32),
            "product": product.astype(np.uint32),
            "liked": liked[user, product].astype(np.int8),
            "interest": rates["interest"].astype(np.float32),
            "probability": np.interp(rates["probability"], knots[:, 0], knots[:, 1]).astype(
                np.float32
            ),
        }
    )
