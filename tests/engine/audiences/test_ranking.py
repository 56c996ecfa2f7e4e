from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audiences.ranking import best_users


def full_sort(embeddings, product, terms, count, exclude=None):
    scores = (embeddings.astype(np.float64) @ product.astype(np.float64) + terms).astype(np.float32)
    rows = np.arange(scores.size)
    if exclude is not None:
        rows = rows[~exclude]
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
    excluded=st.booleans(),
    seed=st.integers(0, 999),
)
def test_the_best_are_those_of_a_full_sort_with_ties_by_row(
    users, width, products, count, levels, block, excluded, seed
):
    random = np.random.default_rng(seed)
    # Whole numbers on few levels: exact in float32, with many ties.
    embeddings = random.integers(-levels, levels, (users, width)).astype(np.float32)
    queries = random.integers(-levels, levels, (products, width)).astype(np.float32)
    terms = random.integers(-1, 2, users).astype(np.float32)
    exclude = random.random(users) < 0.4 if excluded else None
    rows, scores = best_users(embeddings, queries, terms, count, exclude=exclude, block=block)
    for at, query in enumerate(queries):
        wanted_rows, wanted_scores = full_sort(embeddings, query, terms, count, exclude)
        np.testing.assert_array_equal(rows[at], wanted_rows)
        np.testing.assert_array_equal(scores[at], wanted_scores)


@pytest.fixture(scope="module")
def crowd():
    random = np.random.default_rng(5)
    embeddings = random.normal(size=(150_000, 24)).astype(np.float32)
    embeddings *= random.gamma(1.0, 1.0, (150_000, 1)).astype(np.float32)
    return embeddings, random.normal(size=(3, 24)).astype(np.float32), random.normal(size=150_000)


@pytest.mark.parametrize("count", [1, 1500, 150_000])
def test_real_numbers_are_ranked_exactly(crowd, count):
    embeddings, queries, terms = crowd
    rows, scores = best_users(embeddings, queries, terms.astype(np.float32), count)
    for at, query in enumerate(queries):
        wanted, _ = full_sort(embeddings, query, terms.astype(np.float32), count)
        # A float64 dot of another order may round a last bit apart; sets and scores may not move.
        assert (rows[at] == wanted).mean() > 0.9999
        assert (np.diff(scores[at]) <= 0).all()


def test_the_answer_does_not_depend_on_block_or_company(crowd):
    embeddings, queries, terms = crowd
    terms = terms.astype(np.float32)
    alone = best_users(embeddings, queries[1], terms, 1500)
    for block in (1000, 4097, 150_000):
        rows, scores = best_users(embeddings, queries, terms, 1500, block=block)
        np.testing.assert_array_equal(rows[1], alone[0])
        np.testing.assert_array_equal(scores[1], alone[1])


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
    everyone = np.ones(4, bool)
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
