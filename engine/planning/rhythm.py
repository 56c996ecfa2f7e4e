"""How response moves with hour, weekday, holiday, month and kind: smooth, shrunk, with its spread.

In: units and totals by cell, what was expected of each cell, how far parts may stray. Out: effects
as logarithms with their covariance. Never: a cell that is believed on a handful of units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
HOURS, DAYS, MONTHS = 24, 7, 12
WEEK = DAYS * HOURS
PARTS = ("hour", "weekday", "interaction", "holiday", "month", "kind")
_ROUNDS, _CLOSE, _FARTHEST = 60, 1e-4, 2.0
_DISPERSION = (1e-4, 100.0)
_LEVEL_SPREAD = 10.0  # of the logarithm: nothing is known of how much happens at all


@dataclass(frozen=True)
class Cells:
    """Equal units counted together; all arrays (cells,).

    `week` is 24 x weekday + hour, for a holiday that of a day of the weekend. `month` and `kind`
    are -1 where they are not known.
    """

    week: Array
    holiday: Array
    month: Array
    kind: Array
    units: Array
    total: Array
    squares: Array


@dataclass(frozen=True)
class Spreads:
    """Standard deviations of the parts of the logarithm, before data speak; see timing.toml.

    `steadiness` is how many effects these count for when data tell the spread of a part, and how
    many units `dispersion` counts for.
    """

    hour: float
    weekday: float
    interaction: float
    holiday: float
    month: float
    kind: float
    dispersion: float
    smooth_hours: float
    steadiness: float


@dataclass(frozen=True)
class Rhythm:
    """Effects on the logarithm of response, and how sure they are.

    The mean of a unit is `exp(expected + level + effects)`, its variance `mean + dispersion x
    mean^2`. `level` is that of a unit where all effects are 0.
    """

    level: float
    effects: Array  # (effects,)
    covariance: Array  # (effects, effects)
    spreads: Spreads
    kinds: int
    dispersion: float
    prior: Array  # (effects,) variances before data

    def at(self, cells: Cells) -> Array:
        """Logarithm of the mean response of each cell beside what was expected of it."""
        design = _design(cells, self.kinds, self.spreads.smooth_hours)
        return np.asarray(self.level + design @ self.effects)

    def week(self) -> tuple[Array, Array, Array]:
        """Effects (168,) of every hour of a week, their covariance, and that before data."""
        rows = _week_design(self.spreads.smooth_hours)
        wide = rows.shape[1]
        inside = self.covariance[:wide, :wide]
        return (
            rows @ self.effects[:wide],
            rows @ inside @ rows.T,
            (rows * self.prior[:wide]) @ rows.T,
        )

    def holiday(self) -> tuple[float, float]:
        """Effect of a holiday and its variance."""
        at = _week_design(self.spreads.smooth_hours).shape[1]
        return float(self.effects[at]), float(self.covariance[at, at])


def learn_rhythm(cells: Cells, expected: Array, spreads: Spreads, *, kinds: int = 0) -> Rhythm:
    """Fits a negative binomial model whose effects are shrunk towards what was expected.

    `log mean = expected + level + hour + weekday + hour x weekday + holiday + month + kind`; hours
    and months are smooth around the clock and the year, effects are normal, the spread of each part
    is told by the data (Fellner-Schall, Wood & Fasiolo, Biometrics 2017), steadied by what was
    set. The answer is the mode and its Gaussian (Laplace).

    Args:
        cells: what was counted; no cells: what was expected stays.
        expected: (cells,) logarithm of response before data, up to a constant.
        spreads: how far parts stray.
        kinds: number of kinds of post.
    """
    sizes = _sizes(kinds, spreads.smooth_hours)
    variances = np.array([getattr(spreads, name) ** 2 for name in sizes])
    units, counts = float(cells.units.sum()), np.array(list(sizes.values()))
    if units <= 0:
        prior = np.repeat(variances, counts)
        nothing = np.zeros(prior.size)
        return Rhythm(0.0, nothing, np.diag(prior), spreads, kinds, spreads.dispersion, prior)
    level = np.ones((cells.units.size, 1))
    design = np.hstack([level, _design(cells, kinds, spreads.smooth_hours)])
    start = np.log((cells.total.sum() + 0.5) / float(cells.units @ np.exp(expected)))
    width = design.shape[1]
    fit = _Fit(np.zeros(width), variances, spreads.dispersion, np.zeros((width, width)))
    for _ in range(_ROUNDS):
        before = fit.effects
        fit = _step(fit, cells, expected + start, (design, counts, spreads))
        if np.abs(fit.effects - before).max() < _CLOSE:
            break
    prior, covariance = np.repeat(fit.variances, counts), fit.covariance[1:, 1:]
    told = start + float(fit.effects[0])
    return Rhythm(told, fit.effects[1:], covariance, spreads, kinds, fit.dispersion, prior)


@dataclass(frozen=True)
class _Fit:
    effects: Array  # the level first
    variances: Array  # of each part
    dispersion: float
    covariance: Array


def _step(fit: _Fit, cells: Cells, offset: Array, about: tuple[Array, Array, Spreads]) -> _Fit:
    """One round: weights, effects, spreads of the parts, dispersion."""
    design, counts, spreads = about
    eta = offset + design @ fit.effects
    mean = np.exp(eta)
    weight = cells.units * mean / (1 + fit.dispersion * mean)
    away = (cells.total - cells.units * mean) / (1 + fit.dispersion * mean)
    precision = np.concatenate([[_LEVEL_SPREAD**-2], np.repeat(1 / fit.variances, counts)])
    covariance = np.linalg.inv(design.T @ (weight[:, None] * design) + np.diag(precision))
    step = covariance @ (design.T @ away - precision * fit.effects)
    # A step that looks too far ahead is cut: the weights hold only nearby.
    effects = fit.effects + step * min(1.0, _FARTHEST / max(np.abs(design @ step).max(), 1e-12))
    variances, free = _spread_of_parts(effects, covariance, fit.variances, (counts, spreads))
    dispersion = _dispersion(cells, offset + design @ effects, free, spreads)
    return _Fit(effects, variances, dispersion, covariance)


def _spread_of_parts(
    effects: Array, covariance: Array, variances: Array, about: tuple[Array, Spreads]
) -> tuple[Array, float]:
    """Variance of each part by Fellner-Schall, and how many effects were free to move."""
    counts, spreads = about
    part = np.repeat(np.arange(counts.size), counts)
    squares = np.bincount(part, effects[1:] ** 2, counts.size)
    sure = np.bincount(part, np.diag(covariance)[1:], counts.size)
    free = np.clip(counts - sure / variances, 0.0, counts)
    own = np.array([getattr(spreads, name) ** 2 for name in PARTS])
    steady = spreads.steadiness
    return np.maximum((squares + steady * own) / (free + steady), 1e-8), float(free.sum() + 1)


def _dispersion(cells: Cells, eta: Array, free: float, spreads: Spreads) -> float:
    """Moment estimate: squared residuals are as large as the model says; steadied as all is."""
    mean = np.exp(eta)
    squared = cells.squares - 2 * mean * cells.total + cells.units * mean**2
    left = float(cells.units.sum()) - free
    if left <= 0:
        return spreads.dispersion
    low, high = np.log(_DISPERSION)
    for _ in range(40):
        middle = (low + high) / 2
        if float((squared / (mean + np.exp(middle) * mean**2)).sum()) > left:
            low = middle
        else:
            high = middle
    steady = spreads.steadiness
    return float((left * np.exp(low) + steady * spreads.dispersion) / (left + steady))


def _sizes(kinds: int, smooth_hours: float) -> dict[str, int]:
    """How many columns each part has, in their order."""
    hours = _cycle(HOURS, smooth_hours).shape[1]
    return dict(zip(PARTS, (hours, DAYS, DAYS * hours, 1, _months().shape[1], kinds), strict=True))


def _design(cells: Cells, kinds: int, smooth_hours: float) -> Array:
    unknown = np.zeros((1, _months().shape[1]))
    months, kind = np.vstack([_months(), unknown]), np.eye(kinds + 1)[:, :kinds]
    week = _week_design(smooth_hours)[cells.week]
    free = cells.holiday[:, None].astype(float)
    return np.hstack([week, free, months[cells.month], kind[cells.kind]])


@cache
def _week_design(smooth_hours: float) -> Array:
    """(168, ...) columns of hour, weekday, and hour on that weekday."""
    hours, week = _cycle(HOURS, smooth_hours), np.arange(WEEK)
    hour, weekday = hours[week % HOURS], np.eye(DAYS)[week // HOURS]
    both = (weekday[:, :, None] * hour[:, None, :]).reshape(WEEK, -1)
    return np.hstack([hour, weekday, both])


def _months() -> Array:
    return _cycle(MONTHS, 1.0)


@cache
def _cycle(points: int, smooth: float) -> Array:
    """(points, k) columns whose sums with normal weights of variance 1 are smooth on a circle."""
    apart = np.abs(np.subtract.outer(np.arange(points), np.arange(points)))
    alike = np.exp(-0.5 * (np.minimum(apart, points - apart) / smooth) ** 2)
    values, vectors = np.linalg.eigh(alike)
    kept = values > 1e-3 * values.max()
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))
