"""Spread as a verb: how far the word of some people goes.

In: a home, and people who start. Out: how many are reached, with an interval, by hours.
Never: a name that was not handed in, or somebody counted twice.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from engine.errors import FrameError, InvalidValue, UnreadableFile
from engine.frames import CHANCE, USER
from engine.operations.graphs import graph_asked
from engine.operations.journey import Answer, Journey, Trip, said, told_curve
from engine.reach.graph import check_ids, check_numbers
from engine.reach.spread import Starters, Tick, check_chances, spread
from engine.store.home import Home

EXAMPLES = 5


def spread_of_starters(
    home: Home,
    starters: pl.DataFrame,
    journey: Journey,
    *,
    ties: Path | None = None,
    tick: Tick = lambda runs, width: None,
) -> Answer:
    """How many people the word of some reaches.

    Reached is who starts, or takes the word up from somebody and passes it on; who merely sees it
    is not counted. Starters without ties are reached themselves.

    Args:
        home: whose settings hold.
        starters: user_id and, where known, chance, that each starts; who is there twice starts by
            the larger one.
        journey: how the word travels.
        ties: a file of follower_id, followee_id and, where known, chance; else those that the
            champion learned, or where there are none, those of the home.
        tick: told the runs so far, and half of the interval as part of the mean.

    Returns:
        expected_reach, lower, upper, level, earned (without those who start), low and high
        (between which that part of single runs lies), deviation, runs, curve (hours, expected,
        lower, upper), starters, without_ties (count, examples), source
        (of the ties), law, horizon_hours, channel, delay
        (median_hours, shape, shares it was learned from), people, ties, seed and seconds.

    Raises:
        UnreadableFile, FrameError: a file cannot be read, lacks a column, or holds no ids in it.
        InvalidValue: there is no tie, a channel is asked of a file, nobody starts, or what is
            asked cannot be meant.
    """
    if ties is not None and journey.channel is not None:
        raise InvalidValue(
            "channel", "needs ties that a model learned; leave out the graph, or the channel"
        )
    trip = Trip.of(home, journey)
    named = _named(starters)
    graph, source = graph_asked(home, ties, journey.channel)
    travel, delay = trip.travel()
    rows = graph.rows_of(named[USER])
    alone = rows < 0
    rows = np.where(alone, len(graph) + np.cumsum(alone) - 1, rows)
    surely = bool((named[CHANCE] == 1).all())
    who = Starters(rows, None if surely else named[CHANCE].to_numpy())
    found = spread(graph, who, travel, trip.times("runs"), tick)
    examples = named[USER].filter(pl.Series(alone))[:EXAMPLES].to_list()
    return {
        "expected_reach": found.reach.mean,
        "lower": found.reach.lower,
        "upper": found.reach.upper,
        "earned": said(found.earned),
        "low": found.low,
        "high": found.high,
        "deviation": found.deviation,
        "runs": found.runs,
        "curve": told_curve(travel, found.curve),
        "starters": named.height,
        "without_ties": {"count": int(alone.sum()), "examples": examples},
        "source": source,
        **trip.told(graph, travel, delay),
    }


def _named(starters: pl.DataFrame) -> pl.DataFrame:
    """user_id and chance of each starter once, in the order given."""
    if USER not in starters.columns:
        found = ", ".join(starters.columns) or "nothing"
        raise FrameError("starters", USER, f"missing; found {found}")
    check_ids("starters", starters[USER], USER)
    if CHANCE in starters.columns:
        check_numbers("starters", starters[CHANCE])
    chance = pl.col(CHANCE) if CHANCE in starters.columns else pl.lit(1.0)
    try:
        read = starters.select(pl.col(USER).cast(pl.String), chance.cast(pl.Float64).alias(CHANCE))
    except pl.exceptions.PolarsError:
        raise UnreadableFile("starters", f"{CHANCE} holds what is no number") from None
    named = read.drop_nulls(USER).filter(pl.col(USER) != "")
    if named.is_empty():
        raise InvalidValue("starters", "are nobody; name at least one")
    named = named.with_columns(pl.col(CHANCE).fill_null(1.0))
    check_chances(CHANCE, named[CHANCE].to_numpy(), named.height)
    return named.group_by(USER, maintain_order=True).agg(pl.col(CHANCE).max())
