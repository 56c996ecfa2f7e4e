from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.audiences.tiers import days_since, find_tiers, loyalty
from tests.engine.audiences.planted import AS_OF

CHOSEN = settings.load("audiences")["tiers"]


def people(
    acts: list[int], days: list[float | None], likes: list[int] | None = None
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "acts": acts,
            "likes": likes or acts,
            "last_at": [None if day is None else AS_OF - timedelta(days=day) for day in days],
        },
        schema={"acts": pl.UInt32, "likes": pl.UInt32, "last_at": pl.Datetime("us", "UTC")},
    )


def test_tiers_of_a_kind_part_everybody():
    random = np.random.default_rng(0)
    users = people(random.poisson(9, 500).tolist(), random.exponential(50, 500).tolist())
    found = {each.id: each.members for each in find_tiers(users, AS_OF, CHOSEN)}
    for kind in (("very-active", "active", "occasional"), ("recent", "steady", "quiet")):
        rows = np.concatenate([found[f"tier-{each}"] for each in kind])
        assert sorted(rows.tolist()) == list(range(500))


def test_the_most_active_are_the_most_active():
    users = people(list(range(100)), [1.0] * 100)
    found = {each.id: each for each in find_tiers(users, AS_OF, CHOSEN)}
    assert found["tier-very-active"].members.tolist() == list(range(90, 100))
    assert found["tier-very-active"].rule == "acts >= 90"


def test_users_without_an_act_are_quiet():
    users = people([3, 0], [1.0, None])
    quiet = next(each for each in find_tiers(users, AS_OF, CHOSEN) if each.id == "tier-quiet")
    assert quiet.members.tolist() == [1]


@pytest.mark.parametrize("count", [0, 1])
def test_a_tier_of_everybody_or_nobody_is_none(count):
    assert find_tiers(people([4] * count, [1.0] * count), AS_OF, CHOSEN) == []


def test_an_act_after_the_moment_counts_as_now():
    assert days_since(people([1], [-3.0]), AS_OF).tolist() == [0.0]


def test_loyalty_grows_with_likes_and_fades_with_time():
    found = loyalty(people([9] * 3, [0.0, 0.0, 90.0], [4, 16, 16]), AS_OF, 90.0)
    assert found[1] == pytest.approx(2 * found[0])
    assert found[2] == pytest.approx(found[1] / 2)
    assert found.mean() == pytest.approx(1)


def test_nobody_liking_anything_is_equally_loyal():
    assert loyalty(people([1, 1], [0.0, 5.0], [0, 0]), AS_OF, 90.0).tolist() == [1.0, 1.0]
