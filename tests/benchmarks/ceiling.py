"""How near plans come to the best that results can tell: the Bayes decision under the true prior.

In: the file of a benchmark whose worlds are drawn from a known law, seeds. Out: rows (what, unit,
figure, command). Never: the law known to the planner; it is told to the ceiling alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.operations.plan_request import PlanRequest
from engine.operations.plans import make_plan
from engine.planning.budget import allocate_concave
from engine.planning.constraints import Wishes, read_limits
from engine.planning.curves import Curves
from engine.store.home import Home

Array = NDArray[Any]
Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.ceiling BUDGET_PLAN.PY"
CASES = ((40, 90), (200, 90), (40, 14), (200, 14))
BUDGET, DAYS = 14 * 1200.0, 14
CEILING, SCALE, DEAD = (1.5, 1.0), (3.6, 0.8), 0.2
"""The law of the benchmark's worlds: logarithms of a and b are normal, one in five brings none."""
COLUMNS = (
    "date", "channel", "segment_id", "impressions", "clicks", "spend", "conversions", "sales",
    "revenue",
)  # fmt: skip


def run(path: str, seeds: range = range(10)) -> list[Row]:
    """Parts of the oracle's sales: by plans, and by the best decision that knows the law.

    The mean of the posterior under the law by which worlds are drawn maximises what is expected;
    no planner that sees the same results stands above it but by luck.
    """
    bench, rows = _load(Path(path)), []
    for cells, history in CASES:
        told = np.array([_both(bench, seed, cells, history) for seed in seeds])
        apart = told[:, 1] - told[:, 0]
        where = f"{history} days, {cells} cells"
        figures = {
            "plans / oracle": told[:, 0].mean(),
            "the worst of them": told[:, 0].min(),
            "the Bayes decision that knows the law / oracle": told[:, 1].mean(),
            "its standard error over worlds": told[:, 1].std(ddof=1) / np.sqrt(len(seeds)),
            "by how much it is above plans": apart.mean(),
            "standard error of that": apart.std(ddof=1) / np.sqrt(len(seeds)),
        }
        command = f"{COMMAND} --seeds {seeds.start}-{seeds.stop - 1}"
        rows += [(f"{where}: {what}", "", figure, command) for what, figure in figures.items()]
    return rows


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("budget_plan", path)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    return bench


def _both(bench: ModuleType, seed: int, cells: int, history: int) -> tuple[float, float]:
    _, channel, segment, a, b, _, _ = bench.world(seed, cells)
    best = bench.sales(a, b, bench.oracle(a, b, BUDGET, DAYS), DAYS).sum()
    results = pl.DataFrame(bench.history(seed, cells, history), schema=COLUMNS, orient="row")
    places = list(zip(channel.tolist(), segment.tolist(), strict=True))
    splits = (_planned(results, places), _known(results, cells))
    plans, known = (float(bench.sales(a, b, spend, DAYS).sum() / best) for spend in splits)
    return plans, known


def _planned(results: pl.DataFrame, places: list[tuple[str, str]]) -> Array:
    last: Any = results["date"].max()
    now = datetime.combine(last + timedelta(days=1), time(), UTC)
    request = PlanRequest("sales", BUDGET, DAYS, results=results, posts=0, now=now)
    with tempfile.TemporaryDirectory() as folder:
        plan = make_plan(Home(Path(folder)), request)
    spend = {(row["channel"], row["segment_id"]): row["spend"] for row in plan["allocation"]}
    return np.array([spend.get(place, 0.0) for place in places])


def _known(results: pl.DataFrame, cells: int) -> Array:
    """The best split for the posterior mean of curves, by sums over a grid of both logarithms."""
    spend = results["spend"].to_numpy().reshape(-1, cells)
    sales = results["sales"].to_numpy().reshape(-1, cells).astype(np.float64)
    high, scale = (
        np.linspace(mean - 5 * spread, mean + 5 * spread, 161) for mean, spread in (CEILING, SCALE)
    )
    share = -np.expm1(-spend[:, :, None] / np.exp(scale))  # (days, cells, scales)
    seen = share.sum(0)
    told = (sales[:, :, None] * np.log(np.maximum(share, 1e-300))).sum(0)
    belief = [
        -0.5 * ((grid - mean) / spread) ** 2
        for grid, (mean, spread) in ((high, CEILING), (scale, SCALE))
    ]
    law = belief[0] - np.logaddexp.reduce(belief[0])
    joint = sales.sum(0)[:, None, None] * high - seen[..., None] * np.exp(high)
    joint += told[..., None] + law + (belief[1] - np.logaddexp.reduce(belief[1]))[:, None]
    nothing = np.where(sales.sum(0) == 0, np.log(DEAD), -np.inf)
    living = np.logaddexp.reduce(joint, axis=(1, 2)) + np.log1p(-DEAD)
    whole = np.logaddexp(living, nothing)
    chance = np.exp(joint + np.log1p(-DEAD) - whole[:, None, None])
    curves = Curves((chance * np.exp(high)).sum(2), np.exp(scale)).over(DAYS)
    limits = read_limits([(str(at), "all") for at in range(cells)], BUDGET, Wishes())
    return allocate_concave(curves, limits).spend


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("path", help="the benchmark's file, budget_plan.py")
    options.add_argument("--seeds", default="0-9", help="as 0-9")
    asked = options.parse_args()
    first, last = (int(part) for part in asked.seeds.split("-"))
    for what, unit, figure, command in run(asked.path, range(first, last + 1)):
        print(f"| {what} | {figure:.5f} {unit} | `{command}` |", flush=True)
