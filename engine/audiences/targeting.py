"""How wide a product's audience is and what it is ranked by: what addressing people would bring.

In: scores of a panel of users by both heads, prices, what tuning found. Out: for each product the
people in order, what is expected of the best of them, and the share at which that pays most.
Never: held-out pairs, or a product's people all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audiences.scores import Head, logits, rates
from engine.audiences.standing import Panel, share_people
from engine.settings import Scalar

Array = NDArray[Any]
_LEAST_CHANCE = 1e-3  # of a like given an opinion, by which expected opinions are divided


@dataclass(frozen=True)
class Prices:
    """What a like, a dislike and a person addressed count for; of `configs/goals.toml`."""

    like: float
    dislike: float
    person: float

    @classmethod
    def of(cls, goal: dict[str, Scalar]) -> Prices:
        return cls(*(float(goal[name]) for name in ("like", "dislike", "person")))

    def worth(self, likes: Array | int, dislikes: Array | int, people: Array | int) -> Array:
        """The value of audiences; the three broadcast."""
        return np.asarray(self.like * likes - self.dislike * dislikes - self.person * people)


@dataclass(frozen=True)
class Pooled:
    """How wide audiences are, for all products alike; see `configs/targeting-search.toml`."""

    share: float
    adapt: float
    margin: float
    floor: float


@dataclass(frozen=True)
class Ordered:
    """A block of products whose panel users stand in order, products in rows.

    `order` is (products, panel) places on the panel, best first, those who acted already last;
    `people` (products, shares) how many stand inside each share; `gains` the same of expected
    likes less expected dislikes, at their prices.
    """

    products: Array
    order: Array
    people: Array
    gains: Array


def share_grid(users: int, points: int) -> Array:
    """Shares from that of one person (at least a thousandth) to 1, even in their logarithm."""
    return np.geomspace(min(max(1 / max(users, 1), 1e-3), 1.0), 1.0, points)


def expected_gain(interest: Array, probability: Array, prices: Prices) -> Array:
    """What showing the product to each person would bring before it is paid for.

    Of the opinions on it a part `probability` are likes, so that to `interest` likes there come
    `interest (1 - probability) / probability` dislikes, at most those that are not likes.
    """
    against = interest * (1 - probability) / np.maximum(probability, _LEAST_CHANCE)
    found: Array = prices.like * interest - prices.dislike * np.minimum(against, 1 - interest)
    return found


def order_people(
    panel: Panel,
    heads: tuple[Head, Head],
    products: Array,
    *,
    blend: Array,
    shares: Array,
    goal: dict[str, Scalar],
    block: int,
) -> Iterator[Ordered]:
    """Yields blocks of products, each ranked by its own `blend` (products,) of the two logits.

    The goal's loyalty is added as in `operations.audiences.audience`; ties go by place.
    """
    prices, loyal = Prices.of(goal), float(goal["loyalty"])
    faith = loyal * np.log1p(panel.loyalty) if loyal > 0 else 0.0
    for start in range(0, products.size, block):
        some, by = products[start : start + block], blend[start : start + block, None]
        closed = panel.seen[:, some].toarray().T > 0
        found = logits(panel.embeddings, panel.interest_terms, heads[0], some)
        other = logits(panel.embeddings, panel.probability_terms, heads[1], some)
        gain = expected_gain(rates(found, heads[0].knots), rates(other, heads[1].knots), prices)
        score = by * found + (1 - by) * other + faith
        score[closed], gain[closed] = -np.inf, 0
        order = np.argsort(-score, axis=1, kind="stable")
        open_ = panel.people - closed.sum(axis=1)
        people = share_people(list(shares), panel.people, open_)
        yield Ordered(some, order, people, up_to(gain, order, people))


def up_to(values: Array, order: Array, people: Array) -> Array:
    """Sums of (products, panel) values over the first `people` (products, shares) in order."""
    summed = np.cumsum(np.take_along_axis(values, order, axis=1), axis=1, dtype=np.float64)
    summed = np.pad(summed, ((0, 0), (1, 0)))
    found: Array = np.take_along_axis(summed, people, axis=1).astype(np.float32)
    return found


def choose_places(
    pooled: Pooled, gains: Array, people: Array, *, price: float, shares: Array
) -> Array:
    """Which of the shares pooled targeting gives each product, as a place that is no whole number.

    The share at which gains less `margin` times the price of the people are highest, weighed
    with the common share in the logarithm.

    Args:
        gains, people: (..., shares) for each product.
    """
    best = np.argmax(gains - pooled.margin * price * people, axis=-1)
    common = place_of(pooled.share, shares)
    found: Array = pooled.adapt * best + (1 - pooled.adapt) * common
    return found


def place_of(share: float | Array, shares: Array) -> Array:
    """Where shares lie on the grid, in steps of it from its first."""
    found: Array = np.log(np.asarray(share) / shares[0]) / grid_step(shares)
    return found


def grid_step(shares: Array) -> float:
    """The logarithm of the ratio of neighbours on the grid."""
    return max(float(np.log(shares[-1] / shares[0])) / max(shares.size - 1, 1), 1e-12)


def share_at(place: Array, shares: Array, floor: float) -> Array:
    """The shares at places, rounded to the grid, within `floor` and 1."""
    first = int(np.ceil(np.clip(place_of(floor, shares), 0, shares.size - 1) - 1e-9))
    found: Array = np.clip(np.rint(place), first, shares.size - 1).astype(np.int64)
    return found
