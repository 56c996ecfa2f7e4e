"""Who passes on whose word, learned from the log for a model to keep.

In: a home, the acts that the model is learned from, its users. Out: a `Carriers`, or nothing.
Never: a tie of somebody who did not agree to a profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings as configs
from engine.frames import AT, CHANNEL, FOLLOWEE, FOLLOWER, TARGET, USER
from engine.operations.consent import consented
from engine.privacy.consent import PROFILE
from engine.reach.carry import Draws, expected_carry
from engine.reach.credit import Done
from engine.reach.graph import Graph, Rows, build_graph
from engine.reach.pace import Fading, Heard, expected_pace
from engine.reach.passing import NOWHERE, Chances, Passed, learn_chances
from engine.settings import Section
from engine.signals.ties import standing_ties
from engine.store.carriers import TIES, Carriers, among
from engine.store.eventlog import scan_ties
from engine.store.home import Home
from training.passing import GOOD, OBJECT, SHARED, done_by, passed_on

Array = NDArray[Any]
DAY = 86_400_000_000
"""Microseconds of a day."""


@dataclass(frozen=True)
class Told:
    """What the log tells of word: acts as they are, the same as they are read, and until when."""

    acts: pl.LazyFrame
    read: pl.LazyFrame
    until: datetime


def learn_carriers(home: Home, told: Told, users: pl.Series, *, seed: int) -> Carriers | None:
    """What the log tells of ties; None where nobody follows anybody or passes on their word.

    Args:
        home: whose ties, settings and records of consent hold.
        told: acts of people who agreed to a profile.
        users: ids of the model's users, sorted.
        seed: of the draws.
    """
    settings = configs.load("reach", home.root)
    passed = _agreed(home, passed_on(home, told.acts, settings["passing"]), TARGET)
    ties = standing_ties(told.acts, scan_ties(home), distinct=True)
    for column in (FOLLOWER, FOLLOWEE):
        ties = _agreed(home, ties, column)
    pairs = passed.select(pl.col(USER).alias(FOLLOWER), pl.col(TARGET).alias(FOLLOWEE)).unique()
    ties = pl.concat([ties, pairs])
    if ties.filter(pl.col(FOLLOWER) != pl.col(FOLLOWEE)).is_empty():
        return None
    graph = build_graph(ties)
    return _learned(home, graph, passed, told, settings).kept(users, settings, seed)


@dataclass(frozen=True)
class _Learned:
    graph: Graph
    against: Array
    pace: Array
    channels: dict[str, tuple[Array, Array]]

    def kept(self, users: pl.Series, settings: dict[str, Section], seed: int) -> Carriers:
        """As a model keeps it, with how far each person's word is carried."""
        chosen, graph = settings["carry"], self.graph
        draws = Draws(chosen.sets, chosen.sets_each, chosen.members, seed)
        people = graph.users.alias(USER)
        parts = [self.channels[name] for name in sorted(self.channels)]
        ends = np.cumsum([ties.size for ties, _ in parts], dtype=np.int64)
        return Carriers(
            people=pl.DataFrame([people, among(people, users)]),
            starts=graph.takes.starts.astype(np.int64),
            others=graph.takes.others,
            chances=graph.takes.chances,
            against=self.against,
            carry=expected_carry(graph, draws),
            pace=self.pace,
            channels=pl.DataFrame(
                {CHANNEL: sorted(self.channels), TIES: ends},
                schema={CHANNEL: pl.String, TIES: pl.Int64},
            ),
            channel_ties=np.concatenate([np.zeros(0, np.uint32), *(part[0] for part in parts)]),
            channel_factors=np.concatenate([np.zeros(0, np.float32), *(part[1] for part in parts)]),
        )


def _agreed(home: Home, rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Rows of which the people in a column agreed to a profile."""
    others = {USER: "by"} if USER in rows.columns else {}
    named = rows.lazy().rename({**others, column: USER})
    kept = consented(home, named, PROFILE).rename({USER: column})
    return kept.rename({new: old for old, new in others.items()}).collect()


def _learned(
    home: Home, graph: Graph, passed: pl.DataFrame, told: Told, settings: dict[str, Section]
) -> _Learned:
    chosen, people = settings["passing"], len(graph)
    names = passed[CHANNEL].drop_nulls().value_counts(sort=True).sort("count", CHANNEL,
            descending=[True, False])[CHANNEL].head(chosen.channels).to_list()  # fmt: skip
    named = _as_passed(graph, passed, names, told.until, chosen)
    done = _as_done(graph, done_by(home, told.read, chosen), passed, told.until, chosen)
    found = learn_chances(graph.takes, named, done, delays=chosen.credit_delays)
    if found is None:
        nobody = np.zeros(people, np.float32)
        return _Learned(graph, np.zeros_like(graph.takes.chances), nobody, {})
    heard = _heard(graph, passed, told.until, named, (found, done))
    pace = _paced(heard, people, settings["pace"])
    by_name = {names[number]: part for number, part in found.channels.items()}
    rows = Rows(graph.takes.starts, graph.takes.others, found.good)
    return _Learned(Graph(graph.users, rows), found.bad, pace, by_name)


def _ages(moments: pl.Series, until: datetime) -> Array:
    """(acts,) float64 days before the last act."""
    last = pl.Series([until]).cast(moments.dtype).to_physical().item()
    found: Array = (last - moments.to_physical().to_numpy()) / DAY
    return np.maximum(found, 0)


def _as_passed(
    graph: Graph, passed: pl.DataFrame, names: list[str], until: datetime, chosen: Section
) -> Passed:
    code = {name: number for number, name in enumerate(names)}
    fresh = np.exp2(-_ages(passed[AT], until) / chosen.half_life_days)
    return Passed(
        graph.rows_of(passed[USER]),
        graph.rows_of(passed[TARGET]),
        (fresh * np.where(passed[SHARED], 1.0, chosen.answer_weight)).astype(np.float32),
        passed[GOOD].to_numpy(),
        passed[CHANNEL].replace_strict(code, default=NOWHERE, return_dtype=pl.Int16).to_numpy(),
    )


def _heard(
    graph: Graph, passed: pl.DataFrame, until: datetime, named: Passed, put: tuple[Chances, Done]
) -> Heard:
    """What was carried on, of whom it is said to be, or of whom it could have been."""
    shared = passed[SHARED].to_numpy()
    found, done = put[0].found, put[1]
    sources = graph.takes.others[found.ties].astype(np.int64)
    fresh = found.shares / np.maximum(done.weights[found.acts], 1e-30)
    return Heard(
        np.concatenate([named.sources[shared], sources]),
        np.concatenate([_ages(passed[AT], until)[shared], -done.at[found.acts]]),
        np.concatenate([np.ones(int(shared.sum())), fresh]),
    )


def _paced(heard: Heard, people: int, chosen: Section) -> Array:
    fading = Fading(chosen.burst_hours / 24, chosen.power, chosen.delay_hours / 24, chosen.exponent)
    return expected_pace(heard, people, days=chosen.days, fading=fading)


def _as_done(
    graph: Graph, done: pl.DataFrame, passed: pl.DataFrame, until: datetime, chosen: Section
) -> Done:
    """First acts on objects of who has ties, of each person the latest ones only."""
    rows = graph.rows_of(done[USER])
    numbered = done.with_columns(pl.Series("row", rows, pl.Int32)).filter(pl.col("row") >= 0)
    numbered = (
        numbered.sort("row", AT, OBJECT, descending=[False, True, False])
        .filter(pl.int_range(pl.len()).over("row") < chosen.acts_each)
        .with_columns(pl.col(OBJECT).rank("dense").cast(pl.Int32))
        .sort("row", OBJECT)
    )
    ages = _ages(numbered[AT], until)
    return Done(
        numbered["row"].to_numpy(),
        numbered[OBJECT].to_numpy(),
        -ages,
        numbered[GOOD].to_numpy(),
        np.exp2(-ages / chosen.half_life_days).astype(np.float32),
        numbered[SHARED].to_numpy(),
    )
