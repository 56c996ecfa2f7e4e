"""What placements have in common: learned from all of them, so that each may borrow from it.

In: pseudo-observations of each placement with their precision, the groups it belongs to.
Out: for each placement what the others say of it, and how surely. Never: a placement's own
results counted twice: what a group says to a member leaves that member out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SWEEPS, LEAST = 4, 0.01
SURE = 1e-12  # variance of a logarithm below which nothing is left to learn


@dataclass(frozen=True)
class Groups:
    """Which level of each factor a placement has, and numbers that tell of it beforehand.

    `levels` holds one (n,) int64 for each factor: channel, segment, and the parts of its id.
    `covariates` (n, q) float64, each centred on 0; 0 where nothing is known. `given` (n,) is
    added as it is, nothing learned of it; missing: nothing.
    """

    levels: tuple[Array, ...]
    covariates: Array
    given: Array | None = None

    def take(self, rows: Array) -> Groups:
        """The groups of some placements; levels keep their numbers."""
        given = None if self.given is None else self.given[rows]
        return Groups(tuple(level[rows] for level in self.levels), self.covariates[rows], given)


@dataclass(frozen=True)
class Effects:
    """A mean, slopes of covariates, and what each level of each factor adds.

    `spreads` are the standard deviations of levels of each factor, `own` that of a placement
    about what its groups say.
    """

    mean: float
    slopes: Array
    levels: tuple[Array, ...]
    spreads: tuple[float, ...]
    own: float


@dataclass(frozen=True)
class Hope:
    """What is believed of effects before results: means, spreads, and for how much they count."""

    mean: float
    mean_spread: float
    slope: float
    slope_spread: float
    own: float
    weight: float
    group: float
    group_weight: float


def start_effects(groups: Groups, hope: Hope) -> Effects:
    """Effects as they are believed to be without results."""
    return Effects(
        hope.mean,
        np.full(groups.covariates.shape[1], hope.slope),
        tuple(np.zeros(int(level.max(initial=-1)) + 1) for level in groups.levels),
        tuple(hope.own for _ in groups.levels),  # from above, where results are heard
        hope.own,
    )


def said_of(effects: Effects, groups: Groups) -> Array:
    """What the effects say of each placement (n,)."""
    found = effects.mean + groups.covariates @ effects.slopes
    if groups.given is not None:
        found = found + groups.given
    for level, added in zip(groups.levels, effects.levels, strict=True):
        found = found + added[level]
    return np.asarray(found)


def observed(mean: Array, variance: Array, prior: tuple[Array, Array]) -> tuple[Array, Array]:
    """What results alone say: the posterior divided by the prior, both normal.

    Each is a mean and a variance (n,); what is left is a value and its precision (n,).
    """
    said, spread = prior
    # Where results widen what was said, the step stays that of the likelihood's slope.
    precision = np.maximum(1.0 / np.maximum(variance, SURE) - 1.0 / spread, LEAST / spread)
    return mean + (mean - said) / (spread * precision), precision


def learn_effects(
    effects: Effects, groups: Groups, seen: tuple[Array, Array, Array], hope: Hope
) -> tuple[Effects, Array, Array]:
    """One round: effects fitted to observed values by ridge regression, and cavities.

    Args:
        seen: value, precision and weight (n,) of each placement.

    Returns:
        New effects; and what they say of each placement without its own value (n,), and the
        variance of that (n,), the placement's own spread not included.
    """
    value, precision, weight = seen
    sure = weight / (effects.own**2 + 1.0 / precision)
    fitted = _sweep(effects, groups, value, sure, hope)
    said = said_of(fitted, groups)
    doubt = np.full(value.size, 1.0 / (sure.sum() + hope.mean_spread**-2))
    spreads = []
    for level, added, spread in zip(groups.levels, fitted.levels, fitted.spreads, strict=True):
        sums = np.bincount(level, sure, added.size)
        rest = np.maximum((sums[level] - sure), 0.0) + spread**-2
        residual = value - (said - added[level])
        total = added * (sums + spread**-2)
        said = said - added[level] + (total[level] - sure * residual) / rest
        doubt = doubt + 1.0 / rest
        # As many levels as results tell of (MacKay 1992): faster than expectation-maximisation.
        told = (sums / (sums + spread**-2)).sum() + hope.group_weight
        square = (added**2).sum() + hope.group_weight * hope.group**2
        spreads.append(float(np.sqrt(square / told)))
    return replace(fitted, spreads=tuple(spreads)), said, doubt


def _sweep(effects: Effects, groups: Groups, value: Array, sure: Array, hope: Hope) -> Effects:
    mean, slopes = effects.mean, effects.slopes.copy()
    levels = [added.copy() for added in effects.levels]
    left = value - said_of(effects, groups)
    for _ in range(SWEEPS):
        new = ((sure * (left + mean)).sum() + hope.mean / hope.mean_spread**2) / (
            sure.sum() + hope.mean_spread**-2
        )
        left, mean = left + mean - new, float(new)
        for at, x in enumerate(groups.covariates.T):
            part = (sure * x * (left + slopes[at] * x)).sum() + hope.slope / hope.slope_spread**2
            slope = part / ((sure * x * x).sum() + hope.slope_spread**-2)
            left, slopes[at] = left + (slopes[at] - slope) * x, slope
        for at, level in enumerate(groups.levels):
            old, size = levels[at], levels[at].size
            sums = np.bincount(level, sure, size) + effects.spreads[at] ** -2
            added = np.bincount(level, sure * (left + old[level]), size) / sums
            left, levels[at] = left + old[level] - added[level], added
    return replace(effects, mean=mean, slopes=slopes, levels=tuple(levels))


def learn_own(
    effects: Effects, moments: tuple[Array, Array, Array], doubt: Array, hope: Hope
) -> Effects:
    """The placements' own spread, from the mean squares of their distance from what is said.

    Args:
        moments: mean distance, variance and weight (n,) of each placement's posterior.
        doubt: the variance of what is said (n,), whose part of the distance is not their own.
    """
    distance, variance, weight = moments
    share = effects.own**2 / (effects.own**2 + doubt)
    squares = share**2 * (distance**2 + variance) + share * doubt
    total = (weight * squares).sum() + hope.weight * hope.own**2
    return replace(effects, own=float(np.sqrt(total / (weight.sum() + hope.weight))))


def name_levels(
    places: Sequence[tuple[str, str]], *, fewest: int = 2
) -> tuple[tuple[str, ...], tuple[Array, ...]]:
    """Factors of placements: channel, segment, and each key of ids such as `age=25-34|sex=f`.

    Returns:
        Names of the factors, and for each the levels (n,). A factor whose levels have fewer
        than `fewest` placements each on average says nothing that a placement does not, nor does
        one with a single level; they are left out.
    """
    columns: dict[str, list[str]] = {
        "channel": [channel for channel, _ in places],
        "segment": [segment for _, segment in places],
    }
    parts = [_parts(segment) for _, segment in places]
    for key in sorted({key for part in parts for key in part}):
        columns[f"segment.{key}"] = [part.get(key, "") for part in parts]
    names, levels = [], []
    for name, column in columns.items():
        values, level = np.unique(np.array(column, dtype=object).astype(str), return_inverse=True)
        if values.size > 1 and values.size * fewest <= len(places):
            names.append(name)
            levels.append(level.astype(np.int64))
    return tuple(names), tuple(levels)


def _parts(segment: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in segment.split("|") if "=" in part)
    return {key: value for key, _, value in pairs}
