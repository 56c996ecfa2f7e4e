from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.audiences.attributes import discover
from engine.audiences.conditions import find_conditions, numbers
from engine.errors import ConfigError

CHOSEN = settings.load("audiences")["attributes"]


def people(count: int, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "user_id": [str(row) for row in range(count)],
            "likes": random.integers(0, 9, count),
            "age": random.integers(15, 75, count),
            "occupation": random.choice(["student", "doctor", "cook", "پزشک"], count),
            "premium": random.random(count) < 0.3,
            "income": random.lognormal(3, 1, count),
        }
    )


def planted(users: pl.DataFrame, inside: pl.Expr, rate: float, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    chosen = users.select(inside).to_series().to_numpy()
    return (random.random(users.height) < np.where(chosen, rate, 0.05)).astype(np.float32)


def test_the_planted_conjunction_comes_first():
    users = people(6000)
    target = planted(
        users, pl.col("age").is_between(25, 34) & (pl.col("occupation") == "student"), 0.5
    )
    best = discover(users, target, settings=CHOSEN, least=30)[0]
    assert best.name == "age 25–34 and occupation=student"
    assert best.rule == 'age >= 25 and age < 35 and occupation = "student"'
    truth = users.select(pl.col("age").is_between(25, 34) & (pl.col("occupation") == "student"))
    np.testing.assert_array_equal(best.members(users), np.flatnonzero(truth.to_series()))


def test_a_single_planted_condition_is_not_dressed_up():
    users = people(6000)
    target = planted(users, pl.col("occupation") == "پزشک", 0.3)
    found = discover(users, target, settings=CHOSEN, least=30)
    assert [each.name for each in found] == ["occupation=پزشک"]


def test_three_conditions_are_found():
    users = people(12_000)
    inside = pl.col("age").is_between(35, 44) & (pl.col("occupation") == "cook") & pl.col("premium")
    best = discover(users, planted(users, inside, 0.8), settings=CHOSEN, least=30)[0]
    assert sorted(best.name.split(" and ")) == ["age 35–44", "occupation=cook", "premium=true"]


def test_noise_has_no_segments():
    users, found = people(4000), 0
    for seed in range(10):
        target = (np.random.default_rng(seed).random(4000) < 0.1).astype(np.float32)
        found += len(discover(users, target, settings=CHOSEN, least=30))
    assert found == 0


def test_each_target_is_explained_by_its_own_conjunction():
    users = people(6000)
    targets = np.column_stack(
        [
            planted(users, pl.col("age") < 25, 0.3, 1),
            planted(users, pl.col("occupation") == "doctor", 0.3, 2),
        ]
    )
    found = discover(users, targets, settings=CHOSEN, least=30)
    assert {(each.name, each.target) for each in found} >= {
        ("occupation=doctor", 1),
    }
    assert any(each.target == 0 and each.name.startswith("age ") for each in found)


def test_alike_conjunctions_are_listed_once():
    users = people(4000).with_columns(job=pl.col("occupation"))
    target = planted(users, pl.col("occupation") == "cook", 0.4)
    assert len(discover(users, target, settings=CHOSEN, least=30)) == 1


def test_no_conjunction_is_smaller_than_asked():
    users = people(3000)
    target = planted(
        users, pl.col("age").is_between(25, 34) & (pl.col("occupation") == "student"), 0.9
    )
    for each in discover(users, target, settings=CHOSEN, least=200):
        assert each.members(users).size >= 200


def test_ages_fall_into_the_bins_people_name():
    names = [each.name for each in find_conditions(people(300).select("age"), CHOSEN)]
    assert names[0] == "age under 18"
    assert "age 25–34" in names
    assert names[-1] == "age 65 or more"


def test_bins_of_a_number_part_its_people():
    users = people(3000).select("income")
    held = np.sum([each.holds(users).to_numpy() for each in find_conditions(users, CHOSEN)], axis=0)
    assert (held == 1).all()


def test_what_is_missing_or_not_finite_holds_nothing():
    users = pl.DataFrame({"income": [None, float("nan"), float("inf"), *map(float, range(50))]})
    for each in find_conditions(users, CHOSEN):
        assert not each.holds(users)[:3].any()


def test_activity_and_ids_are_no_attributes():
    users = people(100).select("user_id", "likes")
    assert find_conditions(users, CHOSEN) == []
    assert discover(users, np.ones(100), settings=CHOSEN, least=1) == []


def test_a_constant_target_has_no_segments():
    assert discover(people(500), np.ones(500), settings=CHOSEN, least=10) == []


def test_edges_that_are_no_numbers_are_refused():
    with pytest.raises(ConfigError, match="no list of numbers"):
        numbers("18 old", "attributes.age_edges")


def test_an_attribute_may_have_any_name():
    table = pl.DataFrame({"user_id": ["a", "b"], "people": [1, 2], "value": ["x", "y"]})
    found = find_conditions(table, CHOSEN)
    assert [each.name for each in found] == ["people=1", "people=2", "value=x", "value=y"]
