"""Ties that acts tell: what stands, what was taken back, what a block ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from engine.frames import EVENTS, RECORDED_FOLLOWS
from engine.signals.ties import standing_ties

START = datetime(2026, 1, 1, tzinfo=UTC)


def acts(*rows: tuple[str, str | None, str, int, str | None]) -> pl.LazyFrame:
    """(user, target, action, day, object); ids are e0, e1 ..."""
    return pl.LazyFrame(
        [
            {
                "event_id": f"e{number}",
                "user_id": user,
                "action": action,
                "occurred_at": START + timedelta(days=day),
                "target_user_id": target,
                "object_id": undone,
            }
            for number, (user, target, action, day, undone) in enumerate(rows)
        ]
    )


def told(*rows: tuple[str, str | None, str, int, str | None]) -> list[tuple[str, str]]:
    return standing_ties(acts(*rows)).rows()


def test_a_follow_of_a_person_is_a_tie_once():
    rows = [
        ("b", "a", "follow", 0, None),
        ("a", "b", "follow", 1, None),
        ("a", "b", "follow", 2, None),
    ]
    assert told(*rows) == [("a", "b"), ("b", "a")]


def test_a_follow_of_a_product_or_of_oneself_is_none():
    assert told(("a", None, "follow", 0, None), ("a", "a", "follow", 0, None)) == []


def test_what_was_undone_is_no_tie():
    assert told(("a", "b", "follow", 0, None), ("a", None, "undo", 1, "e0")) == []


def test_a_block_ends_a_tie_until_one_follows_again():
    blocked = [("a", "b", "follow", 0, None), ("a", "b", "block", 1, None)]
    assert told(*blocked) == []
    assert told(*blocked, ("a", "b", "follow", 2, None)) == [("a", "b")]
    assert told(("a", "b", "follow", 1, None), ("a", "b", "block", 1, None)) == []


def table(*ties: tuple[str, str, int | None]) -> pl.LazyFrame:
    """(follower, followee, day when it came)."""
    return pl.LazyFrame(
        {
            "follower_id": [one for one, _, _ in ties],
            "followee_id": [other for _, other, _ in ties],
            "recorded_at": [
                None if day is None else START + timedelta(days=day) for _, _, day in ties
            ],
        },
        schema=RECORDED_FOLLOWS.columns,
    )


BACK = {
    "a block": [("a", "b", "block", 5, None)],
    "an undo of the follow": [("a", "b", "follow", 3, None), ("a", None, "undo", 5, "e0")],
    "an undo that names the person": [("a", "b", "undo", 5, "no act that is known")],
}


@pytest.mark.parametrize("acted", BACK.values(), ids=BACK)
@pytest.mark.parametrize(("came", "stands"), [(None, False), (4, False), (5, False), (6, True)])
def test_a_tie_of_the_table_is_taken_back_by_a_later_act(acted, came, stands) -> None:
    ties = table(("a", "b", came), ("b", "a", came), ("a", "c", came))
    found = standing_ties(acts(*acted), ties).rows()
    assert (("a", "b") in found) == stands
    assert {("a", "c"), ("b", "a")} <= set(found)
    again = [*acted, ("a", "b", "follow", 7, None)]
    assert ("a", "b") in standing_ties(acts(*again), ties).rows()


def test_what_takes_back_another_act_leaves_ties_alone() -> None:
    ties = table(("a", "b", 1))
    undone = [("a", "b", "like", 2, None), ("a", "b", "undo", 3, "e0")]
    others = [("c", "b", "undo", 3, "e9"), ("a", None, "undo", 3, "e9")]
    assert standing_ties(acts(*undone, *others), ties).rows() == [("a", "b")]


def test_a_block_that_was_taken_back_leaves_the_tie() -> None:
    blocked = [("a", "b", "block", 2, None), ("a", None, "undo", 3, "e0")]
    assert standing_ties(acts(*blocked), table(("a", "b", 1))).rows() == [("a", "b")]


def test_a_table_without_acts_is_told_once_and_sorted() -> None:
    ties = table(("b", "a", None), ("a", "b", 1), ("b", "a", 2))
    nothing = pl.LazyFrame(schema=EVENTS.columns)
    assert standing_ties(nothing, ties).rows() == [("a", "b"), ("b", "a")]


def test_likes_of_posts_by_people_are_no_ties():
    assert told(("a", "b", "like", 0, None)) == []


def test_events_without_targets_tell_none():
    events = acts(("a", "b", "follow", 0, None)).drop("target_user_id")
    found = standing_ties(events)
    assert (found.height, found.columns) == (0, ["follower_id", "followee_id"])
    assert set(found.schema.values()) == {EVENTS.columns["user_id"]}
