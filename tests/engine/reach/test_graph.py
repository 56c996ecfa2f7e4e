"""Graphs of ties: what is left out, merged and refused, and both ways of reading them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from engine.errors import InvalidValue
from engine.reach.graph import build_graph

TIES = pl.DataFrame(
    {
        "follower_id": ["b", "c", "c", "a", "c", None, "d"],
        "followee_id": ["a", "a", "b", "a", "b", "a", "c"],
    }
)


def test_a_tie_counts_once_and_nobody_follows_themselves() -> None:
    graph = build_graph(TIES)
    assert graph.users.to_list() == ["a", "b", "c", "d"]
    assert graph.takes.lengths.tolist() == [0, 1, 2, 1]
    assert graph.takes.others.tolist() == [0, 0, 1, 2]
    assert graph.takes.chances.tolist() == [1.0, 0.5, 0.5, 1.0]


def test_rows_by_who_is_followed_hold_the_same_ties() -> None:
    graph = build_graph(TIES.with_columns(chance=pl.Series([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, None])))
    assert graph.gives.lengths.tolist() == [2, 1, 1, 0]
    assert graph.gives.others.tolist() == [1, 2, 2, 3]
    assert graph.gives.chances == pytest.approx([0.1, 0.2, 0.6, 1.0])
    even = graph.takes.even
    assert even[[1, 3]] == pytest.approx([0.1, 1.0])
    assert np.isnan(even[[0, 2]]).all()


def test_where_people_are() -> None:
    graph = build_graph(TIES)
    assert graph.rows_of(pl.Series(["d", "z", "a"])).tolist() == [3, -1, 0]


@pytest.mark.parametrize("chance", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_is_no_chance_is_refused(chance: float) -> None:
    with pytest.raises(InvalidValue, match="of 1 tie is no number from 0 to 1"):
        build_graph(TIES.head(2).with_columns(chance=pl.Series([0.5, chance])))


@pytest.mark.parametrize(
    "ties", [TIES.clear(), pl.DataFrame({"follower_id": ["a"], "followee_id": ["a"]})]
)
def test_no_tie_is_no_graph(ties: pl.DataFrame) -> None:
    with pytest.raises(InvalidValue, match="has no tie"):
        build_graph(ties)
