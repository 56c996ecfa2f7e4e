"""What campaigns show is no act of the person; silence after it is an answer, in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from engine.signals.exposures import passed_over, split_showings

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def acts(*rows: tuple[str, str | None, str, str | None, float]) -> pl.LazyFrame:
    """user, product, action, object, days before now."""
    return pl.LazyFrame(
        {
            "user_id": [row[0] for row in rows],
            "product_id": [row[1] for row in rows],
            "action": [row[2] for row in rows],
            "object_id": [row[3] for row in rows],
            "occurred_at": [NOW - timedelta(days=row[4]) for row in rows],
        },
        schema_overrides={"product_id": pl.String, "object_id": pl.String},
    ).with_columns(pl.col("occurred_at").dt.cast_time_unit("us"))


def users(frame: pl.LazyFrame) -> list[str]:
    return frame.collect()["user_id"].to_list()


def test_a_view_of_a_known_campaign_is_a_showing_and_nothing_else_is() -> None:
    events = acts(
        ("a", "p", "view", "spring", 9),
        ("b", "p", "view", None, 9),
        ("c", "p", "view", "a post", 9),
        ("d", "p", "like", "spring", 9),
    )
    own, shown = split_showings(events, ["spring", "autumn"])
    assert users(shown) == ["a"]
    assert users(own) == ["b", "c", "d"]


def test_without_campaigns_or_objects_every_event_is_an_act() -> None:
    events = acts(("a", "p", "view", "spring", 9))
    for own, shown in (
        split_showings(events, []),
        split_showings(events.drop("object_id"), ["spring"]),
    ):
        assert users(own) == ["a"]
        assert users(shown) == []


def test_who_did_nothing_in_time_passed_it_over() -> None:
    shown = acts(
        ("a", "p", "view", "spring", 9),
        ("a", "p", "view", "spring", 1),
        ("b", "p", "view", "spring", 9),
        ("b", "q", "view", "spring", 7),
        ("c", "p", "view", "spring", 6.9),
        ("d", None, "view", "spring", 9),
    )
    acted = pl.LazyFrame({"user_id": ["b", "e"], "product_id": ["p", "p"], "acts": [1, 1]})
    found = passed_over(shown, acted, days=7, now=NOW)
    assert found.rows() == [("a", "p"), ("b", "q")]


def test_no_showing_is_no_answer() -> None:
    none = acts(("a", "p", "view", None, 9))
    own, shown = split_showings(none, ["spring"])
    assert passed_over(shown, own, days=7, now=NOW).is_empty()
    assert passed_over(shown.drop("product_id"), own, days=7, now=NOW).is_empty()
