"""The planted truth: who would like what, who is shown what, and which segment is best.

In: people and goods. Out: chances for any users and products, and the best planted segments.
Never: an event; what happened is drawn from these chances, not the other way round.

A user is shown a product with chance `1 - exp(-activity * exposure)`, the chance that a Poisson
number of showings is not zero, and then likes it with chance `sigmoid(taste . taste + terms)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine.frames import INTEREST, PROBABILITY, SEGMENT, SIZE
from training.world.goods import CATEGORIES, Goods
from training.world.people import People
from training.world.plan import Array, Plan, Rows

BLOCK_CELLS = 4_000_000


@dataclass(frozen=True)
class Truth:
    """Chances of every pair; row u belongs to row u of the users table, likewise products."""

    community: Array  # (users,) int16
    driven: Array  # (users,) bool: in the planted conjunction
    activity: Array  # (users,) float32: mean number of showings
    tastes: Array  # (users, dimensions) float32
    generosity: Array  # (users,) float32 logits
    goods: Goods
    bonus: float  # logits of the conjunction for the products that it drives
    drive: str  # the planted conjunction in words

    @property
    def users(self) -> int:
        return int(self.community.shape[0])

    @property
    def products(self) -> int:
        return int(self.goods.terms.shape[0])

    def like(self, users: Rows = slice(None), products: Rows = slice(None)) -> Array:
        """P(like | shown), float32, users by products."""
        logits = self.tastes[users] @ self.goods.tastes[products].T
        logits += self.generosity[users][:, None] + self.goods.terms[products]
        logits += self.bonus * np.outer(self.driven[users], self.goods.driven[products])
        return sigmoid(logits)

    def like_pairs(self, users: Array, products: Array) -> Array:
        """P(like | shown) of pair after pair, float32."""
        logits = np.einsum("ij,ij->i", self.tastes[users], self.goods.tastes[products])
        logits += self.generosity[users] + self.goods.terms[products]
        logits += np.float32(self.bonus) * (self.driven[users] & self.goods.driven[products])
        return sigmoid(logits)

    def shown(self, users: Rows = slice(None), products: Rows = slice(None)) -> Array:
        """P(shown), float32, users by products."""
        exposure = self.goods.exposure[self.community[users]][:, products]
        return np.asarray(-np.expm1(-self.activity[users][:, None] * exposure.astype(np.float32)))

    def interest(self, users: Rows = slice(None), products: Rows = slice(None)) -> Array:
        """P(shown and liked), float32, users by products: the likes to expect of each person."""
        return self.like(users, products) * self.shown(users, products)

    def segments(self) -> dict[str, Array]:
        """The planted segments by name, each as a mask of users: communities, the conjunction."""
        found = {
            f"community {CATEGORIES[community]}": self.community == community
            for community in range(self.goods.exposure.shape[0])
        }
        return found | {self.drive: self.driven}

    def best(self) -> pl.DataFrame:
        """The best planted segment of each product, by mean interest, in the order of the rows.

        Columns segment_id (its name), size, interest and probability: means over its members.
        """
        names, masks = list(self.segments()), np.stack(list(self.segments().values()))
        sizes = masks.sum(axis=1)
        totals = np.zeros((2, len(names), self.products))
        for rows in self._blocks():
            like, shown = self.like(rows), self.shown(rows)
            inside = masks[:, rows].astype(np.float32)
            totals += np.stack([inside @ (like * shown), inside @ like])
        interest, probability = totals / np.maximum(sizes, 1)[:, None]
        winner = interest.argmax(axis=0)
        place = winner, np.arange(self.products)
        return pl.DataFrame(
            {
                SEGMENT: [names[row] for row in winner],
                SIZE: sizes[winner],
                INTEREST: interest[place],
                PROBABILITY: probability[place],
            }
        )

    def _blocks(self) -> Iterator[slice]:
        step = max(BLOCK_CELLS // max(self.products, 1), 1)
        for start in range(0, self.users, step):
            yield slice(start, min(start + step, self.users))


def sigmoid(logits: Array) -> Array:
    """The logistic function, in the type it was given."""
    return 1 / (1 + np.exp(-logits))


def tell_truth(plan: Plan, people: People, goods: Goods, showings: float) -> Truth:
    """The truth about some people; `showings` is what a person of activity one is shown."""
    drive = plan.settings["drive"]
    return Truth(
        community=people.community,
        driven=people.driven,
        activity=(people.activity * np.float32(showings)).astype(np.float32),
        tastes=people.tastes,
        generosity=people.generosity,
        goods=goods,
        bonus=float(drive.bonus),
        drive=f"age {drive.low}–{drive.high} and occupation={drive.occupation}",
    )


def join_truths(truths: list[Truth]) -> Truth:
    """One truth about the people of several blocks, in their order."""
    return replace(
        truths[0],
        community=np.concatenate([truth.community for truth in truths]),
        driven=np.concatenate([truth.driven for truth in truths]),
        activity=np.concatenate([truth.activity for truth in truths]),
        tastes=np.concatenate([truth.tastes for truth in truths]),
        generosity=np.concatenate([truth.generosity for truth in truths]),
    )


def soft_auc(scores: Array, chances: Array) -> float:
    """Chance that one who likes is scored above one who does not, where chances are known.

    Every user counts as a liker by their chance and as none by the rest; ties count half.
    NaN where all chances are 0 or all are 1.
    """
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    liking = np.add.reduceat(chances[order].astype(np.float64), starts)
    rest = np.add.reduceat(1 - chances[order].astype(np.float64), starts)
    below = np.cumsum(rest) - rest
    weight = liking.sum() * rest.sum()
    return float((liking @ (below + rest / 2)) / weight) if weight else float("nan")
