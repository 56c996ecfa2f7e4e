"""Graphs of ties: what is left out, merged and refused, and both ways of reading them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FrameError, InvalidValue
from engine.reach.graph import build_graph, positions
from engine.reach.numbering import number_ids

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


IDS = st.lists(st.text(max_size=20), min_size=2, max_size=40)


@settings(max_examples=60, derandomize=True)
@given(ids=IDS, at=st.integers(1, 39))
def test_ids_are_numbered_in_their_order(ids: list[str], at: int) -> None:
    at = 1 + at % (len(ids) - 1)
    one, other = pl.Series(ids[:at]), pl.Series(ids[at:])
    names, first, second = number_ids(one, other)
    assert names.to_list() == sorted(set(ids), key=str.encode)
    assert names.gather(first).to_list() + names.gather(second).to_list() == ids


def test_ids_that_share_a_hash_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pl.Series.hash
    monkeypatch.setattr(pl.Series, "hash", lambda ids, seed: real(ids, seed) * min(seed, 1))
    names, one, other = number_ids(pl.Series(["b", "a"]), pl.Series(["c", "a"]))
    assert (names.to_list(), one.tolist(), other.tolist()) == (["a", "b", "c"], [1, 0], [2, 0])


def test_ids_that_are_numbers_are_those_words() -> None:
    ties = pl.DataFrame({"follower_id": [10, 2, 10], "followee_id": [9, 10, -1]})
    graph = build_graph(ties)
    assert graph.users.name == "user_id"
    assert graph.users.to_list() == ["-1", "10", "2", "9"]
    mixed = build_graph(ties.with_columns(pl.col("follower_id").cast(pl.String)))
    assert mixed.users.equals(graph.users)
    assert mixed.takes.others.tolist() == graph.takes.others.tolist() == [0, 3, 1]


def test_who_follows_nobody_but_themselves_is_not_there() -> None:
    ties = {"follower_id": ["a", "z", "c", "z"], "followee_id": ["b", "z", "a", "z"]}
    assert build_graph(pl.DataFrame(ties)).users.to_list() == ["a", "b", "c"]


@pytest.mark.parametrize("ids", [[["a"], ["b"]], [{"x": 1}, {"x": 2}], [True, False], [b"a", b"b"]])
@pytest.mark.parametrize("column", ["follower_id", "followee_id"])
def test_ids_that_are_neither_text_nor_numbers_are_refused_by_column(
    ids: list, column: str
) -> None:
    ties = pl.DataFrame({"follower_id": ["a", "b"], "followee_id": ["c", "d"], column: ids})
    with pytest.raises(FrameError, match=rf"graph\.{column}: .*ids are text or numbers"):
        build_graph(ties)
    with pytest.raises(FrameError, match="ids are text or numbers"):
        positions(pl.Series(["a"]), pl.Series(ids))


@pytest.mark.parametrize("chances", [[True, False], [[0.1], [0.2]], [{"x": 0.1}, {"x": 0.2}]])
def test_chances_that_are_no_numbers_are_refused(chances: list[object]) -> None:
    ties = pl.DataFrame(
        {"follower_id": ["a", "b"], "followee_id": ["c", "d"], "chance": chances}, strict=False
    )
    with pytest.raises(FrameError, match=r"graph\.chance: .*number from 0 to 1"):
        build_graph(ties)
