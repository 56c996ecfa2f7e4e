from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audiences.ranking import best_users, best_users_of_each


def full_sort(embeddings, product, terms, count, exclude=None):
    scores = (embeddings.astype(np.float64) @ product.astype(np.float64) + terms).astype(np.float32)
    rows = np.arange(scores.size)
    if exclude is not None:
        rows = np.setdiff1d(rows, exclude)
    order = np.lexsort((rows, -scores[rows]))[:count]
    return rows[order], scores[rows[order]]


@settings(deadline=None, max_examples=60)
@given(
    users=st.integers(1, 400),
    width=st.integers(1, 9),
    products=st.integers(1, 5),
    count=st.integers(1, 500),
    levels=st.integers(1, 5),
    block=st.integers(1, 300),
    left_out=st.sampled_from([None, 0.0, 0.4, 0.97, 1.0]),
    seed=st.integers(0, 999),
)
def test_the_best_are_those_of_a_full_sort_with_ties_by_row(
    users, width, products, count, levels, block, left_out, seed
):
    random = np.random.default_rng(seed)
    # Whole numbers on few levels: exact in float32, with many ties.
    embeddings = random.integers(-levels, levels, (users, width)).astype(np.float32)
    queries = random.integers(-levels, levels, (products, width)).astype(np.float32)
    terms = random.integers(-1, 2, users).astype(np.float32)
    # Each product leaves out people of its own, some products everybody.
    exclude = None
    if left_out is not None:
        parts = random.permutation(np.linspace(0, 1, products)) if left_out == 0.4 else [left_out]
        masks = random.random((products, users)) < np.reshape(parts, (-1, 1))
        exclude = [np.flatnonzero(mask).astype(np.uint32) for mask in masks]
    found = best_users_of_each(embeddings, queries, terms, count, exclude=exclude, block=block)
    for at, (query, (rows, scores)) in enumerate(zip(queries, found, strict=True)):
        own = None if exclude is None else exclude[at]
        wanted_rows, wanted_scores = full_sort(embeddings, query, terms, count, own)
        np.testing.assert_array_equal(rows, wanted_rows)
        np.testing.assert_array_equal(scores, wanted_scores)
        alone = best_users(embeddings, query, terms, count, exclude=own, block=block)
        np.testing.assert_array_equal(rows, alone[0])


@pytest.fixture(scope="module")
def crowd():
    random = np.random.default_rng(5)
    embeddings = random.normal(size=(150_000, 24)).astype(np.float32)
    embeddings *= random.gamma(1.0, 1.0, (150_000, 1)).astype(np.float32)
    return embeddings, random.normal(size=(3, 24)).astype(np.float32), random.normal(size=150_000)


@pytest.mark.parametrize("count", [1, 1500, 150_000])
def test_real_numbers_are_ranked_exactly(crowd, count):
    embeddings, queries, terms = crowd
    found = best_users_of_each(embeddings, queries, terms.astype(np.float32), count)
    for query, (rows, scores) in zip(queries, found, strict=True):
        wanted, _ = full_sort(embeddings, query, terms.astype(np.float32), count)
        # A float64 dot of another order may round a last bit apart; sets and scores may not move.
        assert (rows == wanted).mean() > 0.9999
        assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("left_out", ["the best", "every second", "the sampled"])
@pytest.mark.parametrize("count", [1, 1500])
def test_those_left_out_are_missed_by_nobody(crowd, left_out, count):
    """Whom the guess of the threshold counts on may be left out: the others close up."""
    embeddings, queries, terms = crowd
    terms = terms.astype(np.float32)
    whole = best_users_of_each(embeddings, queries, terms, 150_000)
    stride = (150_000 // 4096) | 1
    exclude = [
        {
            "the best": np.sort(rows[:40_000]),
            "every second": np.arange(0, 150_000, 2),
            "the sampled": np.arange(0, 150_000, stride),
        }[left_out].astype(np.uint32)
        for rows, _ in whole
    ]
    found = best_users_of_each(embeddings, queries, terms, count, exclude=exclude)
    for (rows, scores), (all_rows, all_scores), out in zip(found, whole, exclude, strict=True):
        free = ~np.isin(all_rows, out)
        np.testing.assert_array_equal(rows, all_rows[free][:count])
        np.testing.assert_array_equal(scores, all_scores[free][:count])


def test_the_answer_does_not_depend_on_block_or_company(crowd):
    embeddings, queries, terms = crowd
    terms = terms.astype(np.float32)
    alone = best_users(embeddings, queries[1], terms, 1500)
    for block in (1000, 4097, 150_000):
        rows, scores = best_users_of_each(embeddings, queries, terms, 1500, block=block)[1]
        np.testing.assert_array_equal(rows, alone[0])
        np.testing.assert_array_equal(scores, alone[1])


def test_equal_scores_give_the_first_rows():
    embeddings = np.ones((200_000, 2), np.float32)
    rows, scores = best_users(embeddings, np.ones(2, np.float32), np.zeros(200_000, np.float32), 7)
    assert rows.tolist() == list(range(7))
    assert set(scores.tolist()) == {2.0}


def test_a_misleading_sample_does_not_lose_anybody():
    """The sampled rows all score high: the first threshold is too high, nobody may be lost."""
    embeddings = np.zeros((40_000, 1), np.float32)
    stride = (40_000 // 4096) | 1
    embeddings[::stride] = 1
    rows, scores = best_users(
        embeddings, np.ones(1, np.float32), np.zeros(40_000, np.float32), 9000
    )
    assert rows.size == 9000
    assert scores.sum() == embeddings.sum()


def test_nobody_left_is_an_empty_answer():
    embeddings = np.ones((4, 2), np.float32)
    everyone = np.arange(4)
    rows, scores = best_users(
        embeddings, np.ones(2, np.float32), np.zeros(4, np.float32), 3, exclude=everyone
    )
    assert rows.size == scores.size == 0


def test_a_mapped_file_gives_the_same(tmp_path, crowd):
    embeddings, queries, terms = crowd
    np.save(tmp_path / "e.npy", embeddings)
    mapped = np.load(tmp_path / "e.npy", mmap_mode="r")
    terms = terms.astype(np.float32)
    rows, _ = best_users(mapped, queries[0], terms, 100)
    np.testing.assert_array_equal(rows, best_users(embeddings, queries[0], terms, 100)[0])
