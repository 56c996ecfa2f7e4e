"""How far each person's word is carried.

In: a graph. Out: how many others each is expected to reach. Never: a person counted for hearing
themselves, or nobody for whose word somebody may pass on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from engine.reach.graph import Graph
from engine.reach.sets import draw_sets

Array = NDArray[Any]

FIRST, MOST = 16, 1 << 16
"""Sets that are drawn at first, and at most, before they are counted and let go."""
HELD = 1 << 22
"""Members of sets that are held at once, by the sizes of those drawn before."""
ALIKE = 1 << 10
"""People, at least, who are likened to each other."""
STRENGTHS = np.exp2(np.arange(-6, 13, dtype=np.float64))
"""Shapes of the gamma law that are tried."""


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
    that hold a person whose listener is another, times the people. What sets tell of one person is
    grainy where there are many people: it is shrunk towards what they tell of others whose
    followers are as likely to pass their word on (`_likened`). So carry is 0 only for whom nobody
    passes on.
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
    return _likened(held, _first_steps(graph), done / people).astype(np.float32)


def _first_steps(graph: Graph) -> Array:
    """(people,) float64: how many are expected to pass on a word from its author themselves."""
    takes = graph.takes
    return np.bincount(takes.others, takes.chances, minlength=len(graph))


def _likened(held: Array, steps: Array, sets_each: float) -> Array:
    """(people,) float64 carry: the posterior mean of a gamma law around what is usual.

    Of people in the order of their first steps, groups of neighbours tell by how much word goes
    further than those; how far it goes for one of them differs by a gamma law, whose shape is where
    the likelihood of a group is highest (Poisson-gamma; Efron & Morris 1975, "Data analysis using
    Stein's estimator"). Nobody's word goes less far
    than its first steps, which is all that is known where no set met anybody of a group.

    Args:
        held: (people,) sets of other listeners that hold each.
        steps: (people,) first steps; 0 for whom nobody passes on.
        sets_each: sets that were drawn for each person.
    """
    some = np.flatnonzero(steps > 0)
    some = some[np.argsort(steps[some], kind="stable")]
    found = np.zeros(steps.size)
    for group in np.array_split(some, max(1, min(some.size // ALIKE, ALIKE))):
        hoped = steps[group] * sets_each
        further = max(held[group].sum() / max(hoped.sum(), 1e-300), 1.0)
        usual = hoped * further
        shape = _shape(held[group], usual)
        found[group] = (held[group] + shape) / (usual + shape) * usual / sets_each
    return np.clip(found, steps, steps.size - 1)


def _shape(seen: Array, usual: Array) -> float:
    """Of the gamma law by which people differ from what is usual: the likeliest of those tried."""
    shape = STRENGTHS[:, None]
    likely = (
        gammaln(seen + shape) - gammaln(shape) + shape * np.log(shape)
        + seen * np.log(usual) - (seen + shape) * np.log(usual + shape)
    ).sum(1)  # fmt: skip
    return float(STRENGTHS[likely.argmax()])
