"""From spend to outcome: a saturating curve for each placement, learned from all of them.

In: the history of placements, their groups, settings. Out: what is believed of each curve, as
means and as draws. Never: a placement without a curve; where nothing was tried it is what others
say of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.borrowing import Common, Learned, learn_common
from engine.planning.curves import Curves
from engine.planning.history import History
from engine.planning.people import Kinds
from engine.planning.response_prior import Groups, Hope
from engine.planning.saturation import Posterior, Sums, dispersion, sum_rows
from engine.settings import Section

Array = NDArray[Any]
PASSES, LEAST = 3, 1e-9
ANY_LEVEL = 3.0  # results tell the level of outcomes: nothing is believed of it


@dataclass(frozen=True)
class Start:
    """What is believed before any result, in the middle of all placements.

    `ceiling` what one brings at most a day; `scale` the daily spend at which it saturates, used
    where there is no spend to tell of it; `delayed` whether outcomes may come days after the
    spend, as sales do and clicks do not.
    """

    ceiling: float
    scale: float
    delayed: bool = True


@dataclass(frozen=True)
class Response:
    """What is believed of n placements.

    `grid` (k,) logarithms of daily spends at which a curve may saturate; `learned` the posterior
    of each and what all have in common; `dispersion` of a day's outcome about its mean; `organic`
    the outcome of a row without spend; `delay` the mean days that outcomes take.
    """

    places: list[tuple[str, str]]
    grid: Array
    learned: Learned
    dispersion: float
    organic: float
    delay: float

    def curves(self) -> Curves:
        """The mean curve of each placement for one day, exactly the mean of its posterior."""
        return mean_curves(self.learned.posterior, self.grid)

    def expect(self, row: Array, spend: Array) -> Array:
        """The mean outcome (t,) of rows: a day's spend on a placement each; organic included."""
        return self.curves().take(row).value(spend) + self.organic


@dataclass(frozen=True)
class _Rows:
    """Rows with spend, and what each counts for: by its age, and by how much has arrived."""

    row: Array
    spend: Array
    outcome: Array
    age: Array
    recent: Array
    exposure: Array


def fit_response(
    history: History,
    groups: tuple[Groups, Groups],
    start: Start,
    settings: dict[str, Section],
    *,
    shared: Kinds | None = None,
    seed: int = 0,
) -> Response:
    """Learns the curves of all placements by empirical Bayes, with weak beliefs about spreads.

    A day's outcome has the mean `a (1 - exp(-s / b))`. The logarithms of a and b are normal about
    what channel, segment, parts of its id and covariates say, all of it learned here; a share of
    placements brings nothing. Days differ more than Poisson's law allows: rows are weighed as in
    the quasi-likelihood of a negative binomial law.

    Args:
        groups: of ceilings and of scales, placements in the order of the history.
        shared: who is in the segments of several placements, in the same order. Whoever several
            touched on a day was counted for one of them, so that each told of less than it
            brings by itself, which is what is learned; missing: nobody.
        seed: draws the placements from which is learned what all have in common.
    """
    rows, organic = _rows(history, settings)
    common = _common(rows, groups, start, settings, seed)
    delay, phi, outcome, weight = 0.0, 0.0, rows.outcome, rows.recent
    found = learn_common(_summed(rows, weight, outcome, common), common)
    for _ in range(PASSES - 1 if rows.row.size else 0):
        curves = mean_curves(found.posterior, common.grid)
        paid = np.maximum(curves.take(rows.row).value(rows.spend), LEAST)
        delay = _delay(rows, paid, settings["time"]) if start.delayed else 0.0
        rows = replace(rows, exposure=_arrived(rows.age, delay) * _own(rows, curves, shared))
        paid = paid * rows.exposure
        phi = dispersion(rows.outcome, paid + organic, rows.recent, settings["noise"].most)
        weight = rows.recent / (1.0 + phi * (paid + organic))
        outcome = rows.outcome * paid / (paid + organic)
        found = learn_common(_summed(rows, weight, outcome, common), common, before=found)
    return Response(history.places, common.grid, found, phi, organic, delay)


def _rows(history: History, settings: dict[str, Section]) -> tuple[_Rows, float]:
    """Rows with spend, and what rows without it bring on average, shrunk towards nothing."""
    young = history.age <= settings["time"].window_days
    paid, free = np.flatnonzero(young & (history.spend > 0)), young & (history.spend <= 0)
    belief = float(settings["noise"].organic_rows)
    organic = float(history.outcome[free].sum() / max(free.sum() + belief, LEAST))
    age = history.age[paid]
    weight = 0.5 ** (age / settings["time"].half_life_days)
    if age.size:
        # As many rows as these weights are worth (Kish 1965), or spreads would look too sure.
        weight = weight * weight.sum() / (weight**2).sum()
    parts = (history.row[paid], history.spend[paid], history.outcome[paid])
    return _Rows(*parts, age, weight, np.ones(age.size)), organic


def _common(
    rows: _Rows,
    groups: tuple[Groups, Groups],
    start: Start,
    settings: dict[str, Section],
    seed: int,
) -> Common:
    scale, ceiling = np.log(start.scale), np.log(start.ceiling)
    prior = settings["prior"]
    level = float(prior.level_spread)
    if rows.row.size:
        order = np.argsort(rows.spend)
        share = np.cumsum(rows.spend[order]) / rows.spend.sum()
        scale = np.log(rows.spend[order][np.searchsorted(share, 0.5)] * prior.saturation)
        ceiling = np.log(max(rows.outcome.mean(), 0.1 / rows.row.size) * 2.0)
        level = ANY_LEVEL
    points = int(np.clip(2e7 / max(len(groups[0].covariates), 1), 8, settings["response"].scales))
    reach = float(settings["response"].reach)
    grid = np.linspace(scale - reach, scale + reach, points)
    slopes = (prior.borrowing, prior.borrowing_spread)
    shared = (prior.group_differs, prior.group_weight)
    hopes = (
        Hope(ceiling, level, *slopes, prior.yield_differs, prior.yield_weight, *shared),
        Hope(
            scale,
            prior.saturation_spread,
            *slopes,
            prior.saturation_differs,
            prior.saturation_weight,
            *shared,
        ),
    )
    return Common(grid, groups, hopes, _learning(settings), seed)


def _summed(rows: _Rows, weight: Array, outcome: Array, common: Common) -> Sums:
    count = len(common.groups[0].covariates)
    parts = (weight, outcome, rows.exposure)
    return sum_rows(rows.row, rows.spend, parts, common.grid, count)


def _learning(settings: dict[str, Section]) -> tuple[int, int, float, float]:
    prior, response = settings["prior"], settings["response"]
    return response.rounds, response.learned_from, prior.dead, prior.dead_weight


def mean_curves(posterior: Posterior, grid: Array) -> Curves:
    """The mean over a posterior of each placement's curve for one day."""
    return Curves(posterior.chance * posterior.ceiling, np.exp(grid))


def _arrived(age: Array, delay: float) -> Array:
    """The share of an outcome that has come so many days after the spend; waits are exponential."""
    return np.ones(age.size) if delay <= 0 else -np.expm1(-np.maximum(age, 0.5) / delay)


def _own(rows: _Rows, curves: Curves, shared: Kinds | None) -> Array:
    """The part (t,) of what a placement brings by itself that it was counted for that day."""
    if shared is None:
        return np.ones(rows.row.size)
    days, day = np.unique(rows.age, return_inverse=True)
    touched, ceiling = np.zeros((days.size, shared.count)), curves.weights.sum(1)
    share = curves.take(rows.row).value(rows.spend) / np.maximum(ceiling, LEAST)[rows.row]
    touched[day, rows.row] = np.minimum(share, 1.0)
    return np.asarray(shared.ranked(ceiling).told(touched)[day, rows.row])


def _delay(rows: _Rows, paid: Array, settings: Section) -> float:
    """The mean delay that explains best what the last days lack; 0 unless it does so clearly.

    Sums of days are compared, and the gain is divided by how much more they differ than Poisson's
    law allows, so that one bad day is no delay.
    """
    tried = [float(part) for part in str(settings.delay_days).split()]
    day = rows.age.astype(np.int64)
    came = np.bincount(day, rows.outcome * rows.recent)
    due = np.bincount(day, paid * rows.recent)
    used = np.flatnonzero(due > 0)
    came, due, age = came[used], due[used], used.astype(np.float64)

    def told(delay: float) -> float:
        mean = due * _arrived(age, delay)
        mean = np.maximum(mean * came.sum() / mean.sum(), LEAST)
        return float((came * np.log(mean) - mean).sum())

    excess = ((came - due) ** 2 / due).sum() / max(used.size - 1, 1)
    gains = [(told(delay) - told(0.0)) / max(1.0, excess) for delay in tried]
    best = int(np.argmax(gains))
    return tried[best] if gains[best] > settings.delay_evidence else 0.0
