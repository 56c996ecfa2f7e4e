"""A linear neighbourhood of products or users, in closed form and of low rank.

In: a sparse matrix of users × products. Out: two thin arrays whose product scores every pair.
Never: a dense users × products or products × products matrix of a large world.

EASE (Steck 2019, "Embarrassingly shallow autoencoders", eq. 8) scores X B with
B = I − Q diag(1 / diag Q), Q = (XᵀX + λI)⁻¹. On pairs without an entry in X the identity does not
matter; with X = U Σ Vᵀ the rest is U Σ³/(Σ² + λ) Vᵀ, each column divided by
λ Q_pp = 1 − Σ_k v_pk² σ_k² / (σ_k² + λ). Cut at a rank this is EASE with a smoother spectrum, and
exact at full rank. Rows and columns are divided by powers of their counts before, and multiplied
again after (as in Paudel et al. 2017 for random walks), which tempers the popular and the busy.

The same from the other side: with users in the place of products a user is scored by what those
like who are like them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[Any]

DENSE_SIDE = 4000
"""Up to this many users or products the spectrum comes from the small Gram matrix, exactly."""


@dataclass(frozen=True)
class Neighbourhood:
    """`users @ products.T` scores pairs; a user's row is their acts times `folding`."""

    users: Array  # (users, rank) float32
    products: Array  # (products, rank) float32
    folding: Array  # (products, rank) float32


def fit_neighbourhood(
    matrix: sparse.csr_array,
    *,
    rank: int,
    ridge: float,
    powers: tuple[float, float],
    seed: int,
) -> Neighbourhood:
    """Fits one neighbourhood; a matrix without entries gives zeros of width 1.

    Args:
        matrix: (users, products) float32; entries may be negative (dislikes).
        rank: of the spectrum that is kept; less where the matrix has less.
        ridge: λ, in units of the tempered matrix.
        powers: of user and product counts by which rows and columns are tempered.
        seed: of the randomised spectrum of large matrices.
    """
    if matrix.nnz == 0:
        return _nothing(*matrix.shape)
    tempered, row_scale, column_scale = _temper(matrix, powers)
    left, values, right = spectrum(tempered, rank, seed)
    return Neighbourhood(
        (left * row_scale[:, None]).astype(np.float32),
        *_products_and_folding(values, right, column_scale, ridge),
    )


def fit_baskets(
    baskets: sparse.csr_array,
    seen: sparse.csr_array,
    *,
    rank: int,
    ridge: float,
    powers: tuple[float, float],
    seed: int,
) -> Neighbourhood:
    """The neighbourhood of products that share baskets, applied to all that users have seen.

    What is learned from the rows of `baskets` is what `fit_neighbourhood` learns from rows of
    users, but no array has a row for each basket: there may be more of them than users.

    Args:
        baskets: (baskets, products) float32.
        seen: (users, products) float32.
        rank, ridge, powers, seed: as in `fit_neighbourhood`; counts are those of baskets.
    """
    if baskets.nnz == 0:
        return _nothing(*seen.shape)
    tempered, _, column_scale = _temper(baskets, powers)
    values, right = right_spectrum(tempered, rank, seed)
    weights, folding = _products_and_folding(values, right, column_scale, ridge)
    return Neighbourhood((seen @ folding).astype(np.float32), weights, folding)


def _products_and_folding(
    values: Array, right: Array, column_scale: Array, ridge: float
) -> tuple[Array, Array]:
    shrink = values**2 / (values**2 + ridge)
    leverage = 1 - (right**2 * shrink).sum(1)
    weights = right * (values * shrink) / np.maximum(leverage, 1e-3)[:, None]
    return (
        (weights * column_scale[:, None]).astype(np.float32),
        (right / values / column_scale[:, None]).astype(np.float32),
    )


def fit_lookalikes(
    likes: sparse.csr_array, *, rank: int, ridge: float, product_power: float, seed: int
) -> Neighbourhood:
    """The neighbourhood of users: EASE on the transpose, of users compared by cosine.

    Rows of the likes, columns tempered by `product_power`, are brought to length 1; with
    Y = U Σ Vᵀ of these, B = U Σ²/(Σ² + λ) Uᵀ takes the likes of others, and each user's row is
    divided by its leverage 1 − Σ_k u_k² σ_k² / (σ_k² + λ), so that nobody predicts themselves. The
    lengths are multiplied again. A newcomer has no leverage: `folding` is exact for them.
    Likes without entries give zeros of width 1.

    Args:
        likes: (users, products) float32, entries above 0.
        rank: of the spectrum that is kept; less where the matrix has less.
        ridge: λ, where each user's own similarity is 1.
        product_power: of the products' counts by which columns are tempered.
        seed: of the randomised spectrum of large matrices.
    """
    if likes.nnz == 0:
        return _nothing(*likes.shape)
    weighted, _, column_scale = _temper(likes, (0.0, product_power))
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel().astype(np.float64))
    length = np.where(length > 0, length, 1.0)
    left, values, right = spectrum((sparse.diags_array(1 / length) @ weighted).tocsr(), rank, seed)
    shrink = values**2 / (values**2 + ridge)
    leverage = 1 - (left**2 * shrink).sum(1)
    return Neighbourhood(
        (left * shrink * (length / np.maximum(leverage, 1e-3))[:, None]).astype(np.float32),
        (likes.T @ left).astype(np.float32),
        (right * (shrink / values) / column_scale[:, None]).astype(np.float32),
    )


def _nothing(users: int, products: int) -> Neighbourhood:
    empty = np.zeros((products, 1), np.float32)
    return Neighbourhood(np.zeros((users, 1), np.float32), empty, empty)


def _temper(
    matrix: sparse.csr_array, powers: tuple[float, float]
) -> tuple[sparse.csr_array, Array, Array]:
    """The matrix divided by its scales, the scale of each row, and that of each column."""
    rows, columns = (_scale(matrix, 1 - axis, powers[axis]) for axis in (0, 1))
    tempered = sparse.diags_array(1 / rows) @ matrix @ sparse.diags_array(1 / columns)
    return tempered.tocsr(), rows, columns


def _scale(matrix: sparse.csr_array, axis: int, power: float) -> Array:
    total = np.asarray(abs(matrix).sum(axis=axis)).ravel().astype(np.float64)
    return np.maximum(total, 1.0) ** power


def spectrum(matrix: sparse.csr_array, rank: int, seed: int) -> tuple[Array, Array, Array]:
    """The largest singular triplets, values falling; signs fixed by each right vector's sum.

    Exact through the smaller Gram matrix up to `DENSE_SIDE`; beyond it by randomised subspace
    iteration (Halko, Martinsson & Tropp 2011, algorithm 4.4).
    """
    users, products = matrix.shape
    rank = max(1, min(rank, users, products))
    if min(users, products) <= DENSE_SIDE:
        left, values, right = _by_gram(matrix.astype(np.float64), rank)
    else:
        from sklearn.utils.extmath import randomized_svd

        left, values, transposed = randomized_svd(
            sparse.csr_matrix(matrix), rank, n_iter=4, random_state=seed
        )
        right = transposed.T
    kept = values > 1e-6 * values[0]
    signs = _signs(right[:, kept])
    return left[:, kept] * signs, values[kept], right[:, kept] * signs


def right_spectrum(matrix: sparse.csr_array, rank: int, seed: int) -> tuple[Array, Array]:
    """Singular values and right vectors as of `spectrum`, without the left ones.

    Memory grows with the columns, not with the rows. Beyond `DENSE_SIDE` of both by ARPACK on the
    Gram matrix, which it never forms.
    """
    columns = matrix.shape[1]
    if columns <= DENSE_SIDE:
        from scipy.linalg import eigh

        rank = max(1, min(rank, *matrix.shape))
        gram = (matrix.T @ matrix).toarray().astype(np.float64)
        squares, right = eigh(gram, subset_by_index=(columns - rank, columns - 1))
    elif matrix.shape[0] <= DENSE_SIDE:
        return spectrum(matrix, rank, seed)[1:]
    else:
        from scipy.sparse.linalg import LinearOperator, eigsh

        # svds would multiply out the left vectors, asked for or not
        wide = matrix.astype(np.float64)
        gram = LinearOperator((columns, columns), lambda x: wide.T @ (wide @ x), dtype=np.float64)
        start = np.random.default_rng([seed, 32]).normal(size=columns)
        squares, right = eigsh(gram, max(1, min(rank, min(matrix.shape) - 1)), v0=start)
    values = np.sqrt(np.maximum(squares, 0))
    values, right = values[::-1], right[:, ::-1]
    kept = values > 1e-6 * values[0]
    return values[kept], right[:, kept] * _signs(right[:, kept])


def _signs(right: Array) -> Array:
    return np.where(right.sum(0) < 0, -1.0, 1.0)


def _by_gram(matrix: sparse.csr_array, rank: int) -> tuple[Array, Array, Array]:
    from scipy.linalg import eigh

    users, products = matrix.shape
    wide = users <= products
    gram = (matrix @ matrix.T if wide else matrix.T @ matrix).toarray()
    size = gram.shape[0]
    squares, vectors = eigh(gram, subset_by_index=(size - rank, size - 1))
    squares, vectors = squares[::-1], vectors[:, ::-1]
    values = np.sqrt(np.maximum(squares, 0))
    safe = np.where(values > 1e-6 * values[0], values, 1.0)
    if wide:
        return vectors, values, (matrix.T @ vectors) / safe
    return (matrix @ vectors) / safe, values, vectors
