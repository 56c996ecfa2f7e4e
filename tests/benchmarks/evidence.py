"""Evidence from the simulator's events beside polars reading and grouping the same Parquet.

In: nothing, or how many million events, and how often. Out: rows (what, unit, figure, command).
Never: a figure from another run.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from engine.frames import ACTION, AT, POLARITY, PRODUCT, USER
from engine.settings import load_rows
from engine.signals.evidence import weigh_events
from training.simulate import grow_blocks, lay_ground
from training.world.plan import UNTIL, plan_world

MILLIONS, ROUNDS = 5, 5
USERS_PER_MILLION, PRODUCTS = 50_000, 20_000
MILLION, GIB = 1_000_000, 1 << 20  # GIB in the kibibytes of /proc
COMMAND = "python -m tests.benchmarks.evidence"


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds by the clock and of processors, and the most that was resident."""

    clock: float
    processors: float
    resident: float  # GiB


def _group(events: pl.LazyFrame) -> pl.LazyFrame:
    """The least that could be asked: how often, and when for the last time."""
    return events.group_by(USER, PRODUCT).agg(pl.len(), pl.col(AT).max())


def _sum(events: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of evidence by one group_by, with whatever is not order, tie, undo or grade."""
    rows = load_rows("actions")
    weight, polarity, half_life = (
        pl.col(ACTION).replace_strict(
            {action: row[name] for action, row in rows.items()}, return_dtype=pl.Float64
        )
        for name in ("weight", "polarity", "half_life_days")
    )
    age = (pl.lit(UNTIL) - pl.col(AT)).dt.total_microseconds() / 86_400e6
    evidence = weight * polarity * (-age * np.log(2) / half_life).exp()
    said = pl.when(pl.col(POLARITY) != 0).then(AT)
    return (
        events.select(USER, PRODUCT, AT, polarity.alias(POLARITY), evidence.alias("evidence"))
        .group_by(USER, PRODUCT)
        .agg(
            pl.len(),
            pl.col(AT).min().alias("first"),
            pl.col(AT).max().alias("last"),
            pl.col("evidence").sum(),
            pl.col(POLARITY).max_by(said),
        )
    )


def _evidence(events: pl.LazyFrame) -> pl.LazyFrame:
    return weigh_events(events, actions=load_rows("actions"), now=UNTIL, distinct=True)


def _any_evidence(events: pl.LazyFrame) -> pl.LazyFrame:
    return weigh_events(events, actions=load_rows("actions"), now=UNTIL)


WORKS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "group": _group,
    "sum": _sum,
    "evidence": _evidence,
    "any": _any_evidence,
}


def write_events(folder: Path, millions: int) -> None:
    """One file for each block of the world's users, sorted by time within it."""
    users = millions * USERS_PER_MILLION
    plan = plan_world(users, PRODUCTS, events=millions * MILLION, seed=3)
    for number, block in enumerate(grow_blocks(lay_ground(plan))):
        block.events.write_parquet(folder / f"events-{number:05}.parquet")


def measure(name: str, folder: Path) -> Cost:
    """Runs one work in this process: every batch of its result is made, and none is kept."""
    events = pl.scan_parquet(folder / "*.parquet")
    clock, processors = time.perf_counter(), time.process_time()
    pairs = sum(batch.height for batch in WORKS[name](events).collect_batches())
    clock, processors = time.perf_counter() - clock, time.process_time() - processors
    if pairs == 0:
        raise RuntimeError("no pairs: nothing was measured")
    # not getrusage, which passes the parent's peak on to a child
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    return Cost(clock, processors, int(peak[1]) / GIB)


def compare(folder: Path, rounds: int) -> dict[str, list[Cost]]:
    """The works in turns, so that a busy machine is busy for all, each time in a new process."""
    costs: dict[str, list[Cost]] = {name: [] for name in WORKS}
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as fresh:
        for _ in range(rounds):
            for name, found in costs.items():
                found.append(fresh.submit(measure, name, folder).result())
    return costs


def run(millions: int = MILLIONS, rounds: int = ROUNDS) -> list[tuple[str, str, float, str]]:
    """Medians over the rounds, of ratios within a round."""
    with tempfile.TemporaryDirectory() as folder:
        write_events(Path(folder), millions)
        costs = compare(Path(folder), rounds)

    def ratio(name: str, peer: str, of: str = "clock") -> float:
        pairs = zip(costs[name], costs[peer], strict=True)
        return float(median(getattr(ours, of) / getattr(theirs, of) for ours, theirs in pairs))

    def clock(name: str) -> float:
        return median(cost.clock for cost in costs[name])

    def resident(name: str) -> float:
        return max(cost.resident for cost in costs[name])

    size, command = f"{millions} M events", f"{COMMAND} {millions} {rounds}"
    rows = [
        (f"polars reads and groups {size} by pair", "s", clock("group")),
        (f"polars sums the evidence of {size}, without undo, ties, grades", "s", clock("sum")),
        (f"evidence from {size} of the log", "s", clock("evidence")),
        ("evidence / polars grouping", "ratio", ratio("evidence", "group")),
        ("evidence / polars summing", "ratio", ratio("evidence", "sum")),
        ("the same in processor time", "ratio", ratio("evidence", "sum", "processors")),
        ("evidence where ids may repeat / polars summing", "ratio", ratio("any", "sum")),
        ("resident for evidence", "GiB", resident("evidence")),
        ("resident for polars summing", "GiB", resident("sum")),
    ]
    return [(*row, command) for row in rows]


if __name__ == "__main__":
    for what, unit, figure, _ in run(*map(int, sys.argv[1:])):
        print(f"{what}: {figure:.2f} {unit}")
