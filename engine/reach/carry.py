"""How far each person's word is carried.

In: a graph. Out: how many others each is expected to reach. Never: a person counted for hearing
themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.reach.graph import Graph
from engine.reach.sets import draw_sets

Array = NDArray[Any]

FIRST, MOST = 16, 1 << 14
"""Sets that are drawn at first, and at most, before they are counted and let go."""
HELD = 1 << 22
"""Members of sets that are held at once, by the sizes of those drawn before."""


@dataclass(frozen=True)
class Draws:
    """How many sets: at most `sets`, and `each` a person; none more once `members` are in them."""

    sets: int
    each: int
    members: int
    seed: int


def expected_carry(graph: Graph, draws: Draws) -> Array:
    """(people,) float32: how many others come to pass on what each person says once.

    Under independent cascade, by reverse-reachable sets (Borgs et al. 2014): the share of sets
    that hold a person whose listener is another, times the people. So it is 0 for whom nobody
    passes on, and its standard error is at most sqrt(carry × people / sets).
    """
    rng = np.random.default_rng([draws.seed, 61])
    people = len(graph)
    held, done, members, now = np.zeros(people, np.int64), 0, 0, FIRST
    most = min(draws.sets, draws.each * people)
    while done < most and members < draws.members:
        roots = rng.integers(0, people, min(now, most - done))
        drawn = draw_sets(graph, roots, rng)
        held += np.bincount(drawn.members, minlength=people)
        held -= np.bincount(roots, minlength=people)  # each listener is in their own set
        done, members = done + roots.size, members + drawn.members.size
        now = int(np.clip(HELD * done // members, FIRST, MOST))
    return (held * (people / done)).astype(np.float32)
