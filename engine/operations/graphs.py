"""The graph that a question is about: of a file, learned by the model, or follows of the home.

In: a home, perhaps a file of ties, perhaps a channel. Out: the graph, and where it is from.
Never: a graph of no tie.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from engine.errors import FrameError, InvalidValue, NotTrained, UnreadableFile
from engine.frames import CHANCE, FOLLOWEE, FOLLOWER
from engine.operations.carriers import carriers_graph
from engine.reach.graph import Graph, build_graph, check_ties
from engine.signals.ties import standing_ties
from engine.store.artefacts import open_model
from engine.store.eventlog import scan_events, scan_ties
from engine.store.files import read_table
from engine.store.home import Home

FOLLOWS = "follows"


def graph_asked(home: Home, ties: Path | None, channel: str | None = None) -> tuple[Graph, str]:
    """The graph of a file; else that which the champion learned, else of follows in the log.

    Args:
        home: where the champion and the log are.
        ties: a file of follower_id, followee_id and, where known, chance.
        channel: only what is said there, which a model learned.

    Returns:
        The graph, and where it is from: the file, the model by its version, or `follows`.

    Raises:
        UnreadableFile, FrameError: the file cannot be read, or lacks a column.
        UnknownEntity: nothing is passed on on the channel.
        InvalidValue: there is no tie, or a chance is none.
    """
    if ties is not None:
        return _of_file(ties), str(ties)
    try:
        model = open_model(home)
    except NotTrained:
        model = None
    if model is not None and (model.carriers is not None or channel is not None):
        return carriers_graph(model, channel), f"model {model.version}"
    if channel is not None:
        raise InvalidValue("channel", "needs ties that a model learned; retrain, or leave it out")
    found = standing_ties(scan_events(home), scan_ties(home), distinct=True)
    if found.is_empty():
        raise InvalidValue(
            "graph", "is missing: nobody here follows anybody; ingest --follows, or --graph"
        )
    return build_graph(found), FOLLOWS


def _of_file(ties: Path) -> Graph:
    table = read_table(ties)
    for column in (FOLLOWER, FOLLOWEE):
        if column not in table.columns:
            raise FrameError("graph", column, f"missing; found {', '.join(table.columns)}")
    check_ties(table)
    if CHANCE not in table.columns:
        return build_graph(table.select(FOLLOWER, FOLLOWEE))
    try:
        read = table.select(FOLLOWER, FOLLOWEE, pl.col(CHANCE).cast(pl.Float64))
    except pl.exceptions.PolarsError:
        raise UnreadableFile(str(ties), f"{CHANCE} holds what is no number") from None
    return build_graph(read)
