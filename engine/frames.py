"""The words of the product: every column that travels between stages, named once.

In: a polars frame. Out: the same frame, checked against its schema.
Never: data, computation, or a column that only one file uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import polars as pl

from engine.errors import FrameError

UTC = pl.Datetime("us", "UTC")
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

# identity
USER, PRODUCT, CHANNEL, SEGMENT = "user_id", "product_id", "channel", "segment_id"
NAME, TAGS, KIND, RULE, REASON = "name", "tags", "kind", "rule", "reason"
FOLLOWER, FOLLOWEE = "follower_id", "followee_id"
CHANCE = "chance"
ACCOUNT, SENIORITY, INDUSTRY, REGION = "account_id", "seniority", "industry", "region"
# an act
EVENT, ACTION, AT = "event_id", "action", "occurred_at"
TARGET, TEXT, LANGUAGE, VALUE, OBJECT = "target_user_id", "text", "language", "value", "object_id"
# evidence: what the acts of one user on one product add up to
POLARITY, EVIDENCE, GRADE, ACTS = "polarity", "evidence", "grade", "acts"
FIRST_AT, LAST_AT = "first_at", "last_at"
LIKES, DISLIKES = "likes", "dislikes"
# what a placement did on a day
DATE, CAMPAIGN, REPORTED, RECORDED = "date", "campaign_id", "reported_at", "recorded_at"
# scores
SCORE, INTEREST, PROBABILITY, RANK = "score", "interest", "probability", "rank"
# audiences
SIZE, SHARE, OVERLAP = "size", "share", "overlap"
EARNED, PASSED = "earned_reach", "passed_on"
LIFT, LOWER, UPPER, EXPECTED = "lift", "lower", "upper", "expected"


@dataclass(frozen=True)
class Schema:
    """Columns of one kind of frame; those in `optional` may be missing, and may hold nulls."""

    name: str
    columns: dict[str, pl.DataType | type[pl.DataType]]
    optional: frozenset[str] = frozenset()

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column for column in self.columns if column not in self.optional)


EVENTS = Schema(
    "events",
    {
        EVENT: pl.String,
        USER: pl.String,
        PRODUCT: pl.String,
        ACTION: pl.String,
        AT: UTC,
        CHANNEL: pl.String,
        TARGET: pl.String,
        TEXT: pl.String,
        LANGUAGE: pl.String,
        VALUE: pl.Float64,
        OBJECT: pl.String,
    },
    optional=frozenset({EVENT, PRODUCT, CHANNEL, TARGET, TEXT, LANGUAGE, VALUE, OBJECT}),
)
"""One row is one act."""

EVIDENCE_PAIRS = Schema(
    "evidence",
    {
        USER: pl.String,
        PRODUCT: pl.String,
        POLARITY: pl.Int8,  # what the last opinionated act says: 1 like, -1 dislike, 0 only seen
        EVIDENCE: pl.Float64,  # weight x polarity x decay of the acts that agree with it
        GRADE: pl.Float64,  # 0.5 to 1.5: how strong by their values, beside the user's others
        ACTS: pl.UInt32,
        FIRST_AT: UTC,
        LAST_AT: UTC,
    },
)
"""One row is one (user, product); sorted by both, each pair once."""

USERS = Schema(
    "users",
    {USER: pl.String, ACCOUNT: pl.String, SENIORITY: pl.String},
    optional=frozenset({ACCOUNT, SENIORITY}),
)
"""One row is one user; every further column is an attribute that segments may speak of."""

ACCOUNTS = Schema(
    "accounts",
    {
        ACCOUNT: pl.String,
        NAME: pl.String,
        INDUSTRY: pl.String,
        SIZE: pl.String,  # people who work there: a number, or a band such as 51-200
        REGION: pl.String,
    },
    optional=frozenset({NAME, INDUSTRY, SIZE, REGION}),
)
"""One row is one organisation that users belong to; every further column is an attribute."""

PRODUCTS = Schema(
    "products",
    {PRODUCT: pl.String, NAME: pl.String, TAGS: pl.List(pl.String)},
    optional=frozenset({NAME, TAGS}),
)
"""One row is one product; every further column is a feature."""

FOLLOWS = Schema("follows", {FOLLOWER: pl.String, FOLLOWEE: pl.String})
"""One row is one directed tie."""

RECORDED_FOLLOWS = Schema(
    "follows", {**FOLLOWS.columns, RECORDED: UTC}, FOLLOWS.optional | {RECORDED}
)
"""Ties as the log keeps them: `recorded_at` is when they came."""

RESULTS = Schema(
    "results",
    {
        DATE: pl.Date,
        CHANNEL: pl.String,
        CAMPAIGN: pl.String,
        SEGMENT: pl.String,
        "impressions": pl.Int64,
        "clicks": pl.Int64,
        "spend": pl.Float64,
        "conversions": pl.Int64,
        "sales": pl.Float64,
        "revenue": pl.Float64,
        PRODUCT: pl.String,
        "currency": pl.String,
        REPORTED: UTC,
    },
    optional=frozenset(
        {CAMPAIGN, SEGMENT, "conversions", "sales", "revenue", PRODUCT, "currency", REPORTED}
    ),
)
"""One row is what one placement did on one day; `currency` is that of spend and revenue.

`reported_at` is when the figures were drawn up, where whoever brings them says so.
"""

RECORDED_RESULTS = Schema(
    "results", {**RESULTS.columns, RECORDED: UTC}, RESULTS.optional | {RECORDED}
)
"""Results as the log keeps them: `recorded_at` is when it took them."""

SCORES = Schema(
    "scores",
    {USER: pl.String, PRODUCT: pl.String, SCORE: pl.Float32, PROBABILITY: pl.Float32},
)
"""One row is one (user, product): `score` ranks by interest, `probability` is P(like | shown)."""

SEGMENTS = Schema(
    "segments",
    {
        SEGMENT: pl.String,
        NAME: pl.String,
        KIND: pl.String,
        RULE: pl.String,
        SIZE: pl.UInt32,
    },
    optional=frozenset({RULE}),
)
"""One row is one named set of users; members are kept beside it as row numbers."""


@lru_cache(maxsize=8192)
def folded(name: str) -> str:
    """A column's name without its case: tables tell no two names apart that fold to the same."""
    if name.isascii():
        return name.lower()
    # Tables know newer letters than Python may; polars knows those that tables know.
    return str(pl.Series([name]).str.to_lowercase().item()).casefold()


def spelt_otherwise(columns: Iterable[str], schema: Schema) -> tuple[dict[str, str], list[str]]:
    """Columns that a schema knows under a name in another case: theirs to ours, where one may be.

    Those of which several are one of ours, or one beside ours itself, are given as they are: which
    of them is meant, others have to say.
    """
    ours = {folded(name): name for name in schema.columns}
    alike: dict[str, list[str]] = {}
    for column in columns:
        if folded(column) in ours:
            alike.setdefault(ours[folded(column)], []).append(column)
    known = {
        names[0]: name for name, names in alike.items() if len(names) == 1 and names[0] != name
    }
    unsure = [
        one for name, names in alike.items() if len(names) > 1 for one in names if one != name
    ]
    return known, unsure


def check(frame: Frame, schema: Schema) -> Frame:
    """Returns the frame unchanged if it has every required column in the type of the schema.

    Further columns are allowed. Nulls are not looked at.

    Raises:
        FrameError: a required column is missing, or a known column has another type.
    """
    found = frame.collect_schema()
    for column in schema.required:
        if column not in found:
            raise FrameError(schema.name, column, f"missing; found {', '.join(found) or 'nothing'}")
    for column, dtype in schema.columns.items():
        if column in found and found[column] != dtype:
            raise FrameError(schema.name, column, f"is {found[column]}, must be {dtype}")
    return frame
