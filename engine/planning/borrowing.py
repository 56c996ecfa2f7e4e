"""Rounds of borrowing: each placement is judged by what others say, and says something to others.

In: sums of rows, groups, beliefs. Out: posteriors of all placements and what they have in common.
Never: more than a sample of placements in the rounds, so that a million are learned as fast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.planning.response_prior import (
    Effects,
    Groups,
    Hope,
    learn_effects,
    learn_own,
    observed,
    said_of,
    start_effects,
)
from engine.planning.saturation import Posterior, Said, Sums, judge

Array = NDArray[Any]
CHUNK = 1 << 12


@dataclass(frozen=True)
class Common:
    """What learning needs beside sums: groups and hopes, of ceilings and of scales.

    `learning`: rounds, most placements in them, share believed dead, and for how many placements
    that counts.
    """

    grid: Array
    groups: tuple[Groups, Groups]
    hopes: tuple[Hope, Hope]
    learning: tuple[int, int, float, float]
    seed: int


@dataclass(frozen=True)
class Learned:
    """What was learned of placements, and of all of them.

    `effects` of ceilings and of scales; `doubt` (n,) the variance of a ceiling's logarithm that a
    placement shares with its groups; `dead` the share of placements that bring nothing.
    """

    posterior: Posterior
    effects: tuple[Effects, Effects]
    doubt: Array
    dead: float


@dataclass(frozen=True)
class _State:
    """Placements under learning; `said` and `doubt` are means and variances of what others say."""

    sums: Sums
    groups: tuple[Groups, ...]
    effects: tuple[Effects, ...]
    said: tuple[Array, ...]
    doubt: tuple[Array, ...]
    dead: float

    def law(self) -> Said:
        """What is said of each placement, its own spread included."""
        both = [
            (said, doubt + effects.own**2)
            for said, doubt, effects in zip(self.said, self.doubt, self.effects, strict=True)
        ]
        return Said(both[0], both[1], self.dead)


def learn_common(sums: Sums, common: Common, *, before: Learned | None = None) -> Learned:
    """Learns what placements have in common, then the posterior of each.

    `before`: what was learned from nearly the same sums, which leaves fewer rounds to go.
    """
    rounds, most, dead, _ = common.learning
    count = sums.outcome.size
    sample = np.arange(count)
    if count > most:
        sample = np.sort(np.random.default_rng(common.seed).choice(count, most, replace=False))
    effects: tuple[Effects, ...] = tuple(
        start_effects(groups, hope)
        for groups, hope in zip(common.groups, common.hopes, strict=True)
    )
    if before is not None:
        effects, dead, rounds = before.effects, before.dead, max(rounds // 3, 1)
    state = _state(sums.take(sample), sample, effects, dead, common)
    near = None
    for _ in range(rounds if sums.seen.any() else 0):
        posterior = judge(state.sums, common.grid, state.law(), near=near)
        state, near = _round(state, posterior, common), posterior.mode
    if count > most:
        everybody = _state(sums, np.arange(count), state.effects, state.dead, common)
        state = _round(everybody, _judged(everybody, common.grid), common)
    found = _judged(state, common.grid)
    return Learned(found, (state.effects[0], state.effects[1]), state.doubt[0], state.dead)


def _state(
    sums: Sums, rows: Array, effects: tuple[Effects, ...], dead: float, common: Common
) -> _State:
    """Placements before any of their results was looked at in this round."""
    groups = tuple(each.take(rows) for each in common.groups)
    said = tuple(said_of(effect, each) for effect, each in zip(effects, groups, strict=True))
    doubt = tuple(
        np.full(rows.size, hope.mean_spread**2 + sum(spread**2 for spread in effect.spreads))
        for effect, hope in zip(effects, common.hopes, strict=True)
    )
    return _State(sums, groups, effects, said, doubt, dead)


def _round(state: _State, posterior: Posterior, common: Common) -> _State:
    law = state.law()
    tried = state.sums.seen[:, -1] > 0
    alive = posterior.alive * tried
    effects, said, doubt = [], [], []
    for at, (moments, prior) in enumerate(
        (
            (posterior.moments(), law.ceiling),
            (posterior.moments(common.grid), law.scale),
        )
    ):
        old, hope, groups = state.effects[at], common.hopes[at], state.groups[at]
        value, precision = observed(*moments, prior)
        new, mean, unsure = learn_effects(old, groups, (value, precision, alive), hope)
        away = (moments[0] - state.said[at], moments[1], alive)
        effects.append(learn_own(new, away, state.doubt[at], hope))
        said.append(mean)
        doubt.append(unsure)
    _, _, believed, weight = common.learning
    lost = (tried - alive).sum() + believed * weight
    dead = float(np.clip(lost / (tried.sum() + weight), 1e-4, 0.95))
    return replace(state, effects=tuple(effects), said=tuple(said), doubt=tuple(doubt), dead=dead)


def _judged(state: _State, grid: Array) -> Posterior:
    """Posteriors in chunks, so that what is made on the way stays small."""
    law, parts = state.law(), []
    for start in range(0, state.sums.outcome.size, CHUNK):
        rows = np.arange(start, min(start + CHUNK, state.sums.outcome.size))
        parts.append(judge(state.sums.take(rows), grid, law.take(rows)))
    names = ("chance", "log_ceiling", "spread", "ceiling", "mode", "evidence")
    if len(parts) == 1:
        return parts[0]
    return Posterior(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
