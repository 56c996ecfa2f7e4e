"""Linear neighbourhoods against EASE written down densely, and what must hold at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from training import neighbourhood
from training.neighbourhood import (
    fit_baskets,
    fit_lookalikes,
    fit_neighbourhood,
    right_spectrum,
    spectrum,
)


def planted(users: int = 40, products: int = 12, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    found = (random.random((users, products)) < 0.3) * random.uniform(0.5, 2, (users, products))
    return found.astype(np.float32)


def fit(matrix, *, rank=1000, ridge=3.0, powers=(0.0, 0.0), seed=0):
    return fit_neighbourhood(
        sparse.csr_array(matrix), rank=rank, ridge=ridge, powers=powers, seed=seed
    )


def ease(matrix: np.ndarray, ridge: float) -> np.ndarray:
    """X B with B = -P / diag(P), zero on the diagonal, P = (XᵀX + λI)⁻¹: Steck 2019, eq. 8."""
    wide = matrix.astype(np.float64)
    inverse = np.linalg.inv(wide.T @ wide + ridge * np.eye(wide.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return wide @ weights


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (25, 25)])
@pytest.mark.parametrize("ridge", [0.5, 30.0])
def test_at_full_rank_pairs_without_an_entry_score_as_in_ease(shape, ridge):
    matrix = planted(*shape)
    found = fit(matrix, ridge=ridge)
    without = matrix == 0
    assert (found.users @ found.products.T)[without] == pytest.approx(
        ease(matrix, ridge)[without], abs=1e-4
    )


def test_dislikes_enter_ease_with_their_minus():
    matrix = planted() * np.random.default_rng(1).choice([-1, 1], (40, 12))
    found = fit(matrix)
    without = matrix == 0
    assert (found.users @ found.products.T)[without] == pytest.approx(
        ease(matrix, 3.0)[without], abs=1e-4
    )


@pytest.mark.parametrize("powers", [(0.0, 0.0), (0.5, 0.25), (1.0, 1.0)])
@pytest.mark.parametrize("rank", [3, 1000])
def test_a_users_row_is_their_acts_times_the_folding(powers, rank):
    matrix = planted()
    found = fit(matrix, powers=powers, rank=rank)
    assert matrix @ found.folding == pytest.approx(found.users, abs=1e-4)


def test_powers_divide_before_and_multiply_after():
    matrix = planted()
    rows = np.maximum(matrix.sum(1), 1.0) ** 0.5
    columns = np.maximum(matrix.sum(0), 1.0) ** 0.25
    scores = ease(matrix / rows[:, None] / columns, 3.0) * rows[:, None] * columns
    found = fit(matrix, powers=(0.5, 0.25))
    without = matrix == 0
    assert (found.users @ found.products.T)[without] == pytest.approx(scores[without], abs=1e-4)


@pytest.mark.parametrize("dense_side", [1000, 5])
@pytest.mark.parametrize("powers", [(0.0, 0.0), (0.5, 0.25)])
def test_baskets_of_users_give_the_neighbourhood_of_users(monkeypatch, powers, dense_side):
    """Rows of users are baskets, too; both ways to the spectrum."""
    matrix = sparse.csr_array(planted())
    ours = fit(planted(), powers=powers, rank=8)
    monkeypatch.setattr(neighbourhood, "DENSE_SIDE", dense_side)
    theirs = fit_baskets(matrix, matrix, rank=8, ridge=3.0, powers=powers, seed=0)
    assert theirs.users @ theirs.products.T == pytest.approx(ours.users @ ours.products.T, abs=1e-3)
    assert theirs.folding @ theirs.products.T == pytest.approx(
        ours.folding @ ours.products.T, abs=1e-3
    )


@pytest.mark.parametrize("shape", [(300, 60), (60, 300), (8, 60)])
def test_the_right_spectrum_is_that_of_the_whole(monkeypatch, shape):
    random = np.random.default_rng(2)
    matrix = sparse.csr_array(random.normal(size=shape))
    _, exact, vectors = spectrum(matrix, 5, 0)
    monkeypatch.setattr(neighbourhood, "DENSE_SIDE", 10)
    values, right = right_spectrum(matrix, 5, 0)
    assert values == pytest.approx(exact, rel=1e-6)
    assert right == pytest.approx(vectors, abs=1e-6)


def test_no_baskets_give_zeros():
    none = sparse.csr_array((0, 3), dtype=np.float32)
    seen = sparse.csr_array(np.ones((5, 3), np.float32))
    found = fit_baskets(none, seen, rank=8, ridge=1.0, powers=(0.25, 0.25), seed=0)
    assert found.users.shape == (5, 1)
    assert not any(array.any() for array in (found.users, found.products, found.folding))


def lookalikes(matrix, *, rank=1000, ridge=3.0, product_power=0.25):
    return fit_lookalikes(
        sparse.csr_array(matrix), rank=rank, ridge=ridge, product_power=product_power, seed=0
    )


@pytest.mark.parametrize("shape", [(40, 12), (12, 40)])
@pytest.mark.parametrize("power", [0.0, 0.25])
def test_lookalikes_are_ease_over_users_compared_by_cosine(shape, power):
    matrix = planted(*shape).astype(np.float64)
    weighted = matrix / np.maximum(matrix.sum(0), 1.0) ** power
    length = np.linalg.norm(weighted, axis=1, keepdims=True)
    length[length == 0] = 1
    inverse = np.linalg.inv((weighted / length) @ (weighted / length).T + 3.0 * np.eye(shape[0]))
    others = -inverse / np.diag(inverse)[:, None]
    np.fill_diagonal(others, 0)
    found = lookalikes(matrix.astype(np.float32), product_power=power)
    without = matrix == 0
    assert (found.users @ found.products.T)[without] == pytest.approx(
        (length * (others @ matrix))[without], abs=1e-4
    )


def test_a_newcomer_is_scored_by_those_like_them():
    """Somebody with another's likes is ranked as that one would be, had they not been asked."""
    matrix = planted(60, 15)
    found = lookalikes(matrix[1:], rank=1000)
    weighted = matrix / np.maximum(matrix[1:].sum(0), 1.0) ** 0.25
    unit = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-9)
    expected = unit[0] @ unit[1:].T
    inverse = np.linalg.inv(unit[1:] @ unit[1:].T + 3.0 * np.eye(59))
    expected = np.linalg.norm(weighted[0]) * (expected @ inverse @ matrix[1:])
    assert matrix[0] @ found.folding @ found.products.T == pytest.approx(expected, abs=1e-4)


def test_lookalikes_of_nobody_are_zeros():
    found = lookalikes(np.zeros((5, 3), np.float32))
    assert found.users.shape == (5, 1)
    assert not any(array.any() for array in (found.users, found.products, found.folding))


def test_who_likes_nothing_has_no_lookalikes():
    matrix = planted()
    matrix[3] = 0
    assert lookalikes(matrix).users[3] == pytest.approx(np.zeros(12), abs=1e-9)


def test_a_matrix_without_entries_gives_zeros():
    found = fit(np.zeros((5, 3), np.float32))
    assert found.users.shape == (5, 1)
    assert found.products.shape == found.folding.shape == (3, 1)
    assert not any(array.any() for array in (found.users, found.products, found.folding))


def test_a_single_entry_is_finite():
    matrix = np.zeros((5, 3), np.float32)
    matrix[2, 1] = 1
    found = fit(matrix)
    assert all(np.isfinite(array).all() for array in vars(found).values())
    assert (found.users @ found.products.T)[2].argmax() == 1


def test_the_same_matrix_gives_the_same_bits():
    first, second = fit(planted(), rank=5), fit(planted(), rank=5)
    for name, array in vars(first).items():
        assert array.tobytes() == vars(second)[name].tobytes()


def test_signs_do_not_depend_on_the_solver(monkeypatch):
    """Both ways to the spectrum agree, signs included: neither may turn an axis around."""
    matrix = sparse.csr_array(planted(60, 20))
    exact = spectrum(matrix, 4, 0)
    monkeypatch.setattr(neighbourhood, "DENSE_SIDE", 10)
    random = spectrum(matrix, 4, 0)
    assert (exact[2].sum(0) > 0).all()
    assert random[1] == pytest.approx(exact[1], rel=0.02)
    assert (random[2].sum(0) > 0).all()


def test_a_large_matrix_is_seeded(monkeypatch):
    monkeypatch.setattr(neighbourhood, "DENSE_SIDE", 10)
    same = [fit(planted(60, 20), rank=5, seed=3).users.tobytes() for _ in range(2)]
    assert same[0] == same[1]
    assert fit(planted(60, 20), rank=5, seed=4).users.tobytes() != same[0]


def test_values_fall_and_vectors_are_orthonormal():
    left, values, right = spectrum(sparse.csr_array(planted()), 6, 0)
    assert (np.diff(values) <= 0).all()
    assert left.T @ left == pytest.approx(np.eye(6), abs=1e-6)
    assert right.T @ right == pytest.approx(np.eye(6), abs=1e-6)
