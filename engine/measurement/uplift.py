"""How much a campaign would move each person: T- and X-learners on scikit-learn.

In: traits of people, what they did, and who was held out. Out: a learned uplift, or scores of
people by models that never saw them. Never: scikit-learn before something is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidValue
from engine.measurement.lift import checked
from engine.settings import Section

Array = NDArray[Any]
LEARNERS = ("t", "x")


@dataclass(frozen=True)
class Crowd:
    """People of one randomised campaign, one in each row.

    Args:
        traits: (n, k) float, known before the split; NaN where unknown. See `traits.encode`.
        outcome: (n,), finite: 0 or 1, a count or an amount.
        held_out: (n,) bool, True for the holdout.
    """

    traits: Array
    outcome: Array
    held_out: Array

    def __post_init__(self) -> None:
        checked(self.outcome, self.held_out)
        shape = np.shape(self.traits)
        if len(shape) != 2 or shape[0] != len(self.outcome) or shape[1] == 0:
            raise InvalidValue("traits", "must have a row for each person, and a column")
        if np.isinf(self.traits).any():
            raise InvalidValue("traits", "must be finite, or NaN where unknown")

    def __len__(self) -> int:
        return len(self.outcome)

    def part(self, rows: Array) -> Crowd:
        """Those people alone; rows as a mask or numbers."""
        return Crowd(self.traits[rows], self.outcome[rows], self.held_out[rows])


@dataclass(frozen=True)
class Uplift:
    """A learned uplift: weighted sums of what its models predict."""

    models: tuple[tuple[float, Any], ...]

    def predict(self, traits: Array) -> Array:
        """(n,): by how much addressing each person raises what they do; traits (n, k)."""
        found: Array = sum(weight * model.predict(traits) for weight, model in self.models)
        return found


def fit(crowd: Crowd, *, learner: str, settings: Section, seed: int) -> Uplift:
    """Learns the uplift of people from a randomised campaign.

    `t` is the difference of two models of what people do, one of each side. `x` (Künzel, Sekhon,
    Bickel & Yu 2019, section 2 and eq. 9) predicts for each person what they would have done on
    the other side, learns the difference on each side by itself, and weighs the two by the share
    of people exposed: with a small holdout most weight lies on what the exposed teach about
    those held out. Outcomes of 0 and 1 are learned as amounts, so that predictions are rates.

    Args:
        settings: section `uplift` of the settings of measurement.
        seed: of the trees.

    Raises:
        InvalidValue: another learner.
    """
    if learner not in LEARNERS:
        raise InvalidValue("learner", f"{learner!r} is not known; known: {', '.join(LEARNERS)}")
    x, y, held = crowd.traits, np.asarray(crowd.outcome, np.float64), crowd.held_out
    exposed = _learned(_trees(settings, seed), x[~held], y[~held])
    without = _learned(_trees(settings, seed + 1), x[held], y[held])
    if learner == "t":
        return Uplift(((1.0, exposed), (-1.0, without)))
    gained = y[~held] - without.predict(x[~held])
    missed = exposed.predict(x[held]) - y[held]
    share = float(1 - held.mean())
    of_held = _learned(_effect(settings, seed + 2), x[held], missed)
    of_exposed = _learned(_effect(settings, seed + 3), x[~held], gained)
    return Uplift(((share, of_held), (1 - share, of_exposed)))


def deal(held_out: Array, count: int, *, seed: int) -> Array:
    """(n,): a fold, 0 to `count` - 1, for each person; folds hold the same share of both sides.

    Raises:
        InvalidValue: fewer than two folds, or fewer than two people of a side in each.
    """
    held = np.asarray(held_out, bool)
    if count < 2 or min(held.sum(), (~held).sum()) < 2 * count:
        raise InvalidValue("folds", f"{count} folds need two people of each side in each of them")
    random = np.random.default_rng(seed)
    found = np.empty(len(held), np.int64)
    for side in (held, ~held):
        found[side] = random.permutation(int(side.sum())) % count
    return found


def cross_fit(crowd: Crowd, fold: Array, *, learner: str, settings: Section, seed: int) -> Array:
    """(n,): each person's uplift by a model of the people of all other folds, see `deal`."""
    found = np.empty(len(crowd))
    for each in np.unique(fold):
        inside = fold == each
        model = fit(crowd.part(~inside), learner=learner, settings=settings, seed=seed)
        found[inside] = model.predict(crowd.traits[inside])
    return found


def _learned(model: Any, traits: Array, target: Array) -> Any:
    unknown = np.isnan(traits).all(axis=0)  # of everybody here: trees refuse such a column
    return model.fit(np.where(unknown, 0.0, traits), target)


def _trees(settings: Section, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        learning_rate=settings.rate,
        max_iter=settings.rounds,
        max_leaf_nodes=settings.leaves,
        min_samples_leaf=settings.smallest_leaf,
        l2_regularization=settings.shrinkage,
        early_stopping=False,
        random_state=seed % 2**32,
    )


def _effect(settings: Section, seed: int) -> Any:
    if settings.effect == "boosted":
        return _trees(settings, seed)
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    filled = SimpleImputer(add_indicator=True, keep_empty_features=True)
    return make_pipeline(filled, StandardScaler(), Ridge(settings.shrinkage))
