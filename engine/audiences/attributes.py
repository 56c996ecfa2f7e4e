"""Attribute segments: conjunctions of conditions whose people stand out, found by beam search.

In: the users table and targets (what each user likes or belongs to). Out: conjunctions, and
segments of kind `attribute`. Never: a conjunction that says no more than a shorter one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.audiences.conditions import Condition, find_conditions
from engine.audiences.membership import Found, stable_id
from engine.settings import Section

Array = NDArray[Any]
_TRIED = 8  # conjunctions tried for each target before none is taken


@dataclass(frozen=True)
class Conjunction:
    """Conditions that hold together; `score` standard errors above everybody for `target`."""

    conditions: tuple[Condition, ...]
    target: int
    score: float

    @property
    def name(self) -> str:
        return " and ".join(condition.name for condition in self.conditions)

    @property
    def rule(self) -> str:
        return " and ".join(condition.rule for condition in self.conditions)

    def members(self, users: pl.DataFrame) -> Array:
        """Rising row numbers of the users for whom every condition holds."""
        held = [condition.holds(users).to_numpy() for condition in self.conditions]
        return np.flatnonzero(reduce(np.logical_and, held))


def find_attribute_segments(
    users: pl.DataFrame, sample: Array, targets: Array, *, settings: Section, least: int
) -> list[Found]:
    """Segments of the conjunctions that stand out among the sampled rows, clearest first."""
    conjunctions = discover(users[sample], targets, settings=settings, least=least)
    return [
        Found(
            stable_id("attribute", each.rule),
            each.name,
            "attribute",
            each.rule,
            f"all have {each.name}",
            each.members(users),
        )
        for each in conjunctions
    ]


def discover(
    users: pl.DataFrame, targets: Array, *, settings: Section, least: int
) -> list[Conjunction]:
    """Finds the conjunctions whose people stand out for some target, clearest first.

    Subgroup discovery by beam search (Klösgen 1996; Lavrač et al. 2004). Quality is the mean
    test: a conjunction's mean of a target against everybody's in standard errors of a random set
    of its size, so that size and effect both count. A conjunction must stand out by
    `settings.clear` against everybody and against each of itself with one condition less.

    Args:
        targets: (users,) or (users, targets): likes, rates or memberships; any finite numbers.
        least: people a conjunction must have.
    """
    conditions = find_conditions(users, settings)
    values = np.asarray(targets, np.float32)
    values = values[:, None] if values.ndim == 1 else values
    if not conditions or users.height < 2 * least or values.shape[1] == 0:
        return []
    search = _Search(conditions, users, values, settings, least)
    search.run()
    return search.selection()


class _Search:
    def __init__(
        self,
        conditions: list[Condition],
        users: pl.DataFrame,
        values: Array,
        settings: Section,
        least: int,
    ) -> None:
        self.conditions, self.settings, self.least = conditions, settings, least
        self.holds = np.stack([each.holds(users).to_numpy() for each in conditions])
        self.weights = self.holds.astype(np.float32)
        spread = values.std(axis=0, dtype=np.float64)
        centred = values - values.mean(axis=0, dtype=np.float64)
        self.values = (centred / np.where(spread > 0, spread, 1)).astype(np.float32)
        self.pool: dict[tuple[int, ...], Array] = {}

    def run(self) -> None:
        """Fills the pool level by level: scores of every conjunction that may be a segment."""
        level = self._grow((), np.ones(self.holds.shape[1], bool))
        for _ in range(self.settings.depth - 1):
            self.pool |= level
            beam = self._beam(level)
            level = {}
            for indices in beam:
                level |= self._grow(indices, self._mask(indices))
        self.pool |= level

    def _grow(self, indices: tuple[int, ...], inside: Array) -> dict[tuple[int, ...], Array]:
        rows = np.flatnonzero(inside)
        used = {self.conditions[index].attribute for index in indices}
        free = [condition.attribute not in used for condition in self.conditions]
        columns = np.flatnonzero(free)
        weights = self.weights[np.ix_(columns, rows)]
        sizes, sums = weights.sum(axis=1, dtype=np.float64), weights @ self.values[rows]
        users = self.holds.shape[1]
        scores = sums / np.sqrt(np.maximum(sizes * (1 - sizes / users), 1e-9))[:, None]
        return {
            tuple(sorted((*indices, int(columns[at])))): scores[at]
            for at in np.flatnonzero((sizes >= self.least) & (sizes < users))
        }

    def _beam(self, level: dict[tuple[int, ...], Array]) -> list[tuple[int, ...]]:
        """The best conjunction of every target, clearest first: no target fills the beam alone."""
        if not level:
            return []
        known, scores = list(level), np.stack(list(level.values()))
        best = np.unique(np.argsort(-scores, axis=0, kind="stable")[:3])
        order = best[np.argsort(-scores[best].max(axis=1), kind="stable")]
        return [known[at] for at in order[: self.settings.beam]]

    def _mask(self, indices: tuple[int, ...]) -> Array:
        inside: Array = np.all(self.holds[list(indices)], axis=0)
        return inside

    def selection(self) -> list[Conjunction]:
        if not self.pool:
            return []
        known, scores = list(self.pool), np.stack(list(self.pool.values()))
        order = np.argsort(-scores, axis=0, kind="stable")[:_TRIED]
        found: dict[tuple[int, ...], Conjunction] = {}
        for target in range(scores.shape[1]):
            for at in order[:, target]:
                score = float(scores[at, target])
                if score < self.settings.clear:
                    break
                if self._says_more(known[at], target):
                    held = tuple(self.conditions[index] for index in known[at])
                    if known[at] not in found or found[known[at]].score < score:
                        found[known[at]] = Conjunction(held, target, score)
                    break
        clearest = sorted(found, key=lambda indices: -found[indices].score)
        return [found[indices] for indices in self._unlike(clearest)]

    def _says_more(self, indices: tuple[int, ...], target: int) -> bool:
        """Whether no shorter conjunction explains this one."""
        inside = self._mask(indices)
        mean, size = self.values[inside, target].mean(dtype=np.float64), inside.sum()
        for shorter in combinations(indices, len(indices) - 1):
            wider = self._mask(shorter) if shorter else np.ones_like(inside)
            around = self.values[wider, target]
            left = 1 - size / wider.sum()
            error = around.std(dtype=np.float64) * np.sqrt(left / size)
            if left <= 0 or mean - around.mean(dtype=np.float64) < self.settings.clear * error:
                return False
        return True

    def _unlike(self, clearest: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
        kept: list[tuple[int, ...]] = []
        masks: list[Array] = []
        for indices in clearest:
            if len(kept) == self.settings.most:
                break
            inside = self._mask(indices)
            shared = (
                (inside & other).sum() / max((inside | other).sum(), 1) for other in masks
            )  # fmt: skip
            if all(part <= self.settings.alike for part in shared):
                kept.append(indices)
                masks.append(inside)
        return kept
