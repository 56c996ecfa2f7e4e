"""Advocates of large networks: how long, how much memory, and how that grows with the ties.

In: nothing, or how many thousand people. Out: rows (what, unit, figure, command).
Never: a network that is easier than real ones: few are followed by very many.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator

import numpy as np
import polars as pl

from engine.frames import FOLLOWEE, FOLLOWER
from engine.reach.advocates import Effort, choose
from engine.reach.cover import Wanted
from engine.reach.graph import build_graph

Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.advocates"
SIZES = (100_000, 300_000, 1_000_000)
TIES, ASKED = 10, 50
IDS = ("numbers", "words", "as long as a UUID")
EFFORT = Effort(first=32768, most=1 << 20, proof=0.9, level=0.95)


def network(people: int, seed: int = 0) -> pl.DataFrame:
    """Ten ties a person, followed by a law of powers."""
    rng = np.random.default_rng([seed, people])
    followed = rng.pareto(1.2, people * TIES) * people / 200
    follower = rng.integers(0, people, people * TIES)
    return pl.DataFrame({FOLLOWER: follower, FOLLOWEE: followed.astype(np.int64) % people})


def named(ties: pl.DataFrame, ids: str) -> pl.DataFrame:
    """The same ties between ids that are numbers, short words, or as long as a UUID."""
    number = pl.col(FOLLOWER, FOLLOWEE)
    if ids == "numbers":
        return ties
    if ids == "words":
        return ties.select(pl.format("u{}", name).alias(name) for name in ties.columns)
    long = number.hash(1).cast(pl.String).str.zfill(20) + number.cast(pl.String).str.zfill(16)
    return ties.select(long)


def run(sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """Seconds for the graph and for the choice, the proof, and the most memory so far."""
    for people in sizes:
        ties = network(people)
        what = f"{ASKED} advocates of {people:,} people, {ties.height:,} ties"
        for ids in IDS:
            known = named(ties, ids)
            began = time.perf_counter()
            graph = build_graph(known)
            spent = time.perf_counter() - began
            yield f"{what}: graph, ids are {ids}", "s", spent, COMMAND
            del known
        weights = np.ones(len(graph))
        began = time.perf_counter()
        found = choose(graph, Wanted(weights, weights > 0, ASKED), EFFORT)
        took = time.perf_counter() - began
        yield f"{what}: choice", "s", took, COMMAND
        whole = (spent + took) / ties.height * 1e6
        yield f"{what}: graph and choice by a million ties", "s", whole, COMMAND
        yield f"{what}: proven part", "", found.proof, COMMAND
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        yield f"{what}: most memory", "GiB", most, COMMAND


if __name__ == "__main__":
    asked = tuple(1000 * int(word) for word in sys.argv[1:])
    for what, unit, figure, _ in run(asked or SIZES):
        print(f"{what}: {figure:.3g} {unit}", flush=True)
