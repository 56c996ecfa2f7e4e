"""Evidence becomes numbered pairs: order does not matter, and too little is told as such."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import NothingToLearn
from engine.frames import EVIDENCE_PAIRS, FIRST_AT
from tests.training.planted import pairs_of, tasteful
from training.matrices import beside, pair_up, set_aside

NO_PRODUCTS = pl.DataFrame(schema={"product_id": pl.String})


def evidence_of(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        [(*row[:4], row[4] if len(row) > 4 else 1.0, 1, at, at) for row in rows],
        schema=EVIDENCE_PAIRS.columns,
        orient="row",
    )


def pair(rows, products=NO_PRODUCTS, power=0.5, grading=1.0):
    return pair_up(evidence_of(rows), products, power=power, grading=grading)


FOUR = [("b", "y", 1, 4.0), ("a", "x", 1, 1.0), ("a", "y", -1, -1.0), ("b", "x", 0, 0.1)]


def test_users_and_products_are_numbered_by_their_ids():
    found = pair(FOUR)
    assert found.users.to_list() == ["a", "b"]
    assert found.products.to_list() == ["x", "y"]
    assert found.rows.tolist() == [0, 0, 1, 1]
    assert found.columns.tolist() == [0, 1, 0, 1]
    assert found.polarity.tolist() == [1, -1, 0, 1]


def test_a_pair_is_of_the_moment_of_its_first_act():
    """Whoever acts again long after had met the product at first."""
    first = [datetime(2026, 1, day, tzinfo=UTC) for day in (4, 3, 2, 1)]
    evidence = evidence_of(FOUR).with_columns(
        pl.Series(FIRST_AT, first, dtype=pl.Datetime("us", "UTC"))
    )
    found = pair_up(evidence, NO_PRODUCTS, power=0.5, grading=1.0)
    days = found.at // 86_400_000_000 - found.at.min() // 86_400_000_000 + 1
    assert days.tolist() == [3, 2, 1, 4]  # a x, a y, b x, b y
    assert found.part(np.array([True, False, True, False]), 0.5).at.tolist() == [
        found.at[0],
        found.at[2],
    ]


def test_graded_likes_weigh_more_as_far_as_the_recipe_says():
    rows = [("a", "x", 1, 1.0, 1.5), ("a", "y", 1, 1.0, 0.5), ("b", "x", 0, 0.1, 1.0)]
    np.testing.assert_allclose(pair(rows, grading=1.0).weight, [1.5, 0.5, 1.0])
    np.testing.assert_allclose(pair(rows, grading=0.0).weight, [1.0, 1.0, 1.0])


ids = st.sampled_from(["ali", "علی", "😀", "z" * 256, "A", "a b"])


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.tuples(ids, ids), st.sampled_from([(1, 2.0), (-1, -0.5), (0, 0.3)]), min_size=2
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_evidence_does_not_matter(pairs, random):
    rows = [(*key, *value) for key, value in pairs.items()]
    rows += [("ali", "one more", 1, 1.0), ("b", "A", 1, 1.0)]
    first = pair(rows)
    random.shuffle(rows)
    second = pair(rows)
    for name in ("rows", "columns", "polarity", "weight"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert first.users.to_list() == second.users.to_list()
    assert first.products.to_list() == second.products.to_list()


def test_products_that_nobody_acted_on_get_an_empty_column():
    found = pair(FOUR, pl.DataFrame({"product_id": ["new", "x"]}))
    assert found.products.to_list() == ["new", "x", "y"]
    assert found.seen.toarray().sum(0).tolist() == [0, 2, 2]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "mokhatab ingest"),
        ([("a", "x", -1, -1.0), ("b", "y", 0, 0.1)], "no likes"),
        ([("a", "x", 1, 1.0), ("a", "y", 1, 1.0)], "1 user"),
        ([("a", "x", 1, 1.0), ("b", "x", 1, 1.0)], "1 product"),
    ],
)
def test_too_little_to_learn_from_is_told(rows, words):
    with pytest.raises(NothingToLearn, match=words):
        pair(rows)


def test_a_second_product_of_the_table_is_enough():
    rows = [("a", "x", 1, 1.0), ("b", "x", 1, 1.0)]
    assert pair(rows, pl.DataFrame({"product_id": ["y"]})).shape == (2, 2)


def test_weights_are_powers_over_their_mean():
    found = pair(FOUR, power=0.5)
    assert found.weight.tolist() == pytest.approx([0.75, 0.75, 1.0, 1.5])
    assert pair(FOUR, power=0.0).weight.tolist() == [1, 1, 1, 1]
    assert found.likes.toarray().tolist() == [[0.75, 0], [0, 1.5]]
    assert found.opinions.toarray().tolist() == [[0.75, -0.75], [0, 1.5]]
    assert found.seen.toarray().tolist() == [[1, 1], [1, 1]]


def test_one_very_strong_act_does_not_drown_the_others():
    rows = [("a", "x", 1, 1e9), *((f"u{n}", "y", 1, 1.0) for n in range(99))]
    found = pair(rows, power=1.0)
    assert found.weight.max() == 10
    assert found.weight.min() > 0


def test_counts_of_a_part_speak_of_the_whole():
    pairs = pairs_of(tasteful(2000, 20))
    learned, held = set_aside(pairs, 0.2, seed=1)
    assert held.kept == pytest.approx(0.2, abs=0.01)
    for axis in (0, 1):
        for name, whole in pairs.counts(axis).items():
            assert learned.counts(axis)[name].sum() == pytest.approx(whole.sum(), rel=0.02)
    assert learned.counts(0)["likes"] == pytest.approx(
        np.bincount(learned.columns[learned.polarity > 0], minlength=20) / learned.kept
    )


def test_what_is_set_aside_is_seeded_and_nothing_is_lost():
    pairs = pairs_of(tasteful())
    first, held = set_aside(pairs, 0.2, seed=1)
    assert held.rows.tolist() == set_aside(pairs, 0.2, seed=1)[1].rows.tolist()
    assert held.rows.tolist() != set_aside(pairs, 0.2, seed=2)[1].rows.tolist()
    assert first.rows.size + held.rows.size == pairs.rows.size
    assert first.shape == pairs.shape


def test_the_last_like_is_never_set_aside():
    only = np.array([[1, 0], [-1, -1]])
    for seed in range(20):
        learned, _ = set_aside(pairs_of(only), 0.5, seed)
        assert (learned.polarity > 0).any()


def test_what_was_passed_over_counts_against_the_product_and_is_no_pair():
    pairs = pairs_of(np.array([[1, -1, 0], [0, 2, 1]]))
    passed = pl.DataFrame(
        {"user_id": ["u00001", "u00000", "stranger"], "product_id": ["p00000", "p00002", "p00001"]}
    )
    found = beside(pairs, passed, 0.25)
    assert found.opinions.toarray().tolist() == pairs.opinions.toarray().tolist()
    assert found.seen.toarray().tolist() == pairs.seen.toarray().tolist()
    assert found.verdicts.toarray().tolist() == [[1, -1, -0.25], [-0.25, 0, 1]]
    for axis in (0, 1):
        for name, counted in found.counts(axis).items():
            assert counted.tolist() == pairs.counts(axis)[name].tolist()
    assert beside(pairs, passed, 0) is pairs


def test_what_was_passed_over_is_set_aside_as_pairs_are():
    random = np.random.default_rng(0)
    opinions = np.where(random.random((400, 30)) < 0.5, random.choice([1, -1], (400, 30)), 0)
    pairs = pairs_of(opinions)
    free = np.argwhere(opinions == 0)
    passed = pl.DataFrame(
        {
            "user_id": pairs.users.gather(free[:, 0]),
            "product_id": pairs.products.gather(free[:, 1]),
        }
    )
    whole = beside(pairs, passed, 0.5)
    learned, held = set_aside(whole, 0.2, seed=1)
    assert learned.passed.rows.size + held.passed.rows.size == whole.passed.rows.size
    assert held.passed.rows.size == pytest.approx(0.2 * whole.passed.rows.size, rel=0.1)
    both = {
        (row, column)
        for part in (learned, held)
        for row, column in zip(part.passed.rows, part.passed.columns, strict=True)
    }
    assert both == {(row, column) for row, column in free}
