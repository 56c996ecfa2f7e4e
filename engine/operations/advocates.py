"""Advocates as a verb: whom of a network to ask to carry the word, and how far it would go.

In: a home, and ties in a file or those of the home. Out: advocates by id, with their reach, its
interval and its proof. Never: somebody by name who may not be addressed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import polars as pl

from engine import settings
from engine.errors import FrameError, InvalidValue, UnreadableFile
from engine.frames import CHANCE, FOLLOWEE, FOLLOWER
from engine.operations.permits import may_be_named
from engine.reach.advocates import Effort, choose
from engine.reach.cover import Wanted
from engine.reach.graph import Graph, build_graph
from engine.signals.ties import standing_ties
from engine.store.eventlog import scan_events, scan_ties
from engine.store.files import read_table
from engine.store.home import Home

Tick = Callable[[int, float], None]


def advocates(
    home: Home,
    *,
    count: int,
    ties: Path | None = None,
    proof: float | None = None,
    seed: int = 0,
    tick: Tick = lambda sets, proof: None,
) -> dict[str, Any]:
    """At most so many people whose word together reaches most of a network.

    Everybody of the network may hear of it; named are only those who may be addressed. Fewer come
    back where nobody else would add a listener.

    Args:
        home: whose settings, ties and records of consent hold.
        count: at most so many advocates.
        ties: a file of follower_id, followee_id and, where known, chance; else those of the home.
        proof: part of the best possible reach that is to be proven; of the settings where None.
        seed: of the draws.
        tick: told sets drawn and the part that is proven so far.

    Returns:
        seeds, gains (what each adds), expected_reach, lower, upper, proven, level, people, ties,
        sets and seconds.

    Raises:
        UnreadableFile, FrameError: the file cannot be read, or lacks a column.
        InvalidValue: there is no tie, a chance is none, nobody may be asked, or the count or the
            proof cannot be meant.
    """
    if count < 1:
        raise InvalidValue("seeds", f"{count} is not at least 1")
    chosen = settings.load("reach", home.root)["advocates"]
    wished = float(chosen.proof) if proof is None else proof
    if not 0 <= wished < 1:
        raise InvalidValue("proof", f"{wished:g} is not from 0 to below 1")
    began = monotonic()
    graph = _graph(home, ties)
    allowed = may_be_named(home, graph.users).to_numpy()
    found = choose(
        graph,
        Wanted(np.ones(len(graph)), allowed, count),
        Effort(int(chosen.first_sets), int(chosen.most_sets), wished, float(chosen.level), seed),
        tick,
    )
    return {
        "seeds": graph.users.gather(found.rows).to_list(),
        "gains": [float(gain) for gain in found.gains],
        "expected_reach": found.reach,
        "lower": found.lower,
        "upper": found.upper,
        "proven": found.proof,
        "level": float(chosen.level),
        "people": len(graph),
        "ties": int(graph.takes.others.size),
        "sets": found.sets,
        "seconds": monotonic() - began,
    }


def _graph(home: Home, ties: Path | None) -> Graph:
    if ties is None:
        found = standing_ties(scan_events(home), scan_ties(home), distinct=True)
        if found.is_empty():
            raise InvalidValue(
                "graph", "is missing: nobody here follows anybody; ingest --follows, or --graph"
            )
        return build_graph(found)
    table = read_table(ties)
    for column in (FOLLOWER, FOLLOWEE):
        if column not in table.columns:
            raise FrameError("graph", column, f"missing; found {', '.join(table.columns)}")
    if CHANCE not in table.columns:
        return build_graph(table.select(FOLLOWER, FOLLOWEE))
    try:
        read = table.select(FOLLOWER, FOLLOWEE, pl.col(CHANCE).cast(pl.Float64))
    except pl.exceptions.PolarsError:
        raise UnreadableFile(str(ties), f"{CHANCE} holds what is no number") from None
    return build_graph(read)
