"""Cascades as rows tell them: each adopter once, in order of time, whatever the rows' order."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FrameError
from engine.reach.adopters import Knowing, moment
from engine.reach.cascades import Past, Running, build_past, ordered, running

NOBODY = pl.Series("user_id", [], pl.String)
ROWS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from("abcde"), st.integers(0, 9)), min_size=1
)


def table(*rows: tuple[str, str, float | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["cascade_id", "user_id", "at_seconds"], orient="row")


def past_of(*rows: tuple[str, str, float | None], ties: str = "") -> Past:
    """Ties as `ab cd`: a follows b, c follows d."""
    pairs = [tuple(word) for word in ties.split()]
    names = ["follower_id", "followee_id"]
    known = pl.DataFrame(pairs, schema=names, orient="row") if pairs else None
    return build_past(ordered(table(*rows)), known, NOBODY)


@settings(max_examples=30, deadline=None)
@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter_where_moments_are_known(rows, random):
    mixed = list(rows)
    random.shuffle(mixed)
    assert ordered(table(*rows)).equals(ordered(table(*mixed)))


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_everybody_adopts_once_and_at_their_first_moment(rows):
    found = ordered(table(*rows))
    assert found["timed"].all()
    first: dict[tuple[str, str], int] = {}
    for cascade, user, at in rows:
        first[cascade, user] = min(at, first.get((cascade, user), at))
    told = {(cascade, user): at for cascade, user, at, *_ in found.iter_rows()}
    assert told == first
    past = build_past(found, None, NOBODY)
    assert (np.diff(past.at) >= 0).all()
    assert past.sizes.sum() == len(first)


def test_without_moments_rows_are_taken_in_their_order():
    found = ordered(table(("x", "b", None), ("x", "a", None), ("x", "b", None)))
    assert found["user_id"].to_list() == ["b", "a"]
    assert not build_past(found, None, NOBODY).timed


def test_who_has_no_moment_comes_after_those_who_have_one():
    found = ordered(table(("x", "b", None), ("x", "a", 5.0), ("x", "c", float("nan"))))
    assert found["user_id"].to_list() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (pl.DataFrame({"cascade_id": ["x"], "who": ["a"]}), "user_id: missing"),
        (pl.DataFrame({"user_id": ["a"], "at_seconds": ["soon"]}), "no number"),
    ],
)
def test_what_is_no_cascade_is_told(rows, told):
    with pytest.raises(FrameError, match=told):
        ordered(rows)


def test_ties_count_once_and_none_is_with_oneself():
    past = past_of(("x", "a", 0), ties="ba ba aa ca")
    assert past.followers[past.people.to_list().index("a")] == 2
    assert past.follows.sum() == 2


ACTS = (("x", "a", 0), ("x", "b", 1), ("y", "a", 2), ("y", "b", 3), ("y", "c", 9), ("z", "c", 4))


def test_what_came_after_a_moment_is_not_known():
    past = past_of(*ACTS, ties="ba ca")
    begun = past.each()[1].first(1)
    found = moment(past, begun, Knowing(0.01))
    assert dict(zip(past.people, found.acts, strict=True)) == {"a": 1, "b": 1, "c": 0}
    assert found.friends.tolist() == [0, 1, 1]
    assert found.last.tolist() == [2, 1, np.inf]


def test_with_hindsight_only_the_cascade_itself_is_left_out():
    past = past_of(*ACTS)
    begun = past.each()[1].first(1)
    assert past.names[1] == "y"
    found = moment(past, begun, Knowing(0.01, hindsight=True))
    assert found.acts.tolist() == [1, 1, 1]


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(0, 4))
def test_nothing_that_comes_later_changes_what_is_known(rows, at):
    """Acts after a moment may be there or not: figures at the moment are the same."""
    late = [(cascade, user, 100 + second) for cascade, user, second in rows]
    begun = Running(np.array([0]), np.array([float(at)]), float(at))
    few = build_past(ordered(table(*rows, ("q", "a", 300))), None, pl.Series(list("abcde")))
    more = build_past(
        ordered(table(*rows, *((c + "2", u, s) for c, u, s in late), ("q", "a", 300))),
        None,
        pl.Series(list("abcde")),
    )
    one, other = (moment(past, begun, Knowing(0.01)) for past in (few, more))
    assert one.acts.tolist() == other.acts.tolist()
    assert one.last.tolist() == other.last.tolist()
    assert one.together == pytest.approx(other.together)


def test_likeness_grows_with_cascades_that_were_shared():
    past = past_of(
        ("x", "a", 0), ("x", "b", 1), ("y", "a", 2), ("y", "b", 3), ("w", "c", 3), ("w", "a", 4)
    )
    begun = Running(np.array([0]), np.array([50.0]), 50.0)
    together = moment(past, begun, Knowing(0.01)).together
    assert together[1] > together[2] > 0


def test_a_running_cascade_is_found_among_those_of_the_past():
    past = past_of(*ACTS)
    found = running(past, ordered(table(("y", "a", 2))), now=7.0)
    assert (past.names[found.own], found.now) == ("y", 7.0)
    assert running(past, ordered(table(("q", "a", 2)))).own == -1
