"""Does a model know whom a campaign moves: uplift and Qini curves, their areas, and intervals.

In: scores of one or more models, outcomes of a randomised campaign, who was held out. Out: curves
and areas. Never: a curve that depends on the order of people whose scores are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.measurement.lift import checked, refuse_level

Array = NDArray[Any]
EQUAL = 1e-12  # of the largest score: what arithmetic alone may part equal scores by


@dataclass(frozen=True)
class Curve:
    """Gains (points,) when the best `share` (points,) of people is addressed; both start at 0."""

    share: Array
    gain: Array

    @property
    def area(self) -> float:
        """Below the curve, by trapezoids, over shares from 0 to 1."""
        return float(np.trapezoid(self.gain, self.share))


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn: `draws` bootstrap samples of people, each side by itself."""

    draws: int
    level: float
    seed: int = 0


def uplift_curve(score: Array, outcome: Array, held_out: Array) -> Curve:
    """`(Y_t / N_t - Y_c / N_c) (N_t + N_c)` of the people scored highest, by their share.

    Outcomes may be 0 and 1 or amounts. People of equal scores, or of scores that differ by no more
    than rounding, come in together: the curve is straight over them, and so no better than chance.
    A side without anybody yet counts 0.

    Raises:
        InvalidValue: arrays of different lengths, values that are not finite, or an empty side.
    """
    y, held = checked(outcome, held_out)
    return _uplift(*_sums(_ranking(score, y), _columns(y, held)))


def qini_curve(score: Array, outcome: Array, held_out: Array) -> Curve:
    """`Y_t - Y_c N_t / N_c` (Radcliffe 2007) of the people scored highest; as `uplift_curve`."""
    y, held = checked(outcome, held_out)
    return _qini(*_sums(_ranking(score, y), _columns(y, held)))


def perfect_scores(outcome: Array, held_out: Array) -> Array:
    """(n,): the order no model beats on these people: what was earned first, what was lost last.

    The outcome of the exposed, less that of the held out: with outcomes 0 and 1 the exposed who
    did it, then all who did not, then the held out who did it anyway.
    """
    y, held = checked(outcome, held_out)
    return np.where(held, -y, y)


def judge(
    scores: Mapping[str, Array],
    outcome: Array,
    held_out: Array,
    *,
    sampling: Resampling,
    beside: str | None = None,
) -> pl.DataFrame:
    """One row for each model, in the order given, with the areas of its curves.

    `qini` is the Qini coefficient: the area between the model's Qini curve and the straight line
    of chance, over that of `perfect_scores` (Devriendt et al. 2020 compare the variants); 0 is
    chance. `auuc` is the area under the uplift curve for each person, of whom a random order gets
    `auuc_random`: half of the effect. With `beside`, `qini_ahead` is how much larger the
    coefficient is than that model's, on the same samples. All with `_lower` and `_upper`:
    percentiles of the bootstrap. Models must not have learned from these people.

    Raises:
        InvalidValue: as in `uplift_curve`, no model, or `beside` is none of them.
    """
    refuse_level(sampling.level)
    y, held = checked(outcome, held_out)
    if not scores or (beside is not None and beside not in scores):
        raise InvalidValue("beside", f"must be one of {', '.join(scores) or 'the models'}")
    rankings = {name: _ranking(score, y) for name, score in scores.items()}
    perfect = _ranking(perfect_scores(y, held), y)
    columns = _columns(y, held)
    point = _areas(rankings, perfect, columns)
    random = np.random.default_rng(sampling.seed)
    drawn = np.array(
        [_areas(rankings, perfect, columns * _drawn(held, random)) for _ in range(sampling.draws)]
    ).reshape(-1, *point.shape)
    if beside is not None:
        other = list(scores).index(beside)
        ahead = [a[..., :1] - a[..., other : other + 1, :1] for a in (point, drawn)]
        point, drawn = (np.concatenate(p, -1) for p in zip((point, drawn), ahead, strict=True))
    return _told(list(scores), point, drawn, sampling.level)


def rank_within(score: Array, fold: Array) -> Array:
    """(n,): the share of people of the same fold that a score beats, ties halfway.

    Scores of models that were fitted on different folds are made comparable by it.

    Raises:
        InvalidValue: arrays of different lengths.
    """
    if np.shape(score) != np.shape(fold):
        raise InvalidValue("score", "must be as long as the folds")
    frame = pl.DataFrame({"score": np.asarray(score, np.float64), "fold": np.asarray(fold)})
    ranks = (pl.col("score").rank("average").over("fold") - 0.5) / pl.len().over("fold")
    return frame.select(ranks).to_series().to_numpy()


@dataclass(frozen=True)
class _Ranking:
    order: Array  # (n,), best first
    ends: Array  # last place of each group of equal scores


def _ranking(score: Array, outcome: Array) -> _Ranking:
    found = np.asarray(score, np.float64)
    if found.shape != outcome.shape or not np.isfinite(found).all():
        raise InvalidValue("score", "must be as long as the outcomes, each a finite number")
    order = np.argsort(-found, kind="stable")
    falls = -np.diff(found[order]) > EQUAL * np.abs(found).max()
    return _Ranking(order, np.append(np.flatnonzero(falls), len(found) - 1))


def _columns(outcome: Array, held_out: Array) -> Array:
    """(4, n): exposed, their outcomes, held out, their outcomes."""
    return np.array([~held_out, outcome * ~held_out, held_out, outcome * held_out], np.float64)


def _sums(ranking: _Ranking, columns: Array) -> Array:
    """(4, points): sums of the columns over the best, from nobody to all."""
    sums = np.cumsum(columns[:, ranking.order], axis=1)[:, ranking.ends]
    return np.concatenate([np.zeros((4, 1)), sums], axis=1)


def _uplift(exposed: Array, did: Array, held: Array, anyway: Array) -> Curve:
    people = exposed + held
    gain = (_over(did, exposed) - _over(anyway, held)) * people
    return Curve(people / people[-1], gain)


def _qini(exposed: Array, did: Array, held: Array, anyway: Array) -> Curve:
    people = exposed + held
    return Curve(people / people[-1], did - anyway * _over(exposed, held))


def _over(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _areas(rankings: Mapping[str, _Ranking], perfect: _Ranking, columns: Array) -> Array:
    """(models, 3): Qini coefficient, area under the uplift curve a person, and chance's."""
    best = _qini(*_sums(perfect, columns))
    most = best.area - best.gain[-1] / 2
    found = np.empty((len(rankings), 3))
    for row, ranking in zip(found, rankings.values(), strict=True):
        sums = _sums(ranking, columns)
        curve, uplift = _qini(*sums), _uplift(*sums)
        row[0] = (curve.area - curve.gain[-1] / 2) / most if most > 0 else 0.0
        people = sums[0, -1] + sums[2, -1]
        row[1:] = uplift.area / people, uplift.gain[-1] / people / 2
    return found


def _drawn(held_out: Array, random: np.random.Generator) -> Array:
    """(n,): how often each person is drawn, as many of each side as there are."""
    found = np.empty(len(held_out))
    for side in (held_out, ~held_out):
        size = int(side.sum())
        found[side] = np.bincount(random.integers(0, size, size), minlength=size)
    return found


def _told(names: list[str], point: Array, drawn: Array, level: float) -> pl.DataFrame:
    columns: dict[str, Any] = {"model": names}
    tails = (1 - level) / 2, (1 + level) / 2
    for place, name in enumerate(("qini", "auuc", "auuc_random", "qini_ahead")[: point.shape[1]]):
        columns[name] = point[:, place]
        if len(drawn):
            lower, upper = np.quantile(drawn[:, :, place], tails, axis=0)
            columns |= {f"{name}_lower": lower, f"{name}_upper": upper}
    return pl.DataFrame(columns)
