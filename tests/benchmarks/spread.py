"""Spread of a word on large networks, simulated all runs at once and by one loop over runs.

In: nothing, or how many thousand people. Out: rows (what, unit, figure, command).
Never: a loop that does more than it has to; both draw the same number of runs.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import numpy as np

from engine.reach.delays import Delay
from engine.reach.earned import Touch, earned
from engine.reach.graph import Graph, Rows, build_graph
from engine.reach.spread import Runs, Spread, Starters, Travel, spread
from tests.benchmarks.advocates import network

Row = tuple[str, str, float, str]
Result = TypeVar("Result")
COMMAND = "python -m tests.benchmarks.spread"
SIZES = (10_000, 100_000, 1_000_000)
STARTED = 50
REACHED = 5_000_000
"""People whom all runs reach together, about; at least 20 runs."""
TRAVELS = {
    "cascade": Travel(),
    "cascade in hours": Travel("cascade", Delay(1.0, 2.0), (1.0, 6.0, 24.0, 72.0), whole=False),
    "threshold": Travel("threshold"),
}


def one_by_one(graph: Graph, starters: np.ndarray, runs: int, seed: int = 0) -> np.ndarray:
    """(runs,) reach under independent cascade, a run at a time, whole frontiers at once."""
    rng, gives, found = np.random.default_rng(seed), graph.gives, np.zeros(runs)
    for at in range(runs):
        has = np.zeros(len(graph), bool)
        has[starters] = True
        front = starters
        while front.size:
            lengths = gives.lengths[front]
            before = np.cumsum(lengths) - lengths
            ties = np.arange(lengths.sum()) + np.repeat(gives.starts[front] - before, lengths)
            met = gives.others[ties[rng.random(ties.size) < gives.chances[ties]]]
            front = np.unique(met[~has[met]])
            has[front] = True
        found[at] = has.sum()
    return found


def people_of(graph: Graph) -> dict[str, np.ndarray]:
    """Who starts: the most followed, whose word goes far, or anybody whom somebody follows."""
    followed = np.flatnonzero(graph.gives.lengths)
    others = np.random.default_rng(1).choice(followed, STARTED, replace=False)
    most = np.argsort(-graph.gives.lengths, kind="stable")[:STARTED]
    return {"the most followed": most, "anybody": others}


def quiet(graph: Graph) -> Graph:
    """The same people where each tie is a tenth as likely: word that goes a few steps."""
    takes = graph.takes
    return Graph(graph.users, Rows(takes.starts, takes.others, takes.chances / 10))


def seconds(work: Callable[[int], Result], tried: int) -> tuple[Result, float]:
    """What so many runs come to, and seconds of a processor that 1,000 more take."""
    work(1)  # what is made once of a graph is kept with it
    times = []
    for runs in (1, tried):
        began = time.process_time()
        found = work(runs)
        times.append(time.process_time() - began)
    return found, 1000 * (times[1] - times[0]) / (tried - 1)


def simulated(graph: Graph, what: str, rows: np.ndarray) -> Iterator[Row]:
    """Seconds by each model; how much longer the loop takes, and whether it agrees.

    Of word that goes far fewer are run, and what they took is scaled up.
    """
    some = spread(graph, Starters(rows), Travel(), Runs(8, 8, 0.0, 0.95))
    tried = int(np.clip(REACHED / some.reach.mean, 20, 1000))
    for name, travel in TRAVELS.items():

        def work(runs: int, travel: Travel = travel) -> Spread:
            return spread(graph, Starters(rows), travel, Runs(runs, runs, 0.0, 0.95))

        found, taken = seconds(work, tried)
        yield f"{what}: {name}, 1,000 runs", "s", taken, COMMAND
        if name == "cascade":
            yield f"{what}: reach", "people", found.reach.mean, COMMAND
            plain, loop = seconds(partial(one_by_one, graph, rows), tried)
            yield f"{what}: loop over runs / cascade", "times", loop / taken, COMMAND
            error = found.deviation * (2 / tried) ** 0.5
            apart = abs(plain.mean() - found.reach.mean) / error
            yield f"{what}: means apart", "standard errors", apart, COMMAND


def paid(graph: Graph, what: str) -> Iterator[Row]:
    """Seconds of a processor until what a tenth of all earns in three days is known within 2 %."""
    touch = Touch(np.full(len(graph), 0.1), np.full(len(graph), 0.05))
    began = time.process_time()
    told = earned(graph, touch, TRAVELS["cascade in hours"], Runs(1 << 14, 1 << 20, 0.02, 0.95))
    yield f"{what}, 3 days", "s", time.process_time() - began, COMMAND
    part = told.earned.half_width / told.earned.mean
    yield f"{what}: half of the interval / earned", "", part, COMMAND


def run(sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """Figures of each size, and the most memory so far."""
    for people in sizes:
        graph = build_graph(network(people))
        for name, rows in people_of(graph).items():
            what = f"{STARTED} of {people:,} people, {name}"
            yield from simulated(graph, what, rows)
        hushed = people_of(graph)["anybody"]
        yield from simulated(
            quiet(graph), f"{STARTED} of {people:,} people, a tenth as likely", hushed
        )
        yield from paid(graph, f"a tenth of {people:,} people paid")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        yield f"{people:,} people: most memory", "GiB", memory, COMMAND


if __name__ == "__main__":
    asked = tuple(1000 * int(word) for word in sys.argv[1:])
    for what, unit, figure, _ in run(asked or SIZES):
        print(f"{what}: {figure:.3g} {unit}", flush=True)
