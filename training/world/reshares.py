"""Whose post it was that somebody shared: some of those whom one follows are louder than others.

In: the events and ties of one block of people. Out: the same events, with the sources of shares.
Never: a source whom the sharer does not follow.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from engine.frames import ACTION, EVENTS, FOLLOWEE, FOLLOWER, TARGET, USER
from training.world.plan import Array, Plan, Stage

SHARE = "share"
STRIDE = np.uint64(0x9E3779B97F4A7C15)


def loudness(plan: Plan, users: pl.Series) -> Array:
    """(users,) how often each person's posts are passed on, beside others': a law of powers.

    It follows from the id and the seed alone, so that no block needs another.
    """
    rows = users.str.slice(1).cast(pl.UInt64).to_numpy()
    salt = np.uint64(plan.seed * int(STRIDE) % 2**64)
    even = ((_mixed(rows + salt) >> np.uint64(11)) + 0.5) / 2.0**53
    found: Array = even ** -float(plan.settings["ties"].loudness)
    return found


def _mixed(numbers: Array) -> Array:
    """Numbers without a pattern, by SplitMix64 (Steele, Lea & Flood 2014)."""
    found = numbers + STRIDE
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        found = (found ^ (found >> np.uint64(shift))) * np.uint64(factor)
    mixed: Array = found ^ (found >> np.uint64(31))
    return mixed


def name_sources(plan: Plan, events: pl.DataFrame, ties: pl.DataFrame, block: int) -> pl.DataFrame:
    """Events with `target_user_id`: of most shares somebody whom the sharer follows.

    Whom, goes by loudness. Who follows nobody shares what they found themselves.

    Args:
        plan: of the world.
        events: of one block, in any order, which stays.
        ties: of the same people, sorted by follower.
        block: its number.
    """
    rng = plan.draw(Stage.RESHARES, block)
    weights = np.concatenate([[0.0], np.cumsum(loudness(plan, ties[FOLLOWEE]))])
    starts = (
        ties.with_row_index("first")
        .group_by(FOLLOWER)
        .agg(pl.col("first").min(), pl.len().alias("ties"))
    )
    shares = events.with_row_index("row").filter(pl.col(ACTION) == SHARE)
    found = shares.filter(
        pl.Series(rng.random(shares.height) < plan.settings["ties"].reshared, dtype=pl.Boolean)
    ).join(starts, left_on=USER, right_on=FOLLOWER, maintain_order="left")
    first, ties_each = found["first"].to_numpy(), found["ties"].to_numpy()
    low, high = weights[first], weights[first + ties_each]
    chosen = np.searchsorted(weights, low + rng.random(found.height) * (high - low), "right") - 1
    chosen = np.minimum(chosen, first + ties_each - 1)
    sources = pl.DataFrame({"row": found["row"], TARGET: ties[FOLLOWEE].gather(chosen)})
    named = (
        events.drop(TARGET, strict=False)
        .with_row_index("row")
        .join(sources, on="row", how="left", maintain_order="left")
    )
    return named.select(column for column in EVENTS.columns if column in named.columns)
