"""What results say of one curve each: how much it brings at most, and where it saturates.

In: sums over a placement's rows, and what others say of it. Out: a posterior on a grid of
saturation points, with the ceiling's law at each. Never: a loop over placements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

Array = NDArray[Any]
STEPS, LONGEST, BLOCK = 9, 1.5, 1 << 18
TINY = 1e-300
_NODES = np.polynomial.hermite_e.hermegauss(7)
NODES = (_NODES[0], _NODES[1] / np.sqrt(2.0 * np.pi))


@dataclass(frozen=True)
class Sums:
    """What rows of a placement add up to, for each point of the grid.

    With `f(s) = 1 - exp(-s / scale)`: `seen` (n, k) sums of weight x exposure x f, `logs` (n, k)
    sums of weight x outcome x log f, `outcome` (n,) sums of weight x outcome.
    """

    seen: Array
    logs: Array
    outcome: Array

    def take(self, rows: Array) -> Sums:
        """The sums of some placements."""
        return Sums(self.seen[rows], self.logs[rows], self.outcome[rows])


@dataclass(frozen=True)
class Said:
    """What is said of placements before their own results: normal laws of two logarithms.

    `ceiling` of what a day brings at most, `scale` of the spend at which it saturates; each a
    mean and a variance (n,). `dead`: the chance that a placement brings nothing at all.
    """

    ceiling: tuple[Array, Array]
    scale: tuple[Array, Array]
    dead: float

    def take(self, rows: Array) -> Said:
        """What is said of some placements."""
        first, second = self.ceiling, self.scale
        return Said((first[0][rows], first[1][rows]), (second[0][rows], second[1][rows]), self.dead)


@dataclass(frozen=True)
class Posterior:
    """What is known of placements after their results, by point of the grid (n, k).

    `chance` sums to the chance of not being dead; `log_ceiling` and `spread` are mean and variance
    of the ceiling's logarithm, `mode` its mode, `ceiling` the mean of the ceiling itself.
    `evidence` (n,) is the log-likelihood.
    """

    chance: Array
    log_ceiling: Array
    spread: Array
    ceiling: Array
    mode: Array
    evidence: Array

    @property
    def alive(self) -> Array:
        """The chance (n,) that a placement brings anything."""
        return np.asarray(self.chance.sum(1))

    def moments(self, of: Array | None = None) -> tuple[Array, Array]:
        """Mean and variance (n,) of the ceiling's logarithm, or of a value by point (k,)."""
        share = self.chance / np.maximum(self.alive, TINY)[:, None]
        value, own = (self.log_ceiling, self.spread) if of is None else (of[None, :], 0.0)
        mean = (share * value).sum(1)
        return mean, (share * ((value - mean[:, None]) ** 2 + own)).sum(1)


def sum_rows(
    row: Array, spend: Array, parts: tuple[Array, Array, Array], grid: Array, count: int
) -> Sums:
    """Sums rows, sorted by placement, over each of `count` placements and points of the grid.

    Args:
        parts: weight, outcome and exposure (t,) of each row.
        grid: logarithms (k,) of the scales.
    """
    weight, outcome, exposure = parts
    seen, logs = np.zeros((count, grid.size)), np.zeros((count, grid.size))
    hit = np.flatnonzero(outcome > 0)
    for at, scale in enumerate(np.exp(grid)):
        share = -np.expm1(-spend / scale)
        seen[:, at] = np.bincount(row, weight * exposure * share, count)
        told = weight[hit] * outcome[hit] * np.log(np.maximum(share[hit], TINY))
        logs[:, at] = np.bincount(row[hit], told, count)
    return Sums(seen, logs, np.bincount(row, weight * outcome, count))


def judge(sums: Sums, grid: Array, said: Said, *, near: Array | None = None) -> Posterior:
    """The posterior of each placement, by quadrature in the ceiling at each grid point.

    The likelihood is Poisson's with the rows' weights. The nodes are Gauss and Hermite's about
    the mode (Liu & Pierce 1994): with Laplace's method alone placements with few outcomes pull
    what is learned of all away from its best. `near` (n, k) is where modes are looked for first.
    """
    mean, variance = (part[:, None] for part in said.ceiling)
    outcome = sums.outcome[:, None]
    mode, precision = _peak(outcome, sums.seen, mean, variance, near)
    height, log_ceiling, spread, ceiling = _integrals(
        (outcome, sums.seen, mean, variance), mode, precision
    )
    belief = -0.5 * (grid[None, :] - said.scale[0][:, None]) ** 2 / said.scale[1][:, None]
    belief -= logsumexp(belief, axis=1, keepdims=True)
    joint = sums.logs + height + belief
    living = logsumexp(joint, axis=1) + np.log1p(-said.dead)
    nothing = np.where(sums.outcome == 0, np.log(max(said.dead, TINY)), -np.inf)
    evidence = np.logaddexp(living, nothing)
    with np.errstate(under="ignore"):
        chance = np.exp(joint + np.log1p(-said.dead) - evidence[:, None])
    return Posterior(chance, log_ceiling, spread, ceiling, mode, evidence)


def _integrals(law: tuple[Array, ...], mode: Array, precision: Array) -> tuple[Array, ...]:
    """Integrals over the ceiling, each (n, k).

    The logarithm of the likelihood's mean; mean and variance of the ceiling's logarithm; and the
    mean of the ceiling.
    """
    outcome, seen, mean, variance = law
    width = 1.0 / np.sqrt(precision)
    rate, best = np.exp(mode) * seen, np.zeros((4, *mode.shape))
    peak = outcome * mode - rate - 0.5 * (mode - mean) ** 2 / variance
    for node, weight in zip(*NODES, strict=True):
        step = node * width
        grown = np.exp(step)
        told = outcome * step - rate * (grown - 1.0)
        told += 0.5 * node**2 - 0.5 * (step + 2.0 * (mode - mean)) * step / variance
        with np.errstate(under="ignore"):
            mass = weight * np.exp(told)
        for at, part in enumerate((1.0, step, step * step, grown)):
            best[at] += mass * part
    _, first, second, grown = best / np.maximum(best[0], TINY)
    height = peak + np.log(np.maximum(best[0], TINY) * width / np.sqrt(variance))
    return height, mode + first, np.maximum(second - first**2, TINY), np.exp(mode) * grown


def _peak(
    outcome: Array, seen: Array, mean: Array, variance: Array, near: Array | None
) -> tuple[Array, Array]:
    """Mode and precision of `outcome x - seen exp(x) - (x - mean)² / 2 variance`."""
    at = near
    if at is None:
        at = np.log((outcome + 1.0 / variance) / (seen + np.exp(-mean) / variance))
    for step in range(STEPS if near is None else STEPS // 2):
        rate = np.exp(at) * seen
        moved = (outcome - rate - (at - mean) / variance) / (rate + 1.0 / variance)
        at = at + np.clip(moved, -LONGEST, LONGEST)
        if step > 2 and np.abs(moved).max(initial=0.0) < 1e-7:
            break
    return at, np.exp(at) * seen + 1.0 / variance


def dispersion(outcome: Array, expected: Array, weight: Array, most: float) -> float:
    """Over-dispersion of a negative binomial law (variance = mean + phi mean²) by likelihood.

    Looked for on a fine grid of logarithms, 0 among them; outcomes need not be whole.
    """
    rows = np.flatnonzero((expected > 0) & (weight > 0))
    if rows.size == 0 or most <= 0:
        return 0.0
    y, mean, sure = outcome[rows], expected[rows], weight[rows]
    tried = np.exp(np.linspace(np.log(1e-4), np.log(most), 40))
    told = [float((sure * log_negative_binomial(y, mean, phi)).sum()) for phi in tried]
    plain = float((sure * (y * np.log(mean) - mean - gammaln(y + 1.0))).sum())
    best = int(np.argmax(told))
    return float(tried[best]) if told[best] > plain else 0.0


def log_negative_binomial(outcome: Array, mean: Array, phi: float) -> Array:
    """The logarithm of the negative binomial law with variance `mean + phi mean²`."""
    size = 1.0 / phi
    found = gammaln(outcome + size) - gammaln(size) - gammaln(outcome + 1.0)
    found += size * np.log(size / (size + mean)) + outcome * np.log(mean / (size + mean))
    return np.asarray(found)
