"""The likes that may be held out: those of people who are not known to like the product already.

In: a measured block, the likes that were learned from. Out: expected likes among the others, by
segment and by share. Never: a person whose like was already spent on learning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audiences.standing import Measured, Panel

Array = NDArray[Any]


@dataclass(frozen=True)
class Expectation:
    """Expected likes of people who may still show one; products in rows, in people's numbers."""

    everybody: Array  # (products,)
    segments: Array  # (products, segments + best shares)
    shares: Array  # (products, curve shares)


def expect(panel: Panel, measured: Measured, products: Array, thresholds: Array) -> Expectation:
    """Sums interest over the panel users who are not known to like the product.

    Args:
        products: the block's columns in `panel.known`.
        thresholds: (products, curve shares), interest logits.
    """
    open_ = measured.interest
    if panel.known is not None:
        open_ = open_ * (panel.known[:, products].toarray().T == 0)
    own = [np.einsum("pu,pu->p", open_, top) for top in measured.tops]
    shares = np.zeros(thresholds.shape)
    for at, limits in enumerate(thresholds.T):
        shares[:, at] = np.einsum("pu,pu->p", open_, measured.scores >= limits[:, None])
    everybody = open_.sum(axis=1, dtype=np.float64)
    segments = np.column_stack([open_ @ panel.members.T, *own])
    return Expectation(everybody * panel.weight, segments * panel.weight, shares * panel.weight)
