"""Attributes as features: rows sum to one, nobody's row is empty, and rare values teach nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import settings as configs
from engine.settings import Section
from training.features import feature_matrix

SHIPPED = {key: spec.default for key, spec in configs.specs("models/stack")["features"].items()}
LEAST_ROWS, MOST_VALUES, BINS = (SHIPPED[key] for key in ("least_rows", "most_values", "bins"))


def chosen(**changes: float) -> Section:
    """The shipped section of the recipe, some of it replaced."""
    return Section("features", SHIPPED | changes)


def dense(table: pl.DataFrame, ids: list[str] | None = None, weight: float = 0.2) -> np.ndarray:
    names = pl.Series(ids) if ids is not None else table["id"]
    return feature_matrix(table, names, "id", chosen(weight=weight)).toarray()


def people(count: int = 12, **columns: list) -> pl.DataFrame:
    return pl.DataFrame({"id": [f"u{number:03d}" for number in range(count)], **columns})


def test_a_value_is_one_column_shared_by_those_who_carry_it():
    found = dense(people(12, sex=["f", "m"] * 6))
    assert found.shape == (12, 14)
    assert found[:, :12] == pytest.approx(0.8 * np.eye(12))
    assert found[:, 12:] == pytest.approx(0.2 * np.tile(np.eye(2), (6, 1)))


values = st.one_of(
    st.lists(st.none() | st.integers(-5, 5), min_size=20, max_size=20),
    st.lists(st.none() | st.sampled_from(["a", "ب", ""]), min_size=20, max_size=20),
    st.lists(st.none() | st.floats(), min_size=20, max_size=20),
    st.lists(st.none() | st.booleans(), min_size=20, max_size=20),
    st.lists(
        st.none() | st.lists(st.sampled_from(["x", "y"]), max_size=3), min_size=20, max_size=20
    ),
)


@settings(max_examples=80, deadline=None)
@given(values, values, st.floats(0, 0.9))
def test_every_row_sums_to_one_and_keeps_something_of_itself(first, second, weight):
    table = people(20).with_columns(
        pl.Series("a", first, strict=False), pl.Series("b", second, strict=False)
    )
    found = dense(table, weight=weight)
    assert found.sum(1) == pytest.approx(np.ones(20), abs=1e-5)
    assert (found >= 0).all()
    assert (np.diag(found) >= 0.1 - 1e-6).all()


def test_numbers_are_taken_by_quantile_and_nulls_are_no_feature():
    ages = [float(age) for age in range(60)]
    table = people(61, age=[*ages, None])
    found = dense(table)
    assert found.shape == (61, 61 + BINS)
    assert found[:60, 61:].astype(bool).sum(0).tolist() == [10] * BINS
    assert found[60, :61].tolist() == [*np.zeros(60), 1.0]
    bins = found[:60, 61:].argmax(1)
    assert (np.diff(bins) >= 0).all()


def test_values_that_are_not_finite_do_not_stop_it():
    ages = [float("nan"), float("inf"), *map(float, range(18))]
    assert np.isfinite(dense(people(20, age=ages))).all()
    assert dense(people(20, age=[float("nan")] * 20)).shape == (20, 20)


def test_tags_spread_the_weight_over_all_that_somebody_carries():
    tags = [["x", "y"]] * 6 + [["x"]] * 5 + [[]]
    found = dense(people(12, tags=tags))
    assert found.shape == (12, 14)
    assert found[0, 12:].tolist() == pytest.approx([0.1, 0.1])
    assert found[6, 12:].tolist() == pytest.approx([0.2, 0.0])
    assert found[11, 11] == 1


def test_a_tag_given_twice_counts_once():
    found = dense(people(6, tags=[["x", "x"]] * 6))
    assert found[:, 6].tolist() == pytest.approx([0.2] * 6)


def test_names_and_values_of_few_people_are_no_features():
    rare = ["rare"] * (LEAST_ROWS - 1)
    table = people(12, name=["same"] * 12, town=rare + ["town"] * (12 - len(rare)))
    found = dense(table)
    assert found.shape == (12, 13)
    assert found[:, 12].astype(bool).tolist() == [False] * len(rare) + [True] * (12 - len(rare))


def test_the_commonest_values_are_kept_where_there_are_too_many():
    many = MOST_VALUES + 20
    town = [f"town {number}" for number in range(many) for _ in range(LEAST_ROWS)]
    town += ["town 219"] * 3
    found = dense(people(len(town), town=town))
    assert found.shape[1] - len(town) == MOST_VALUES
    assert found[-1, len(town) :].any()


def test_ids_decide_the_rows_and_strangers_of_the_table_keep_to_themselves():
    table = people(12, sex=["f", "m"] * 6)
    found = dense(table, ids=["u005", "nobody", "u000"])
    assert found.shape[0] == 3
    assert found[1].tolist() == [0, 1, *[0] * (found.shape[1] - 2)]


def test_the_order_of_the_table_does_not_matter():
    table = people(30, sex=["f", "m", "?"] * 10, age=list(range(30)))
    ids = table["id"].to_list()
    shuffled = table.sample(fraction=1, shuffle=True, seed=1)
    assert (dense(table, ids) == dense(shuffled, ids)).all()


def test_the_recipe_says_which_values_count():
    table = people(60, age=list(range(60)), town=["common"] * 58 + ["rare"] * 2)
    names = table["id"]
    for changes, columns in (({"bins": 3}, 4), ({"least_rows": 2}, BINS + 2)):
        found = feature_matrix(table, names, "id", chosen(**changes))
        assert found.shape[1] - len(names) == columns
    found = feature_matrix(table, names, "id", chosen(least_rows=2, most_values=1, bins=2))
    assert found.shape[1] - len(names) == 2


def test_no_weight_is_no_feature():
    assert (dense(people(12, sex=["f", "m"] * 6), weight=0.0) == np.eye(12)).all()
