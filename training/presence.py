"""Who was there when a product was: the rhythm of acts as a part of a score.

In: pairs with their moments. Out: two thin arrays whose product says how present a product was
while a user was acting, and the row of somebody who acts at the end of the time.
Never: what a user likes; only that people come upon what is shown while they are there.

Time is cut into bins that hold equally many acts. With n_ut the acts of user u in bin t and r_pt
the share of product p among the acts of everybody around bin t, the score is
Σ_t n_ut √r_pt / √n_u: the root tempers what is everywhere for a moment, and a user's acts count
over the root of their number, as friends do. It is kept at a low rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter1d

from training.matrices import Pairs

Array = NDArray[Any]


@dataclass(frozen=True)
class Presence:
    """`users @ products.T` scores pairs; `latest` times the root of their number embeds acts."""

    users: Array  # (users, rank) float32
    products: Array  # (products, rank) float32
    latest: Array  # (rank,) float32


def fit_presence(pairs: Pairs, *, bins: int, smoothing: float, rank: int) -> Presence:
    """Fits presence to the moments of the pairs; acts of one moment are always in one bin.

    Args:
        pairs: of at least two moments.
        bins: at most so many; fewer where acts share their moments.
        smoothing: deviation of the Gaussian that widens each product's acts, in bins.
        rank: of what is kept; less where there are fewer bins.
    """
    inner = np.quantile(pairs.at, np.linspace(0, 1, bins + 1)[1:-1], method="lower")
    # an edge at the last moment would leave nothing for the last bin
    edges = np.unique(np.minimum(inner, pairs.at[pairs.at < pairs.at.max()].max()))
    stretch = np.searchsorted(edges, pairs.at, side="left")
    count = edges.size + 1
    users, products = pairs.shape
    acted = _counted(pairs.rows, stretch, (users, count))
    acted = sparse.diags_array(np.maximum(acted.sum(1), 1) ** -0.5) @ acted
    shown = _counted(pairs.columns, stretch, (products, count)).toarray()
    shown = gaussian_filter1d(shown, smoothing, axis=1, mode="nearest")
    share = np.sqrt(shown / np.maximum(shown.sum(0), 1e-9))
    turn = _main_directions((acted.T @ acted).toarray(), share, rank)
    ends = share.T @ turn
    return Presence(
        (acted @ ends).astype(np.float32), turn.astype(np.float32), ends[-1].astype(np.float32)
    )


def _counted(numbers: Array, stretch: Array, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array((np.ones(stretch.size, np.float32), (numbers, stretch)), shape=shape)


def _main_directions(inner: Array, share: Array, rank: int) -> Array:
    """(products, rank): the right singular vectors of acted @ share.T, from acted.T @ acted.

    Only matrices of bins × bins are decomposed. Signs are fixed by each vector's sum.
    """
    squares, vectors = np.linalg.eigh(inner)
    root = vectors * np.sqrt(np.maximum(squares, 0))
    wide = share @ root
    squares, vectors = np.linalg.eigh((wide.T @ wide).astype(np.float64))
    squares, vectors = squares[::-1][:rank], vectors[:, ::-1][:, :rank]
    kept = squares > 1e-10 * max(float(squares[0]), 1e-30)
    turn: Array = wide @ (vectors[:, kept] / np.sqrt(squares[kept]))
    return turn * np.where(turn.sum(0) < 0, -1.0, 1.0)
