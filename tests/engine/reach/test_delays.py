"""Delays learned from acts with planted ones; who takes the word up, from counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from engine.errors import InvalidValue
from engine.frames import EVENTS
from engine.reach.delays import Delay, delays, passed_on
from engine.reach.uptake import likes_passed_on, shares_per_like, uptake

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
USUAL = Delay(1.0, 2.0)


def acts(*rows: dict) -> pl.LazyFrame:
    usual = dict.fromkeys(EVENTS.columns) | {"channel": "x", "product_id": "p"}
    told = [
        usual | row | {"occurred_at": BEGIN + timedelta(hours=row["occurred_at"])} for row in rows
    ]
    return pl.DataFrame(told, schema=dict(EVENTS.columns)).lazy()


def act(user: str, action: str, at: float, **more: str) -> dict:
    return {"user_id": user, "action": action, "occurred_at": at, **more}


LAST = act("z", "view", 5000)


def test_a_share_passes_on_the_act_it_names_or_the_last_one_of_whom_it_names() -> None:
    told = passed_on(
        acts(
            act("a", "post", 0, event_id="e1"),
            act("a", "post", 10, event_id="e2"),
            act("a", "view", 11),
            act("b", "share", 12, object_id="e1", target_user_id="a"),
            act("c", "share", 13, object_id="unknown", target_user_id="a"),
            act("d", "share", 15, target_user_id="a", channel="y"),
            act("g", "share", 10, target_user_id="a"),
            act("e", "share", 15, target_user_id="nobody"),
            act("a", "share", 16, object_id="e2"),
            act("f", "share", 17),
            LAST,
        ),
        1000,
    )
    assert sorted(told.rows()) == [("x", 3.0), ("x", 10.0), ("x", 12.0), ("y", 5.0)]


def test_young_acts_and_long_delays_are_left_out() -> None:
    told = passed_on(
        acts(
            act("a", "post", 0, event_id="e1"),
            act("b", "share", 99, object_id="e1"),
            act("c", "share", 101, object_id="e1"),
            act("a", "post", 150, event_id="e2"),
            act("b", "share", 151, object_id="e2"),
            act("b", "view", 200),
        ),
        100,
    )
    assert told["hours"].to_list() == [99.0]


def test_no_acts_tell_what_is_usual() -> None:
    none = passed_on(acts(LAST).head(0), 1000)
    assert none.height == 0
    assert delays(none, USUAL, 20) == {None: USUAL}


def test_many_acts_tell_their_own_law_and_few_stay_near_that_of_all() -> None:
    rng = np.random.default_rng(1)
    hours = np.concatenate([Delay(6, 0.7).draw(20_000, rng), [300.0, 300.0]])
    channels = ["often"] * 20_000 + ["seldom"] * 2
    found = delays(pl.DataFrame({"channel": channels, "hours": hours}), USUAL, 20)
    assert found["often"].median == pytest.approx(6, rel=0.03)
    assert found["often"].shape == pytest.approx(0.7, abs=0.03)
    assert 6 < found["seldom"].median < 12
    assert found[None].median == pytest.approx(6, rel=0.03)


def test_what_is_seen_and_what_is_usual_are_weighed_together() -> None:
    """One pass after e ** 3 hours beside one usual one after an hour: means 1.5 apart."""
    passes = pl.DataFrame({"channel": [None], "hours": [float(np.exp(3))]})
    told = delays(passes.cast({"channel": pl.String}), Delay(1.0, 0.0), 1.0)
    assert list(told) == [None]
    assert (told[None].median, told[None].shape) == pytest.approx((np.exp(1.5), 1.5))


def test_a_delay_that_cannot_be_meant_is_refused() -> None:
    for median, shape in ((0, 1), (-1, 1), (float("nan"), 1), (1, -1), (1, float("inf"))):
        with pytest.raises(InvalidValue, match="delay"):
            Delay(median, shape)


def test_half_of_a_delay_is_within_its_median() -> None:
    drawn = Delay(5, 2).draw(40_000, np.random.default_rng(0))
    assert (drawn < 5).mean() == pytest.approx(0.5, abs=0.01)
    assert (drawn < 5 * np.exp(0.6745 * 2)).mean() == pytest.approx(0.75, abs=0.01)


def test_people_who_like_and_share_count_once_each() -> None:
    counted = likes_passed_on(
        acts(
            act("a", "like", 1),
            act("a", "share", 2),
            act("a", "share", 3),
            act("b", "like", 1),
            act("c", "dislike", 1),
            act("b", "share", 1, product_id="q"),
        )
    )
    assert counted.rows() == [("p", 2, 1), ("q", 1, 1)]


def test_shares_of_few_likes_stay_near_those_of_all() -> None:
    told = shares_per_like(np.array([10_000, 1, 0]), np.array([3000, 1, 0]), 0.1, 20.0)
    assert told[0] == pytest.approx(0.3, abs=0.001)
    assert told[1] == pytest.approx((1 + 20 * 0.3) / 21, abs=0.01)
    assert told[2] == pytest.approx(0.3, abs=0.001)
    assert shares_per_like(np.zeros(1), np.zeros(1), 0.1, 20.0).tolist() == [0.1]
    with pytest.raises(InvalidValue, match="part of the likes"):
        shares_per_like(np.array([1]), np.array([2]), 0.1, 20.0)
    assert uptake(np.array([0.5, 1.0]), 0.2).tolist() == [0.1, 0.2]
