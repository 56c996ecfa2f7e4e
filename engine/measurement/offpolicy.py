"""What a policy would have earned, from what another policy showed: off-policy estimates.

In: rewards, the chances with which the log's actions were chosen and with which the judged policy
would choose them, perhaps a model of rewards. Out: estimates with intervals.
Never: a chance of zero in the log, or a reward model that is taken to be right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue

Array = NDArray[Any]
METHODS = ("ips", "clipped", "snips", "dr")
_CELLS = 1 << 22  # drawn at a time by the bootstrap


@dataclass(frozen=True)
class Log:
    """Impressions of a log, one in each row of every array.

    Args:
        reward: (n,), what came of the action that was taken.
        propensity: (n,), in (0, 1], the chance with which it was taken.
        target: (n,), in [0, 1], the chance with which the judged policy takes that very action.
        unit: (n,), whom or what impressions belong to that are not independent of each other;
            each stands alone by default.
    """

    reward: Array
    propensity: Array
    target: Array
    unit: Array | None = None

    def __post_init__(self) -> None:
        size = np.shape(self.reward)
        for name in ("reward", "propensity", "target"):
            found = np.asarray(getattr(self, name))
            if found.shape != size or found.ndim != 1 or not np.isfinite(found).all():
                raise InvalidValue(name, "must be as long as the rewards, each a finite number")
        if size[0] == 0:
            raise InvalidValue("reward", "there are no impressions")
        if not ((np.asarray(self.propensity) > 0) & (np.asarray(self.propensity) <= 1)).all():
            raise InvalidValue("propensity", "must be above 0 and at most 1")
        if not ((np.asarray(self.target) >= 0) & (np.asarray(self.target) <= 1)).all():
            raise InvalidValue("target", "must be between 0 and 1")
        if self.unit is not None and np.shape(self.unit) != size:
            raise InvalidValue("unit", "must be as long as the rewards")

    @property
    def weights(self) -> Array:
        """(n,): how many times as likely the judged policy takes the action that was taken."""
        found: Array = np.asarray(self.target, np.float64) / np.asarray(self.propensity)
        return found


@dataclass(frozen=True)
class RewardModel:
    """What a model of rewards says; it must not have been learned from these impressions.

    Args:
        taken: (n,), the reward it predicts for the action that was taken.
        expected: (n,), the mean it predicts under the judged policy, see `expected_reward`.
    """

    taken: Array
    expected: Array


@dataclass(frozen=True)
class Estimate:
    """The value of a policy for one impression, with an interval.

    `effective` is Kish's effective sample size, (sum of weights)^2 / sum of squares: of how many
    impressions of the judged policy itself the log is worth.
    """

    method: str
    value: float
    lower: float
    upper: float
    error: float
    effective: float

    def includes(self, value: float) -> bool:
        """Whether the interval holds a value, ends included."""
        return self.lower <= value <= self.upper


def expected_reward(predicted: Array, policy: Array) -> Array:
    """(n,): the mean predicted reward under a policy; both (n, actions), rows of it sum to 1."""
    found: Array = np.einsum("na,na->n", predicted, policy)
    return found


def estimate(
    log: Log,
    *,
    method: str = "dr",
    model: RewardModel | None = None,
    clip: float = np.inf,
    confidence: float = 0.95,
    draws: int = 0,
    seed: int = 0,
) -> Estimate:
    """Estimates the value of the judged policy.

    `ips` is the mean of weighted rewards (Horvitz & Thompson 1952): without bias, and as wide as
    its weights. `clipped` caps the weights at `clip`, by default the root of the number of
    impressions (Ionides 2008), and so is too low for rewards above zero. `snips` divides by the
    sum of the weights (Swaminathan & Joachims 2015): a bias that vanishes with the sample, less
    variance. `dr` adds weighted residuals to the model's mean (Dudik, Langford & Li 2011):
    without bias whatever the model says, and narrower the better it is; it is clipped where
    `clip` is given.

    The interval is that of the influence function over units, Student's with as many degrees of
    freedom as the squared influences are worth (Satterthwaite 1946), or with `draws` the
    percentiles of a bootstrap that draws units.

    Raises:
        InvalidValue: an unknown method, `dr` without a model, or a clip or confidence out of range.
    """
    _refuse(log, method, model, clip, confidence)
    weights = log.weights
    if method == "clipped" and not np.isfinite(clip):
        clip = float(np.sqrt(weights.size))
    used = np.minimum(weights, clip)
    if method == "snips" and used.max(initial=0) > 0:
        used = used / used.max()  # its scale is no matter, and products of tiny weights round badly
    gain, base = _terms(log, method, model, used)
    value = float(gain.sum() / base.sum()) if base.sum() > 0 else 0.0
    gains, bases = _by_unit(gain, log.unit), _by_unit(base, log.unit)
    error, freedom = _spread(gains - value * bases, float(bases.sum()))
    lower, upper = (
        _bootstrap(gains, bases, confidence, draws, seed)
        if draws
        else _student(value, error, freedom, confidence)
    )
    squares = float((weights**2).sum())
    effective = float(weights.sum() ** 2 / squares) if squares > 0 else 0.0
    return Estimate(method, value, lower, upper, error, effective)


def _refuse(
    log: Log, method: str, model: RewardModel | None, clip: float, confidence: float
) -> None:
    if method not in METHODS:
        raise InvalidValue("method", f"{method!r} is not known; known: {', '.join(METHODS)}")
    if not clip > 0:
        raise InvalidValue("clip", f"{clip} is not above 0")
    if not 0 < confidence < 1:
        raise InvalidValue("confidence", f"{confidence} is outside 0 to 1")
    if method == "dr" and model is None:
        raise InvalidValue("model", "a doubly robust estimate needs a model of rewards")
    for name in ("taken", "expected") if model is not None else ():
        found = np.asarray(getattr(model, name))
        if found.shape != np.shape(log.reward) or not np.isfinite(found).all():
            raise InvalidValue(name, "must be as long as the rewards, each a finite number")


def _terms(log: Log, method: str, model: RewardModel | None, weights: Array) -> tuple[Array, Array]:
    """Numerators and denominators whose sums have the value as their ratio."""
    reward = np.asarray(log.reward, np.float64)
    if method == "snips":
        return weights * reward, weights
    ones = np.ones(reward.size)
    if method == "dr" and model is not None:
        return model.expected + weights * (reward - model.taken), ones
    return weights * reward, ones


def _by_unit(values: Array, unit: Array | None) -> Array:
    if unit is None:
        return values
    places = np.unique(unit, return_inverse=True)[1]
    return np.bincount(places.ravel(), values)


def _spread(influence: Array, total: float) -> tuple[float, float]:
    """Standard error of a ratio from the influences of units, and its degrees of freedom."""
    units = influence.size
    if units < 2 or total <= 0:
        return float("inf"), 1.0
    squares = (influence - influence.mean()) ** 2
    error = float(np.sqrt(squares.sum() * units / (units - 1)) / total)
    fourth = float((squares**2).sum())
    return error, float(max(squares.sum() ** 2 / fourth, 1.0)) if fourth > 0 else units - 1.0


def _student(value: float, error: float, freedom: float, confidence: float) -> tuple[float, float]:
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return value - reach, value + reach


def _bootstrap(
    gains: Array, bases: Array, confidence: float, draws: int, seed: int
) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    step = max(1, _CELLS // gains.size)
    found = np.empty(draws)
    for start in range(0, draws, step):
        places = random.integers(0, gains.size, (min(step, draws - start), gains.size))
        below = bases[places].sum(axis=1)
        found[start : start + len(places)] = gains[places].sum(axis=1) / np.where(below, below, 1)
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(found, [tail, 1 - tail])
    return float(lower), float(upper)
