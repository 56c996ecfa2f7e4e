"""What is left of acts once some were taken back, by their ids or by the person they were about."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from engine.signals.undo import live_events

START = datetime(2026, 1, 1, tzinfo=UTC)
FOLLOWED = [("u", "follow", "b", 0, None), ("u", "follow", "c", 0, None)]


def standing(*rows: tuple[str, str, str | None, int, str | None]) -> list[str]:
    """Ids of acts that stand; rows are (user, action, target, day, object), ids e0, e1 ..."""
    names = ["user_id", "action", "target_user_id", "day", "object_id"]
    schema = {name: pl.Int64 if name == "day" else pl.String for name in names}
    frame = pl.LazyFrame(rows, schema=schema, orient="row").with_row_index("event_id")
    frame = frame.with_columns(
        pl.format("e{}", "event_id").alias("event_id"),
        (pl.lit(START) + pl.duration(days="day")).alias("occurred_at"),
    )
    return sorted(live_events(frame.drop("day")).collect()["event_id"])


@pytest.mark.parametrize(
    ("undo", "left"),
    [
        (("u", "undo", None, 1, "e0"), ["e1"]),
        (("v", "undo", None, 1, "e0"), ["e0", "e1"]),
        (("u", "undo", "b", 1, "unknown"), ["e1"]),
        (("u", "undo", "b", 0, "unknown"), ["e1"]),
        (("u", "undo", "b", -1, "unknown"), ["e0", "e1"]),
        (("v", "undo", "b", 1, "unknown"), ["e0", "e1"]),
        (("u", "undo", "b", 1, None), ["e0", "e1"]),
        (("u", "undo", None, 1, "unknown"), ["e0", "e1"]),
    ],
)
def test_a_follow_is_taken_back_by_its_id_or_by_the_person(undo, left) -> None:
    assert standing(*FOLLOWED, undo) == left


def test_what_takes_back_another_act_leaves_follows_alone() -> None:
    liked = ("u", "like", "b", 1, None)
    assert standing(*FOLLOWED, liked, ("u", "undo", "b", 2, "e2")) == ["e0", "e1"]


def test_who_follows_again_follows() -> None:
    again = [("u", "undo", "b", 1, "unknown"), ("u", "follow", "b", 2, None)]
    assert standing(*FOLLOWED, *again) == ["e1", "e3"]
