"""What more money brings: concave curves, each a sum of saturating exponentials.

In: weights and scales of the terms. Out: values, slopes, and the spend at which a slope is met.
Never: a curve that falls, or that bends upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ROUNDS, EXACT = 80, 1e-7  # steps shrink by squares: the next one would be 1e-14
BLOCK = 1 << 16  # terms in one block, so that temporaries stay in the cache


class Concave(Protocol):
    """Concave rising curves of n placements, as planning needs them; see `Curves`."""

    def __len__(self) -> int: ...
    def take(self, rows: Array) -> Concave: ...
    def value(self, spend: Array) -> Array: ...
    def slope(self, spend: Array) -> Array: ...
    def bend(self, spend: Array) -> Array: ...
    def spend_at(
        self, price: Array, low: Array, high: Array, *, near: Array | None = None
    ) -> Array: ...


class Scaled(Concave, Protocol):
    """Concave curves each of which may be multiplied by a factor (n,)."""

    def times(self, factors: Array) -> Scaled: ...


@dataclass(frozen=True)
class Curves:
    """Row i is the curve `s -> sum_k weights[i,k] (1 - exp(-s / scales[i,k]))`.

    `weights` (n, k), none negative; `scales` (k,) or (n, k), above zero, in money. A mean over
    draws of such curves is such a curve, which keeps the mean of a posterior exact.
    """

    weights: Array
    scales: Array

    def __len__(self) -> int:
        return int(self.weights.shape[0])

    def take(self, rows: Array | slice) -> Curves:
        """The curves of some rows."""
        scales = self.scales if self.scales.ndim == 1 else self.scales[rows]
        return Curves(self.weights[rows], scales)

    def over(self, days: float) -> Curves:
        """The same curves for money spread evenly over days; by concavity the best spread."""
        return Curves(self.weights * days, self.scales * days)

    def times(self, factors: Array) -> Curves:
        """Each curve's outcome multiplied by a factor (n,)."""
        return Curves(self.weights * factors[:, None], self.scales)

    def value(self, spend: Array) -> Array:
        """The outcome (n,) at a spend (n,)."""
        return self._sum(spend, lambda part: part.weights, lambda at: -np.expm1(at))

    def slope(self, spend: Array) -> Array:
        """The outcome of the next unit of money (n,) at a spend (n,)."""
        return self._sum(spend, lambda part: part.weights / part.scales, np.exp)

    def bend(self, spend: Array) -> Array:
        """The slope's slope (n,), none positive."""
        return -self._sum(spend, lambda part: part.weights / part.scales**2, np.exp)

    def _sum(
        self, spend: Array, weight: Callable[[Curves], Array], shape: Callable[[Array], Array]
    ) -> Array:
        found = np.empty(len(self))
        for rows in self._blocks():
            part = self.take(rows)
            with np.errstate(under="ignore"):
                terms = shape(-spend[rows, None] / part.scales)
                found[rows] = np.einsum("ij,ij->i", weight(part), terms)
        return found

    def _blocks(self) -> Iterator[slice]:
        step = max(1, BLOCK // max(self.weights.shape[1], 1))
        for start in range(0, len(self), step):
            yield slice(start, min(start + step, len(self)))

    def spend_at(
        self, price: Array, low: Array, high: Array, *, near: Array | None = None
    ) -> Array:
        """The spend in `low` to `high` after which a unit of money brings less than `price` (n,).

        The logarithm of a slope is convex in the spend, so Newton's steps from the left never
        pass the answer and need a few rounds only; `near` is where to begin, and one step from
        the right of the answer leads to its left. Where even `low` brings less it is `low`.
        """
        spend = np.array(low if near is None else np.clip(near, low, high), np.float64)
        for rows in self._blocks():
            spend[rows] = _newton(
                self.take(rows), price[rows], (low[rows], high[rows]), spend[rows]
            )
        return spend


def newton(curves: Concave, price: Array, box: tuple[Array, Array], near: Array) -> Array:
    """As `Curves.spend_at`, for any curves whose slope's logarithm is convex."""
    low, high = box
    spend = np.clip(np.array(near, np.float64), low, high)
    logs = np.log(np.maximum(price, 1e-300))
    open_ = np.flatnonzero(high > low)
    for _ in range(ROUNDS):
        if open_.size == 0:
            break
        part, at = curves.take(open_), spend[open_]
        slope = np.maximum(part.slope(at), 1e-300)
        falling = np.maximum(-part.bend(at), 1e-300) / slope
        moved = np.clip(at + (np.log(slope) - logs[open_]) / falling, low[open_], high[open_])
        spend[open_] = moved
        open_ = open_[np.abs(moved - at) > EXACT * (1.0 + moved)]
    return spend


def _newton(curves: Curves, price: Array, box: tuple[Array, Array], spend: Array) -> Array:
    low, high = box
    rates = curves.weights / curves.scales
    inverse = np.broadcast_to(1.0 / curves.scales, rates.shape)
    logs = np.log(np.maximum(price, 1e-300))
    live = rates.sum(1) > 0
    spend = np.where(live, spend, low)
    open_ = np.flatnonzero((high > low) & live)
    rates, inverse = rates[open_], inverse[open_]
    for _ in range(ROUNDS):
        if open_.size == 0:
            break
        at = spend[open_]
        with np.errstate(under="ignore"):
            terms = np.multiply(inverse, -at[:, None])
            np.exp(terms, out=terms)
            terms *= rates
            slope = np.maximum(terms.sum(1), 1e-300)
            falling = np.maximum(np.einsum("ij,ij->i", terms, inverse), 1e-300) / slope
        moved = np.clip(at + (np.log(slope) - logs[open_]) / falling, low[open_], high[open_])
        spend[open_] = moved
        still = np.abs(moved - at) > EXACT * (1.0 + moved)
        if not still.all():
            open_, rates, inverse = open_[still], rates[still], inverse[still]
    return spend
