"""Spread of a word on large networks, simulated all runs at once and by one loop over runs.

In: nothing, or how many thousand people. Out: rows (what, unit, figure, command).
Never: a loop that does more than it has to; both draw the same number of runs.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator

import numpy as np

from engine.reach.delays import Delay
from engine.reach.earned import Touch, earned
from engine.reach.graph import Graph, build_graph
from engine.reach.spread import Runs, Starters, Travel, spread
from tests.benchmarks.advocates import network

Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.spread"
SIZES = (30_000, 100_000, 300_000)
STARTED, TRIED = 50, 1000
IN_TIME = Travel("cascade", Delay(1.0, 2.0), (1.0, 6.0, 24.0, 72.0), whole=False)


def one_by_one(graph: Graph, starters: np.ndarray, runs: int, seed: int = 0) -> float:
    """Mean reach under independent cascade, a run at a time, each with its own frontier."""
    rng, gives, total = np.random.default_rng(seed), graph.gives, 0
    for _ in range(runs):
        has = np.zeros(len(graph), bool)
        has[starters] = True
        front = starters
        while front.size:
            ranges = [np.arange(gives.starts[one], gives.starts[one + 1]) for one in front]
            ties = np.concatenate(ranges)
            met = gives.others[ties[rng.random(ties.size) < gives.chances[ties]]]
            front = np.unique(met[~has[met]])
            has[front] = True
        total += int(has.sum())
    return total / runs


def run(sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """Seconds by each model, against the loop; the means apart, in standard errors; memory."""
    for people in sizes:
        graph = build_graph(network(people))
        # the most followed and others: a hub's followers are asked in every run
        most = np.argsort(-graph.gives.lengths)[: STARTED // 2]
        others = np.random.default_rng(1).choice(len(graph), STARTED, replace=False)
        rows = np.concatenate([most, np.setdiff1d(others, most)[: STARTED - most.size]])
        what = f"{TRIED:,} runs of {STARTED} starters, {people:,} people"
        taken = {}
        for name, travel in (
            ("cascade", Travel()),
            ("cascade in hours", IN_TIME),
            ("threshold", Travel("threshold")),
        ):
            began = time.perf_counter()
            found = spread(graph, Starters(rows), travel, Runs(TRIED, TRIED, 0.0, 0.95))
            taken[name] = time.perf_counter() - began
            yield f"{what}: {name}", "s", taken[name], COMMAND
            if name == "cascade":
                yield f"{what}: reach", "people", found.reach.mean, COMMAND
                error, mean = found.deviation / TRIED**0.5, found.reach.mean
        began = time.perf_counter()
        plain = one_by_one(graph, rows, TRIED // 10)
        loop = 10 * (time.perf_counter() - began)
        yield f"{what}: loop over runs / cascade", "times", loop / taken["cascade"], COMMAND
        apart = abs(plain - mean) / (error * 11**0.5)
        yield f"{what}: means apart", "standard errors", apart, COMMAND
        touch = Touch(np.full(len(graph), 0.1), np.full(len(graph), 0.05))
        began = time.perf_counter()
        sets = Runs(1 << 14, 1 << 20, 0.02, 0.95)
        told = earned(graph, touch, IN_TIME, sets)
        taken["paid"] = time.perf_counter() - began
        yield f"a tenth of {people:,} people paid, 3 days", "s", taken["paid"], COMMAND
        part = told.earned.half_width / told.earned.mean
        yield f"a tenth of {people:,} people paid: half of the interval", "", part, COMMAND
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        yield f"{people:,} people: most memory", "GiB", memory, COMMAND


if __name__ == "__main__":
    asked = tuple(1000 * int(word) for word in sys.argv[1:])
    for what, unit, figure, _ in run(asked or SIZES):
        print(f"{what}: {figure:.3g} {unit}", flush=True)
