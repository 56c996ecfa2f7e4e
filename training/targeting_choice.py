"""Which of a few deviations from pooled targeting a group and a product may have.

In: what each deviation came to for each product, by fold of people. Out: a choice for each group
and product, and its worth on people who did not choose. Never: a product's own best as it looks.

What one product says of itself is mostly chance. So its gains are shrunk towards those of its
group, and these towards everybody's, each by a number of likes that is tuned (empirical Bayes,
Efron & Morris 1975, with the prior's weight found by prediction rather than from moments).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Pools:
    """Likes for which what all products say counts in a group, and its group in a product."""

    group: float
    product: float


@dataclass(frozen=True)
class Arms:
    """What deviations came to: `worth` (folds, products, arms), `usual` the arm that is none.

    `people`, `likes` and `dislikes` are (products, arms), of all folds together.
    """

    worth: Array
    usual: int
    people: Array
    likes: Array
    dislikes: Array


@dataclass(frozen=True)
class Known:
    """What is known of products, (products,): `likes`, and the number of its `group`."""

    likes: Array
    group: Array

    @property
    def groups(self) -> int:
        return int(self.group.max(initial=-1)) + 1


def choose_arms(worth: Array, usual: int, known: Known, pools: Pools) -> tuple[Array, Array]:
    """The arm of each group and of each product; ties, and products of no data, stay usual.

    Args:
        worth: (products, arms), summed over the people who choose.
    """
    gain = worth.astype(np.float64) - worth[:, [usual]]
    everybody = gain.sum(axis=0) / max(float(known.likes.sum()), 1.0)
    inside = np.zeros((known.groups, gain.shape[1]))
    np.add.at(inside, known.group, gain)
    likes = np.bincount(known.group, known.likes, known.groups)[:, None]
    groups = (inside + pools.group * everybody) / (likes + pools.group)
    products = (gain + pools.product * groups[known.group]) / (known.likes[:, None] + pools.product)
    return _highest(groups, usual), _highest(products, usual)


def _highest(gains: Array, usual: int) -> Array:
    found = gains.argmax(axis=1)
    better = np.take_along_axis(gains, found[:, None], axis=1)[:, 0] > 1e-12
    chosen: Array = np.where(better, found, usual)
    return chosen


def judge_fold(arms: Arms, known: Known, pools: Pools, *, by: list[int], on: int) -> Array:
    """(products,): the worth on the people of one fold of what the folds `by` choose."""
    chosen = choose_arms(arms.worth[by].sum(axis=0), arms.usual, known, pools)[1]
    found: Array = np.take_along_axis(arms.worth[on], chosen[:, None], axis=1)[:, 0]
    return found


def taken(values: Array, chosen: Array) -> Array:
    """(products,): the values of the arm chosen for each; `values` is (products, arms)."""
    found: Array = np.take_along_axis(values, chosen[:, None], axis=1)[:, 0]
    return found


def group_names(tags: list[list[str]], likes: Array, edges: Array) -> list[str]:
    """The group of each product: its tier of likes, and its first tag where it has tags."""
    tiers = np.searchsorted(edges, likes, side="right")
    return [f"{tier} {own[0]}" if own else str(tier) for tier, own in zip(tiers, tags, strict=True)]


def tier_edges(likes: Array, tiers: int) -> Array:
    """Likes between tiers of about as many products each; each edge once."""
    found: Array = (
        np.unique(np.quantile(likes, np.arange(1, tiers) / tiers)) if tiers > 1 else (np.zeros(0))
    )
    return found
