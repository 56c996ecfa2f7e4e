"""Small worlds whose right answer is known, built from arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine import settings
from engine.audiences.build import Learned, SegmentParts, build_segments
from engine.store.artefacts import Head, Model, Seen, Segments

Array = NDArray[Any]
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
LOGITS = np.linspace(-12, 6, 60)
KNOTS = np.column_stack([LOGITS, 1 / (1 + np.exp(-LOGITS))])
HOLDOUT = {
    "user": pl.UInt32,
    "product": pl.UInt32,
    "liked": pl.Int8,
    "interest": pl.Float32,
    "probability": pl.Float32,
}


@dataclass(frozen=True)
class World:
    """Users of communities `taste`, each product of one `theme`; likes follow both."""

    learned: Learned
    taste: Array
    theme: Array
    rates: Array  # (users, products) true rates of those who have not acted on it

    @property
    def open(self) -> Array:
        """(users, products) bool: those who have not acted on it."""
        return ~self.learned.seen.toarray()


def plant(users: int = 1200, products: int = 24, tastes: int = 4, *, seed: int = 0) -> World:
    """Community t likes products of theme t; students of 25 to 34 like product 0 on top."""
    random = np.random.default_rng(seed)
    taste = random.integers(tastes, size=users)
    theme = np.arange(products) % tastes
    age = random.integers(15, 75, users)
    occupation = random.choice(["student", "doctor", "cook", "پزشک"], users)
    chosen = (age >= 25) & (age < 35) & (occupation == "student")
    embeddings = np.zeros((users, tastes + 1), np.float32)
    embeddings[np.arange(users), taste] = 1
    embeddings[:, :tastes] += 0.1 * random.normal(size=(users, tastes))
    embeddings[:, tastes] = chosen
    vectors = np.zeros((products, tastes + 1), np.float32)
    vectors[np.arange(products), theme] = 3
    vectors[0] = 0
    vectors[0, tastes] = 4
    activity = random.normal(0, 0.4, users).astype(np.float32)
    interest = Head(vectors, np.full(products, -4, np.float32), activity, KNOTS)
    probability = Head(vectors, np.full(products, -2, np.float32), 0 * activity, KNOTS)
    logit = embeddings @ vectors.T + activity[:, None] - 4
    rates = 1 / (1 + np.exp(-logit))
    known = random.random(rates.shape) < 0.7 * rates
    user, product = np.nonzero(~known & (random.random(rates.shape) < rates))
    holdout = pl.DataFrame(
        {
            "user": user,
            "product": product,
            "liked": np.ones(user.size, np.int8),
            "interest": logit[user, product],
            "probability": rates[user, product],
        },
        schema_overrides=HOLDOUT,
    )
    likes = known.astype(np.float32)
    seen = known.copy()
    seen[user, product] = True
    learned = Learned(
        users=users_table(likes.sum(axis=1), random, age=age, occupation=occupation),
        products=products_table(theme),
        likes=sparse.csr_array(likes),
        seen=sparse.csc_array(seen),
        embeddings=embeddings,
        tastes=embeddings,
        interest=interest,
        probability=probability,
        holdout=holdout,
    )
    return World(learned, taste, theme, rates)


def users_table(likes: Array, random: np.random.Generator, **attributes: Array) -> pl.DataFrame:
    days = random.exponential(40, likes.size)
    return pl.DataFrame(
        {
            "user_id": [f"u{row:05d}" for row in range(likes.size)],
            "likes": likes,
            "dislikes": np.zeros(likes.size),
            "acts": likes * 2,
            "first_at": [AS_OF - timedelta(days=400)] * likes.size,
            "last_at": [AS_OF - timedelta(days=float(day)) for day in days],
            "channels": [["web"] if row % 3 else ["web", "tv"] for row in range(likes.size)],
            **attributes,
        },
        schema_overrides={
            "likes": pl.UInt32,
            "dislikes": pl.UInt32,
            "acts": pl.UInt32,
            "first_at": pl.Datetime("us", "UTC"),
            "last_at": pl.Datetime("us", "UTC"),
            "channels": pl.List(pl.String),
        },
    )


def products_table(theme: Array) -> pl.DataFrame:
    names = ["Drama", "شعر", "War", "Comedy"]
    return pl.DataFrame(
        {
            "product_id": [f"p{row:03d}" for row in range(theme.size)],
            "name": [f"Film {row}" for row in range(theme.size)],
            "tags": [[names[at % 4]] for at in theme],
        },
        schema={"product_id": pl.String, "name": pl.String, "tags": pl.List(pl.String)},
    )


def build(learned: Learned, **chosen: dict[str, Any]) -> SegmentParts:
    """Builds with the shipped settings, some of them replaced: `best={"kept": 3}`."""
    return build_segments(
        learned,
        as_of=AS_OF,
        settings=settings.apply("audiences", settings.specs("audiences"), chosen, "test"),
        goals=settings.load_rows("goals"),
        seed=3,
    )


def model_of(learned: Learned, parts: SegmentParts | None = None) -> Model:
    parts = parts or build(learned)
    counts = pl.Series(learned.likes.sum(axis=0), dtype=pl.UInt32)
    return Model(
        version="test-1",
        users=learned.users,
        products=learned.products.with_columns(counts.alias("likes")),
        embeddings=learned.embeddings,
        interest=learned.interest,  # type: ignore[arg-type]
        probability=learned.probability,  # type: ignore[arg-type]
        folding={},
        seen=seen_of(learned),
        segments=Segments(parts.table, parts.offsets, parts.members, parts.best, parts.curves),
        holdout=learned.holdout,
        as_of=AS_OF.isoformat(),
    )


def seen_of(learned: Learned) -> Seen:
    seen = learned.seen
    return Seen(seen.indptr.astype(np.int64), seen.indices.astype(np.uint32))


def with_heads(learned: Learned, interest: Head, probability: Head) -> Learned:
    return replace(learned, interest=interest, probability=probability)


def members_of(parts: SegmentParts, segment_id: str) -> Array:
    at = parts.table["segment_id"].to_list().index(segment_id)
    found: Array = parts.members[parts.offsets[at] : parts.offsets[at + 1]]
    return found
