"""Whom the campaign moved: the effect in each segment, and the people it is worth addressing.

In: outcomes of a randomised campaign, segments or scores of uplift. Out: effects with intervals,
and a segment of users. Never: a claim on the people it was chosen on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.errors import InvalidValue
from engine.measurement.lift import Lift, checked, compare
from engine.measurement.qini import rank_within, uplift_curve
from engine.measurement.uplift import Crowd

Array = NDArray[Any]


def uplift_by_segment(
    outcome: Array, held_out: Array, segment: Array, *, level: float, few: int = 0
) -> pl.DataFrame:
    """One row for each segment, by its id: people of both sides, and the effect among them.

    `lower` and `upper` hold for all segments at once with a chance of `level` (Bonferroni), so
    `proven` may be read along the column. `shrunk` draws each effect towards the common one as
    far as their differences are noise (DerSimonian & Laird 1986, then the posterior mean): what a
    plan should count on. A person of several segments is given several times, one row for each;
    segments with fewer than two people on a side have nulls.

    Args:
        outcome: (rows,), held_out: (rows,), segment: (rows,) ids.
        few: see `lift.compare`.
    """
    y, held = checked(outcome, held_out)
    ids, place = np.unique(np.asarray(segment), return_inverse=True)
    if place.shape != y.shape:
        raise InvalidValue("segment", "must be as long as the outcomes")
    sizes = np.stack([np.bincount(place[side], minlength=len(ids)) for side in (~held, held)])
    usable: NDArray[np.bool_] = np.logical_and(*(sizes >= 2))
    strict = 1 - (1 - level) / max(int(usable.sum()), 1)
    found: list[Lift | None] = [
        compare(y[place == at], held[place == at], level=strict, few=few) if usable[at] else None
        for at in range(len(ids))
    ]
    effects = np.array([np.nan if each is None else each.effect for each in found])
    errors = np.array([np.nan if each is None else each.error for each in found])
    return pl.DataFrame(
        {
            f.SEGMENT: ids,
            "exposed": sizes[0],
            "held_out": sizes[1],
            "effect": effects,
            f.LOWER: [None if each is None else each.lower for each in found],
            f.UPPER: [None if each is None else each.upper for each in found],
            "shrunk": _shrunk(effects, errors),
            "proven": [None if each is None else each.proven for each in found],
        },
        schema_overrides={f.LOWER: pl.Float64, f.UPPER: pl.Float64, "proven": pl.Boolean},
    ).with_columns(pl.col("effect", "shrunk").fill_nan(None))


def _shrunk(effects: Array, errors: Array) -> Array:
    """Posterior means of effects whose spread is estimated from them; NaN where they are."""
    known = np.isfinite(effects) & (errors > 0)
    if known.sum() < 2:
        return effects.copy()
    weights, seen = errors[known] ** -2.0, effects[known]
    middle = (weights * seen).sum() / weights.sum()
    excess = (weights * (seen - middle) ** 2).sum() - (known.sum() - 1)
    spread = max(excess / (weights.sum() - (weights**2).sum() / weights.sum()), 0.0)
    weights = 1 / (errors[known] ** 2 + spread)
    middle = (weights * seen).sum() / weights.sum()
    found = effects.copy()
    found[known] = middle + (seen - middle) * spread / (spread + errors[known] ** 2)
    return found


@dataclass(frozen=True)
class Persuadables:
    """People whom addressing is worth it, a mask (n,), and what it did to them and to the rest.

    `share` is that of everybody. `lift` and `rest` are None where a side has fewer than two
    people.
    """

    mask: NDArray[np.bool_]
    share: float
    lift: Lift | None
    rest: Lift | None

    def users(self, ids: pl.Series) -> pl.Series:
        """Their ids, in the order given."""
        return ids.filter(pl.Series(self.mask))


def persuadable(
    score: Array, crowd: Crowd, fold: Array, *, level: float, least: float = 0.0
) -> Persuadables:
    """The people scored highest, as far down as addressing them is worth it.

    How far is told by the other folds: the share at which the uplift curve of their people, less
    `least` for each person addressed, is highest (empirical welfare: Kitagawa & Tetenov 2018).
    Scores are of models that did not see the person (`uplift.cross_fit`), so neither choice
    flatters the effect that is then measured among those chosen.

    Args:
        score: (n,), higher for those moved more.
        fold: (n,), at least two different ones.
        least: what addressing one person costs, in the unit of the outcome.

    Raises:
        InvalidValue: one fold only, or a score that is not finite.
    """
    y, held = checked(crowd.outcome, crowd.held_out)
    if len(np.unique(fold)) < 2:
        raise InvalidValue("fold", "how far to go is told by other folds: give at least two")
    rank = rank_within(score, fold)
    mask = np.zeros(len(y), bool)
    for each in np.unique(fold):
        inside = fold == each
        curve = uplift_curve(rank[~inside], y[~inside], held[~inside])
        worth = curve.gain - least * curve.share * (~inside).sum()
        mask[inside] = rank[inside] > 1 - curve.share[int(np.argmax(worth))]
    return Persuadables(
        mask, float(mask.mean()), _lift(y, held, mask, level), _lift(y, held, ~mask, level)
    )


def _lift(outcome: Array, held_out: Array, mask: Array, level: float) -> Lift | None:
    if min((mask & held_out).sum(), (mask & ~held_out).sum()) < 2:
        return None
    return compare(outcome[mask], held_out[mask], level=level)
