"""What world to make: its sizes, its rates, its seed, and the moment it ends.

In: `configs/world.toml`, `world-channels.toml` and `world-seniority.toml`. Out: a frozen `Plan`.
Never: a clock; the same plan is the same world, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.settings import Scalar, Section, load, load_rows

Array = NDArray[Any]
Rows = NDArray[np.integer[Any]] | slice
UNTIL = datetime(2026, 11, 1, 12, tzinfo=UTC)
"""Where a world's history ends unless another moment is given."""


class Stage(IntEnum):
    """Each draws from a stream of its own, so that one may change without the others."""

    CULTURE = 1
    GOODS = 2
    MEMBERSHIP = 3
    PEOPLE = 4
    TIES = 5
    ACTS = 6
    REVIEWS = 7
    RESULTS = 8
    QUIET = 9
    ACCOUNTS = 10
    CONTACTS = 11
    GROUPS = 12
    RESHARES = 13


@dataclass(frozen=True)
class Plan:
    """Everything that a world follows from."""

    users: int
    products: int
    events: int
    seed: int
    until: datetime
    settings: dict[str, Section]
    channels: dict[str, dict[str, Scalar]]
    levels: dict[str, dict[str, Scalar]]

    def draw(self, stage: Stage, block: int = 0) -> np.random.Generator:
        """The stream of one stage in one block of users."""
        return np.random.default_rng([self.seed, int(stage), block])

    @property
    def blocks(self) -> int:
        return -(-self.users // int(self.settings["size"].block_users))

    def rows(self, block: int) -> slice:
        """The users of a block, as rows of the whole world."""
        size = int(self.settings["size"].block_users)
        return slice(block * size, min((block + 1) * size, self.users))

    def column(self, name: str) -> Array:
        """One column of the channels' table, in its order."""
        return np.array([row[name] for row in self.channels.values()])

    def changed(self, section: str, **values: Scalar) -> Plan:
        """The same plan with other values in one section of the settings."""
        known = self.settings[section]
        section_now = Section(known.name, known.values | values)
        return replace(self, settings=self.settings | {section: section_now})


def plan_world(
    users: int | None = None,
    products: int | None = None,
    *,
    events: int | None = None,
    seed: int = 0,
    until: datetime = UNTIL,
) -> Plan:
    """A plan by the configured rates; sizes that are not given are the configured ones."""
    settings = load("world")
    size = settings["size"]
    return Plan(
        users=int(size.users if users is None else users),
        products=int(size.products if products is None else products),
        events=int(size.events if events is None else events),
        seed=seed,
        until=until,
        settings=settings,
        channels=load_rows("world-channels"),
        levels=load_rows("world-seniority"),
    )


def ids(prefix: str, rows: range, total: int) -> list[str]:
    """Ids that sort as their rows do: `u0001` where 4 digits hold the last of `total`."""
    width = len(str(max(total - 1, 0)))
    return [f"{prefix}{row:0{width}d}" for row in rows]


def choose(draws: Array, shares: Array, groups: Array) -> Array:
    """For each draw in [0, 1), a column of `shares[group]` with that row's chances.

    Rows of `shares` sum to one; the result is in the order of the draws.
    """
    chosen = np.empty(draws.shape[0], np.int64)
    for group, edges in enumerate(np.cumsum(shares, axis=1)):
        there = np.flatnonzero(groups == group)
        found = np.searchsorted(edges, draws[there], side="right")
        chosen[there] = np.minimum(found, shares.shape[1] - 1)
    return chosen


def distinct(numbers: Array) -> Array:
    """The numbers once each, rising."""
    ordered = np.sort(numbers)
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: ordered.size]
    return np.asarray(ordered[first])
