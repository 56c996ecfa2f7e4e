"""The likes that may still come: those of people who have not acted on the product.

In: a measured block. Out: expected likes among open people, by segment and by share.
Never: a person who acted already; what they think is known or was never said.
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
    """Numbers of likes, or sums of squared rates; products in rows."""

    everybody: Array  # (products,)
    segments: Array  # (products, segments + best shares)
    shares: Array  # (products, curve shares)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.everybody + other.everybody,
            self.segments + other.segments,
            self.shares + other.shares,
        )


def expect(panel: Panel, measured: Measured, thresholds: Array) -> tuple[Tally, Tally]:
    """Sums interest, and its squares, over open people, each standing for `panel.weight`.

    The squares tell how far chance scatters likes: a person of rate r gives r (1 - r).

    Args:
        thresholds: (products, curve shares), interest logits.
    """
    rates = measured.interest
    return (
        _sum(panel, measured, rates, thresholds),
        _sum(panel, measured, rates * rates, thresholds),
    )


def _sum(panel: Panel, measured: Measured, open_: Array, thresholds: Array) -> Tally:
    own = [np.einsum("pu,pu->p", open_, top) for top in measured.tops]
    shares = np.zeros(thresholds.shape)
    for at, limits in enumerate(thresholds.T):
        shares[:, at] = np.einsum("pu,pu->p", open_, measured.scores >= limits[:, None])
    everybody = open_.sum(axis=1, dtype=np.float64)
    segments = np.column_stack([open_ @ panel.members.T, *own])
    return Tally(everybody * panel.weight, segments * panel.weight, shares * panel.weight)
