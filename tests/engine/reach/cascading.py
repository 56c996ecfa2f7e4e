"""Networks whose chances are known, and words that travel in them as they say.

In: sizes and a seed. Out: ties, their true chances, who did what when. Never: a chance that the
learner could know but by what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.reach.credit import Done
from engine.reach.graph import Rows, build_graph

Array = NDArray[Any]


@dataclass(frozen=True)
class Plan:
    """How large a network, how many each follows, how much each says, how likely it travels."""

    people: int = 1_000
    follows: int = 10
    says: float = 12.0
    level: float = 0.06


PLANTED = Plan()


@dataclass(frozen=True)
class Words:
    """Who did what, by person and word, and the day."""

    people: Array
    objects: Array
    at: Array

    def done(self, *, known: bool) -> Done:
        """The same as the learner takes it; `known`: with moments."""
        ones = np.ones(self.people.size, np.float32)
        at = self.at if known else np.full(self.at.size, np.nan)
        people, objects = self.people.astype(np.int32), self.objects.astype(np.int32)
        return Done(people, objects, at, ones > 0, ones, ones < 0)


def planted(plan: Plan, *, seed: int) -> tuple[Rows, Array, Words]:
    """Ties, the true chance of each, and what was said and passed on.

    A chance is a product: how eager the taker is, how loud the source, and how near they are.
    """
    rng = np.random.default_rng(seed)
    size = plan.people * plan.follows
    followed = (rng.pareto(1.2, size) * plan.people / 200).astype(np.int64) % plan.people
    ties = {"follower_id": rng.integers(0, plan.people, size), "followee_id": followed}
    takes = build_graph(pl.DataFrame(ties)).takes
    people = takes.starts.size - 1
    taker = np.repeat(np.arange(people), takes.lengths)
    eager, loud = rng.gamma(1.0, 1.0, people), rng.gamma(2.0, 0.5, people)
    near = rng.gamma(2.0, 0.5, taker.size)
    chances = np.clip(plan.level * eager[taker] * loud[takes.others] * near, 0, 0.9)
    return takes, chances, travel(takes, chances, rng.poisson(plan.says, people), rng)


def travel(takes: Rows, chances: Array, said: Array, rng: np.random.Generator) -> Words:
    """So many words of each, carried on tie by tie (independent cascade), a day's delay on average.

    Each has a moment of its own; who hears it from several has it from the first to come.
    """
    people = takes.starts.size - 1
    taker = np.repeat(np.arange(people), takes.lengths)
    by_source = np.argsort(takes.others, kind="stable")
    first = np.searchsorted(takes.others[by_source], np.arange(people + 1))
    source = np.repeat(np.arange(people), said)
    front = (source, np.arange(source.size), rng.random(source.size) * 100)
    seen, found = np.sort(front[1] * people + source), [front]
    while front[0].size:
        who, word, at = front
        lengths = np.diff(first)[who]
        entry = np.repeat(np.arange(who.size), lengths)
        before = np.cumsum(lengths) - lengths
        tie = by_source[np.arange(entry.size) - before[entry] + first[who[entry]]]
        live = rng.random(tie.size) < chances[tie]
        entry, tie = entry[live], tie[live]
        when = at[entry] + rng.exponential(1.0, entry.size)
        keys = word[entry].astype(np.int64) * people + taker[tie]
        order = np.lexsort((when, keys))
        keys, when = keys[order], when[order]
        new = ~np.isin(keys, seen) & np.append(True, keys[1:] != keys[:-1])[: keys.size]
        front = (keys[new] % people, keys[new] // people, when[new])
        seen = np.union1d(seen, keys[new])
        found.append(front)
    who, word, at = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((word, who))
    return Words(who[order], word[order], at[order])
