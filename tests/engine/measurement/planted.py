"""Campaigns whose true effect is known, and campaigns without any, drawn from a seed.

In: a seed, sizes and rates. Out: sides as they stand at each look, or people of a planted world.
Never: an effect that is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.measurement.holdout import assign
from engine.measurement.lift import Side, side_of_counts
from training.simulate import World

Array = NDArray[Any]
Look = tuple[Side, Side]
SALT = b"planted salt"
SHARES = (0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Design:
    """A campaign of yes-or-no outcomes: people of both sides, and the rate of each."""

    exposed: int
    held_out: int
    rate: float
    effect: float = 0.0

    @property
    def outcomes(self) -> float:
        """Expected of both sides together."""
        return (self.exposed + self.held_out) * self.rate + self.exposed * self.effect


def designs(count: int, seed: int, *, effects: bool = False) -> list[Design]:
    """Sizes from 2,000 to 60,000, rates from 0.3 % to 30 %, effects from -30 % to 60 % of them."""
    random = np.random.default_rng(seed)
    people = np.exp(random.uniform(np.log(2_000), np.log(60_000), count)).astype(int)
    rates = np.exp(random.uniform(np.log(0.003), np.log(0.3), count))
    shares = random.choice(SHARES, count)
    relative = random.uniform(-0.3, 0.6, count) * effects
    return [
        Design(int(n) - int(n * share), int(n * share), float(rate), float(rate * more))
        for n, share, rate, more in zip(people, shares, rates, relative, strict=True)
    ]


def arriving(design: Design, looks: int, random: np.random.Generator) -> Iterator[Look]:
    """Looks while people arrive, each with the outcome at once; the last look sees all."""
    sides = []
    for people, rate in _rates(design):
        seen = np.linspace(0, people, looks + 1).astype(int)[1:]
        ones = np.cumsum(random.binomial(np.diff(seen, prepend=0), rate))
        sides.append((seen, ones))
    (n1, k1), (n0, k0) = sides
    for at in range(looks):
        if min(n1[at], n0[at]) >= 2:
            yield (
                side_of_counts(int(n1[at]), int(k1[at])),
                side_of_counts(int(n0[at]), int(k0[at])),
            )


def coming_in(design: Design, looks: int, random: np.random.Generator) -> Iterator[Look]:
    """Looks at one audience whose outcomes come in day after day; the last look sees all."""
    counts = []
    for people, rate in _rates(design):
        days = random.integers(0, looks, random.binomial(people, rate))
        counts.append(np.cumsum(np.bincount(days, minlength=looks)))
    for exposed, held in zip(*counts, strict=True):
        yield (
            side_of_counts(design.exposed, int(exposed)),
            side_of_counts(design.held_out, int(held)),
        )


def _rates(design: Design) -> tuple[tuple[int, float], tuple[int, float]]:
    rate = min(design.rate + design.effect, 1.0)
    return (design.exposed, rate), (design.held_out, design.rate)


@dataclass(frozen=True)
class Campaign:
    """One campaign in a planted world: what its audience did, and the true mean effect on it."""

    rows: Array  # of the world's users
    outcome: Array
    held_out: Array
    effect: float


def in_world(world: World, *, seed: int) -> Campaign:
    """A product is promoted to the part of the users who are most interested in it.

    Who is held out likes it as far as they come across it anyway; of the others further ones are
    shown it. So the effect differs between people; the true one is its mean over the audience.
    """
    random = np.random.default_rng(seed)
    product = int(random.integers(world.truth.products))
    like = world.truth.like(slice(None), [product])[:, 0].astype(float)
    shown = world.truth.shown(slice(None), [product])[:, 0].astype(float)
    size = int(random.uniform(0.2, 1.0) * like.size)
    rows = np.argsort(-like * shown, kind="stable")[:size]
    ids = world.users["user_id"].gather(rows)
    held = assign(ids, f"campaign {seed}", salt=SALT, share=float(random.choice(SHARES)))
    reach = random.uniform(0.02, 0.5)
    anyway = like[rows] * shown[rows]
    gained = like[rows] * (1 - shown[rows]) * reach
    outcome = (random.random(size) < anyway + gained * ~held).astype(float)
    return Campaign(rows, outcome, held, float(gained.mean()))
