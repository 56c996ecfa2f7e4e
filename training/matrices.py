"""Evidence as sparse matrices of users × products.

In: evidence by (user, product), sorted, and the products table. Out: `Pairs` and its matrices.
Never: a fit, and never a row or column whose number depends on the order of events.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import NothingToLearn, counted
from engine.frames import EVIDENCE, FIRST_AT, GRADE, POLARITY, PRODUCT, USER

Array = NDArray[Any]


@dataclass(frozen=True)
class Passed:
    """Pairs that a campaign showed to no effect: weak dislikes, beside what people said.

    `weight` counts against the product, where a dislike of average strength weighs 1.
    """

    rows: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    columns: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    weight: Array = field(default_factory=lambda: np.zeros(0, np.float32))

    def part(self, mask: Array) -> Passed:
        """Those under a mask."""
        return Passed(self.rows[mask], self.columns[mask], self.weight[mask])


@dataclass(frozen=True)
class Pairs:
    """Who acted on what. Row u of every matrix is `users[u]`, column p is `products[p]`.

    `rows`, `columns`, `polarity`, `weight` and `at` run along the pairs, sorted by (row, column),
    each pair once. `weight` is positive, 1 on average over the pairs that have a polarity. `at` is
    the moment of the user's first act on the product, microseconds since 1970. `kept` is
    the part of all pairs that is here: counts are divided by it, so that a model of 80 % of the
    pairs speaks of the same activity as a model of all. `passed` are no pairs: they count in
    `verdicts` alone.
    """

    users: pl.Series
    products: pl.Series
    rows: Array
    columns: Array
    polarity: Array
    weight: Array
    at: Array
    kept: float = 1.0
    passed: Passed = field(default_factory=Passed)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.users), len(self.products)

    def part(self, mask: Array, kept: float) -> Pairs:
        """The pairs under a mask; users and products keep their numbers."""
        return replace(
            self,
            rows=self.rows[mask],
            columns=self.columns[mask],
            polarity=self.polarity[mask],
            weight=self.weight[mask],
            at=self.at[mask],
            kept=kept,
        )

    def matrix(self, values: Array) -> sparse.csr_array:
        """(users, products) float32 with one entry for each pair whose value is not 0."""
        mask = values != 0
        content = (values[mask].astype(np.float32), (self.rows[mask], self.columns[mask]))
        return sparse.csr_array(content, shape=self.shape)

    @cached_property
    def likes(self) -> sparse.csr_array:
        """Weights of the likes."""
        return self.matrix(np.where(self.polarity > 0, self.weight, 0))

    @cached_property
    def opinions(self) -> sparse.csr_array:
        """Weights of likes, and of dislikes with a minus."""
        return self.matrix(self.polarity * self.weight)

    @cached_property
    def verdicts(self) -> sparse.csr_array:
        """Opinions, and with a smaller minus what was passed over; no pair is in both."""
        passed = self.passed
        if passed.rows.size == 0:
            return self.opinions
        against = sparse.csr_array(
            (-passed.weight, (passed.rows, passed.columns)), shape=self.shape
        )
        both: sparse.csr_array = self.opinions + against
        return both

    @cached_property
    def seen(self) -> sparse.csr_array:
        """1 for each pair, whatever was thought."""
        return self.matrix(np.ones(len(self.rows)))

    @cached_property
    def timeline(self) -> Array:
        """The order of the pairs by user, then by moment, then by product."""
        return np.lexsort((self.columns, self.at, self.rows))

    def counts(self, axis: int) -> dict[str, Array]:
        """Likes, dislikes and acts on products of each user (axis 1) or product (axis 0)."""
        numbers, length = (self.rows, self.shape[0]) if axis == 1 else (self.columns, self.shape[1])
        return {
            name: np.bincount(numbers[mask], minlength=length) / self.kept
            for name, mask in (
                ("likes", self.polarity > 0),
                ("dislikes", self.polarity < 0),
                ("acts", np.ones(len(numbers), bool)),
            )
        }


def pair_up(
    evidence: pl.DataFrame, products: pl.DataFrame, *, power: float, grading: float
) -> Pairs:
    """Numbers users and products by the order of their ids and takes the pairs along.

    Products of the table that nobody acted on get an empty column, so that features can speak
    for them. Weights are |evidence| ** power * grade ** grading over their mean, at most 10; pairs
    without a polarity weigh 1.

    Raises:
        NothingToLearn: no evidence, no like, or fewer than two users or two products.
    """
    if evidence.is_empty():
        raise NothingToLearn("no events on products yet: run `mokhatab ingest EVENTS`")
    ids = pl.concat([evidence[PRODUCT], products[PRODUCT].cast(pl.String)]).unique().sort()
    users = evidence[USER].unique().sort()
    rows = _numbers(evidence[USER], users)
    columns = _numbers(evidence[PRODUCT], ids)
    order = np.lexsort((columns, rows))
    polarity = evidence[POLARITY].to_numpy()[order].astype(np.int8)
    if not (polarity > 0).any():
        raise NothingToLearn("no likes among the events: nothing tells who cares for what")
    if len(users) < 2 or len(ids) < 2:
        raise NothingToLearn(
            f"{counted(len(users), 'user')} and {counted(len(ids), 'product')}: "
            "a ranking needs two of each"
        )
    strength = np.abs(evidence[EVIDENCE].to_numpy()[order]) ** power
    strength *= evidence[GRADE].to_numpy()[order] ** grading
    weight = np.ones(len(order), np.float32)
    opinion = (polarity != 0) & (strength > 0)
    mean = strength[opinion].mean() if opinion.any() else 1.0
    weight[opinion] = np.clip(strength[opinion] / mean, 1e-3, 10.0)
    at = evidence[FIRST_AT].to_physical().to_numpy()[order]
    return Pairs(users, ids, rows[order], columns[order], polarity, weight, at)


def _numbers(values: pl.Series, ids: pl.Series) -> Array:
    kind = pl.Enum(ids)
    return values.cast(kind).to_physical().to_numpy().astype(np.int64)


def beside(pairs: Pairs, passed: pl.DataFrame, weight: float) -> Pairs:
    """The pairs with what was passed over (user_id, product_id; each once, no pair of `pairs`).

    People and products without any evidence are left out; at weight 0 nothing counts.
    """
    if weight == 0 or passed.is_empty():
        return pairs
    known = (
        passed.join(pairs.users.rename(USER).to_frame(), on=USER, how="semi")
        .join(pairs.products.rename(PRODUCT).to_frame(), on=PRODUCT, how="semi")
        .sort(USER, PRODUCT)
    )
    silent = Passed(
        _numbers(known[USER], pairs.users),
        _numbers(known[PRODUCT], pairs.products),
        np.full(known.height, weight, np.float32),
    )
    return replace(pairs, passed=silent)


def set_aside(pairs: Pairs, share: float, seed: int) -> tuple[Pairs, Pairs]:
    """Splits pairs at random: those to learn from, and those held out.

    Seeded by position in the sorted pairs, so the order of events does not matter.
    """
    held = np.random.default_rng([seed, 20]).random(len(pairs.rows)) < share
    if held.all() or not (pairs.polarity[~held] > 0).any():
        held[:] = False
    apart = np.random.default_rng([seed, 26]).random(len(pairs.passed.rows)) < held.mean()
    return (
        replace(pairs.part(~held, 1.0 - held.mean()), passed=pairs.passed.part(~apart)),
        replace(pairs.part(held, max(float(held.mean()), 1e-12)), passed=pairs.passed.part(apart)),
    )
