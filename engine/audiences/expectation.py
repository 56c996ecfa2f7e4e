"""The likes that may still come: those of people who are not known to like the product.

In: a measured block with the likes that are known. Out: expected likes among the others, by
segment and by share. Never: a person whose like is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audiences.standing import Measured, Panel

Array = NDArray[Any]


@dataclass(frozen=True)
class Tally:
    """Numbers of likes; products in rows."""

    everybody: Array  # (products,)
    segments: Array  # (products, segments + best shares)
    shares: Array  # (products, curve shares)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.everybody + other.everybody,
            self.segments + other.segments,
            self.shares + other.shares,
        )


def expect(panel: Panel, measured: Measured, products: Array, thresholds: Array) -> Tally:
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
    return Tally(everybody * panel.weight, segments * panel.weight, shares * panel.weight)
