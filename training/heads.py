"""Two heads over the parts: who is among the likers, and who likes it once shown.

In: parts, counts of users and products, held-out pairs. Out: logistic heads, folded into arrays
with one inner product for each pair and a term for each user and each product.
Never: a feature of a pair that an inner product could not carry.

A head's logit is Σ_k (a_k + p_k z_p + q_k z_u) s_k(u, p) + f·F_u + g·G_p + c, where s_k is part k
in its own units, z_p the standardised log likes of the product, z_u the standardised log odds of
the user's acting, and F_u, G_p their features: a stack of linear parts with weights that vary
along known sides (Sill et al. 2009, "Feature-weighted linear stacking"). Users without an act on
the product are drawn as negatives; the odds of the draw enter as an offset (King & Zeng 2001,
eq. 7), so the logit speaks of all users.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.interests.activity import activity, user_features
from training.matrices import Pairs
from training.parts import Part

Array = NDArray[Any]

BLOCK = 50_000
"""Pairs that are scored at once."""
CONSTANT = 1e-5
"""A column whose deviation is less of its mean is rounding, not an answer."""
KNOTS = 129
NEWTON_STEPS = 50


@dataclass(frozen=True)
class Sides:
    """What a head knows of users and products besides the parts, in fixed units."""

    activity: Array  # (users,) standardised log odds of acting: z_u
    popularity: Array  # (products,) standardised log of likes: z_p
    users: Array  # (users, features)
    products: Array  # (products, features)


@dataclass(frozen=True)
class Units:
    """Zero points and scales, taken from the pairs to learn from and used for all pairs."""

    activity: tuple[float, float]
    popularity: tuple[float, float]
    bends: Array  # where the effect of activity may bend
    least: float  # popularity of the least liked product that has a like

    @classmethod
    def of(cls, pairs: Pairs) -> Units:
        """Measures activity of users and popularity of products."""
        acts = activity(pairs.counts(1)["acts"], pairs.shape[1])
        likes = np.log1p(pairs.counts(0)["likes"])
        bends = np.quantile(acts, [0.1, 0.25, 0.5, 0.75, 0.9])
        return cls(
            (float(acts.mean()), float(acts.std()) or 1.0),
            (float(likes.mean()), float(likes.std()) or 1.0),
            bends,
            float(likes[likes > 0].min()),
        )

    def sides(self, pairs: Pairs) -> Sides:
        """The features of users and products that a set of pairs gives."""
        user, product = pairs.counts(1), pairs.counts(0)
        busy = activity(user["acts"], pairs.shape[1])
        # products without a like taught the heads nothing: they weigh the parts as the least liked
        liked = np.maximum(np.log1p(product["likes"]), self.least)
        return Sides(
            (busy - self.activity[0]) / self.activity[1],
            (liked - self.popularity[0]) / self.popularity[1],
            user_features(**user, bends=self.bends, busy=busy),
            np.column_stack(
                [
                    np.log1p(product["likes"]),
                    np.log1p(product["dislikes"]),
                    np.log((product["likes"] + 1) / (product["dislikes"] + 1)),
                ]
            ),
        )


@dataclass(frozen=True)
class Drawn:
    """Labelled pairs a head learns from; `offset` are the log odds of having been drawn."""

    rows: Array
    columns: Array
    label: Array
    offset: Array
    weight: Array | None = None  # how much each counts; missing, all alike

    def under(self, mask: Array) -> Drawn:
        weight = None if self.weight is None else self.weight[mask]
        return Drawn(
            self.rows[mask], self.columns[mask], self.label[mask], self.offset[mask], weight
        )


def draw_interest(
    learned: Pairs, held: Pairs, *, positives: int, negatives: int, seed: int
) -> Drawn:
    """Held-out likes, and for each one users who did not act on the product in `learned`."""
    random = np.random.default_rng([seed, 21])
    users, products = learned.shape
    liked = np.flatnonzero(held.polarity > 0)
    taken = liked
    if liked.size > positives:
        taken = np.sort(random.choice(liked, positives, replace=False))
    rows, columns = held.rows[taken], held.columns[taken]
    others = random.integers(0, users, taken.size * negatives)
    beside = np.repeat(columns, negatives)
    acted = np.sort(learned.rows * products + learned.columns)
    liking = np.sort(held.rows[liked] * products + held.columns[liked])
    key = others * products + beside
    free = ~_among(key, acted) & ~_among(key, liking)
    others, beside = others[free], beside[free]
    drawn = np.bincount(columns, minlength=products) * negatives / users
    ratio = np.log(max(taken.size, 1) / max(liked.size, 1) / np.maximum(drawn, 1e-12))
    all_columns = np.concatenate([columns, beside])
    return Drawn(
        np.concatenate([rows, others]),
        all_columns,
        np.concatenate([np.ones(rows.size), np.zeros(others.size)]),
        ratio[all_columns],
    )


def draw_opinions(held: Pairs) -> Drawn:
    """Held-out likes against held-out dislikes, and at its weight what was passed over."""
    opinion, passed = held.polarity != 0, held.passed
    label = (held.polarity[opinion] > 0).astype(np.float64)
    if passed.rows.size == 0:
        return Drawn(held.rows[opinion], held.columns[opinion], label, np.zeros(label.size))
    return Drawn(
        np.concatenate([held.rows[opinion], passed.rows]),
        np.concatenate([held.columns[opinion], passed.columns]),
        np.concatenate([label, np.zeros(passed.rows.size)]),
        np.zeros(label.size + passed.rows.size),
        np.concatenate([np.ones(label.size), passed.weight]),
    )


def _among(values: Array, known: Array) -> Array:
    if known.size == 0:
        return np.zeros(values.size, bool)
    at = np.minimum(np.searchsorted(known, values), known.size - 1)
    found: Array = known[at] == values
    return found


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each part over pairs of any user with a product drawn by its likes."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, parts: list[Part], pairs: Pairs, seed: int, size: int = 20_000) -> Scale:
        """Measured on a seeded sample, so that parts of fewer pairs speak in the same units.

        A part that says the same of all pairs gets an infinite deviation: it counts for nothing.
        """
        random = np.random.default_rng([seed, 22])
        likes = pairs.counts(0)["likes"]
        rows = random.integers(0, pairs.shape[0], size)
        columns = random.choice(pairs.shape[1], size, p=likes / likes.sum())
        scores = score_pairs(parts, rows, columns)
        mean, deviation = scores.mean(0), scores.std(0)
        tells = deviation > CONSTANT * np.maximum(np.abs(mean), 1e-3)
        return cls(mean, np.where(tells, deviation, np.inf))


def score_pairs(parts: list[Part], rows: Array, columns: Array) -> Array:
    """(pairs, parts) float64: what each part says of the given pairs, in bounded memory."""
    scores = np.empty((rows.size, len(parts)))
    for start in range(0, rows.size, BLOCK):
        block = slice(start, start + BLOCK)
        for number, part in enumerate(parts):
            scores[block, number] = np.einsum(
                "ij,ij->i", part.users[rows[block]], part.products[columns[block]]
            )
    return scores


@dataclass(frozen=True)
class Stack:
    """Parts with the sides and scales they come with: everything a head is applied to."""

    parts: list[Part]
    sides: Sides
    scale: Scale
    by_activity: bool

    def design(self, rows: Array, columns: Array) -> Array:
        """(pairs, features): part scores alone, by popularity, by activity, then both sides."""
        sides = self.sides
        scores = (score_pairs(self.parts, rows, columns) - self.scale.mean) / self.scale.deviation
        blocks = [scores, scores * sides.popularity[columns][:, None]]
        if self.by_activity:
            blocks.append(scores * sides.activity[rows][:, None])
        blocks += [sides.users[rows], sides.products[columns]]
        return np.hstack(blocks)


@dataclass(frozen=True)
class LogisticHead:
    """Coefficients on the columns of `Stack.design`, a constant, and the logit's calibration."""

    coefficients: Array
    constant: float
    slope: float = 1.0
    shift: float = 0.0

    def logit(self, design: Array) -> Array:
        """(pairs,): before calibration."""
        return design @ self.coefficients + self.constant

    def knots(self) -> Array:
        """(KNOTS, 2): rising logits and calibrated rates."""
        logits = np.linspace(-30, 30, KNOTS)
        rates = 1 / (1 + np.exp(-(self.slope * logits + self.shift)))
        return np.column_stack([logits, rates])


def fit_head(design: Array, drawn: Drawn, *, ridge: float) -> LogisticHead:
    """Fits a logistic head; the penalty is on coefficients in units of their columns' deviation.

    Where all labels agree the head says their smoothed rate of everybody.
    """
    count, width = design.shape
    positives = drawn.label.sum()
    if positives == 0 or positives == count:
        return LogisticHead(
            np.zeros(width), float(np.log((positives + 1) / (count - positives + 1)))
        )
    mean, deviation = design.mean(0), design.std(0)
    tells = deviation > CONSTANT * np.maximum(np.abs(mean), 1e-3)
    deviation = np.where(tells, deviation, np.inf)
    standard = (design - mean) / deviation
    found = _logistic(np.column_stack([standard, np.ones(count)]), drawn, ridge)
    coefficients = found[:-1] / deviation
    return LogisticHead(coefficients, float(found[-1] - mean @ coefficients))


def _logistic(design: Array, drawn: Drawn, ridge: float) -> Array:
    """Newton's method with step halving; the last column is the constant and bears no penalty."""
    count, width = design.shape
    penalty = np.full(width, ridge)
    penalty[-1] = 0
    weight = np.ones(count) if drawn.weight is None else drawn.weight
    total = weight.sum()

    def loss(found: Array, logit: Array) -> float:
        fit = weight @ (np.logaddexp(0, logit) - drawn.label * logit) / total
        return float(fit + (penalty * found**2).sum() / 2)

    found = np.zeros(width)
    logit = drawn.offset.copy()
    value = loss(found, logit)
    for _ in range(NEWTON_STEPS):
        rate = 1 / (1 + np.exp(-logit))
        slope = design.T @ (weight * (rate - drawn.label)) / total + penalty * found
        bend = (design * (weight * rate * (1 - rate))[:, None]).T @ design / total
        bend[np.diag_indices(width)] += penalty + 1e-9
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while True:
            tried = found - size * step
            tried_logit = design @ tried + drawn.offset
            tried_value = loss(tried, tried_logit)
            if tried_value <= value or size < 1e-6:
                break
            size /= 2
        gain, found, logit, value = value - tried_value, tried, tried_logit, tried_value
        if gain < 1e-10:
            break
    return found


def calibrate(head: LogisticHead, logit: Array, drawn: Drawn) -> LogisticHead:
    """Slope and shift of the logit by logistic regression on pairs the logit was not learned from.

    Platt 1999. The slope stays positive; where all labels agree, or none are, nothing is changed.
    """
    if drawn.label.min(initial=1) >= drawn.label.max(initial=0):
        return head
    design = np.column_stack([logit, np.ones(logit.size)])
    slope, shift = _logistic(design, drawn, 1e-9)
    if slope <= 0:
        return head
    return LogisticHead(head.coefficients, head.constant, float(slope), float(shift))
