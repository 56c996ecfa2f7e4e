"""Advocates as a verb: whom of a network to ask to carry the word, and how far it would go.

In: a home, and ties in a file or those of the home. Out: advocates by id, with their reach, its
interval and its proof. Never: somebody by name who may not be addressed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import settings
from engine.operations.asking import Ask, costs_of
from engine.operations.graphs import graph_asked
from engine.operations.permits import may_be_named
from engine.reach.advocates import Chosen, Effort, choose
from engine.reach.cover import Wanted
from engine.reach.graph import Graph
from engine.store.home import Home

Array = NDArray[Any]
Tick = Callable[[int, float], None]
NOBODY: Tick = lambda sets, proof: None  # noqa: E731


@dataclass(frozen=True)
class Round:
    """One choice: who is asked of whom for what, what it came to, and how long it took."""

    graph: Graph
    wanted: Wanted
    found: Chosen
    level: float
    seconds: float
    source: str = ""

    def told(self) -> dict[str, Any]:
        """As the command prints it, and the API answers."""
        found, wanted = self.found, self.wanted
        money: dict[str, Any] = {}
        if wanted.costs is not None:
            each = [float(cost) for cost in wanted.costs[found.rows]]
            money = {"costs": each, "spent": sum(each), "budget": wanted.budget}
        return {
            "asked": wanted.count,
            "seeds": self.graph.users.gather(found.rows).to_list(),
            "gains": [float(gain) for gain in found.gains],
            "expected_reach": found.reach,
            "lower": found.lower,
            "upper": found.upper,
            "proven": found.proof,
            "level": self.level,
            **money,
            "source": self.source,
            "people": len(self.graph),
            "ties": int(self.graph.takes.others.size),
            "sets": found.sets,
            "seconds": self.seconds,
        }


def advocates(
    home: Home, ask: Ask, *, ties: Path | None = None, tick: Tick = NOBODY
) -> dict[str, Any]:
    """At most so many people whose word together reaches most of a network.

    Everybody of the network may hear of it; named are only those who may be addressed. Fewer come
    back where nobody else would add a listener, or can be paid.

    Args:
        home: whose settings, ties and records of consent hold.
        ask: how many, at what cost, and how surely.
        ties: a file of follower_id, followee_id and, where known, chance; else those that the
            model learned, or that stand in the home.
        tick: told sets drawn and the part that is proven so far.

    Returns:
        asked (at most so many), seeds, gains (what each adds), expected_reach, lower, upper,
        proven, level, source (of the ties), people, ties, sets and seconds; with costs also costs,
        spent and budget.

    Raises:
        UnreadableFile, FrameError: the file cannot be read, or lacks a column.
        InvalidValue: there is no tie, a chance is none, nobody may be asked, or what is asked
            cannot be meant.
    """
    ask.refuse()
    began = monotonic()
    graph, source = graph_asked(home, ties)
    weights, allowed = np.ones(len(graph)), may_be_named(home, graph.users).to_numpy()
    found = chosen(home, graph, (weights, allowed), ask, tick, began)
    return replace(found, source=source).told()


def chosen(
    home: Home, graph: Graph, who: tuple[Array, Array], ask: Ask, tick: Tick, began: float
) -> Round:
    """Advocates among those who may be asked, for those who are to hear.

    Args:
        home: whose settings hold.
        graph: who takes whose word.
        who: (people,) what it is worth that each hears, and whether each may be asked.
        ask: how many, at what cost, and how surely.
        tick: told sets drawn and the part that is proven so far.
        began: by the monotonic clock, when the question came.
    """
    rules = settings.load("reach", home.root)["advocates"]
    weights, allowed = who
    costs = costs_of(ask, graph.users)
    if costs is not None:
        allowed = allowed & np.isfinite(costs)
    count = ask.most(costs, allowed, int(rules.most))
    wanted = Wanted(weights, allowed, count, costs, ask.budget)
    wished = float(rules.proof) if ask.proof is None else ask.proof
    sets = int(rules.first_sets), min(int(rules.most_sets), ask.most_sets or 1 << 62)
    level = float(rules.level)
    found = choose(graph, wanted, Effort(*sets, wished, level, ask.seed), tick)
    return Round(graph, wanted, found, level, monotonic() - began)
