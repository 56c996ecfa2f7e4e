"""Who passes on whose word, learned from the log for a model to keep.

In: a home, the acts that the model is learned from, its users. Out: a `Word`, or nothing.
Never: a tie of somebody who did not agree to a profile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings as configs
from engine.frames import CHANNEL, FOLLOWEE, FOLLOWER, USER
from engine.operations.consent import consented
from engine.privacy.consent import PROFILE
from engine.reach.graph import Graph, build_graph
from engine.reach.passing import Draws, expected_carry
from engine.signals.ties import standing_ties
from engine.store.eventlog import scan_ties
from engine.store.home import Home
from engine.store.word import TIES, Word, among

Array = NDArray[Any]


def learn_word(home: Home, events: pl.LazyFrame, users: pl.Series, *, seed: int) -> Word | None:
    """What the log tells of ties; None where nobody follows anybody.

    Args:
        home: whose ties, settings and records of consent hold.
        events: acts of people who agreed to a profile.
        users: ids of the model's users, sorted.
        seed: of the draws.
    """
    ties = _agreed(home, standing_ties(events, scan_ties(home), distinct=True))
    if ties.filter(pl.col(FOLLOWER) != pl.col(FOLLOWEE)).is_empty():
        return None
    graph = build_graph(ties)
    chosen = configs.load("reach", home.root)["carry"]
    draws = Draws(chosen.sets, chosen.sets_each, chosen.members, seed)
    return _kept(graph, users, expected_carry(graph, draws))


def _agreed(home: Home, ties: pl.DataFrame) -> pl.DataFrame:
    """Ties of which both people agreed to a profile."""
    for column in (FOLLOWER, FOLLOWEE):
        rows = ties.lazy().with_columns(pl.col(column).alias(USER))
        ties = consented(home, rows, PROFILE).drop(USER).collect()
    return ties


def _kept(graph: Graph, users: pl.Series, carry: Array) -> Word:
    people = graph.users.alias(USER)
    return Word(
        people=pl.DataFrame([people, among(people, users)]),
        starts=graph.takes.starts,
        others=graph.takes.others,
        chances=graph.takes.chances,
        against=np.zeros_like(graph.takes.chances),
        carry=carry,
        pace=np.zeros(len(graph), np.float32),
        channels=pl.DataFrame(schema={CHANNEL: pl.String, TIES: pl.Int64}),
        channel_ties=np.zeros(0, np.uint32),
        channel_factors=np.zeros(0, np.float32),
    )
