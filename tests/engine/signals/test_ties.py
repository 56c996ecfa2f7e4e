"""Ties that acts tell: what stands, what was taken back, what a block ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from engine.frames import EVENTS
from engine.signals.ties import told_ties

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
    return told_ties(acts(*rows)).rows()


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


def test_likes_of_posts_by_people_are_no_ties():
    assert told(("a", "b", "like", 0, None)) == []


def test_events_without_targets_tell_none():
    events = acts(("a", "b", "follow", 0, None)).drop("target_user_id")
    found = told_ties(events)
    assert (found.height, found.columns) == (0, ["follower_id", "followee_id"])
    assert set(found.schema.values()) == {EVENTS.columns["user_id"]}
