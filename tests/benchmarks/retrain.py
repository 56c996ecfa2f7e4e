"""Retraining the demo's world beside the LightFM fits that its recipe names.

In: a world of a million events in a fresh home. Out: ratios of wall time within one run.
Never: a model that is kept.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from engine import settings
from engine.store.home import Home
from training.compute import Task
from training.compute import run as run_tasks
from training.flow import gather
from training.ingest import ingest
from training.parts import fit_logistic, fit_warp, plan_parts
from training.recipe import load_recipe
from training.simulate import grow, store_world
from training.world.plan import plan_world

COMMAND = "python -m tests.benchmarks.retrain"
Row = tuple[str, str, float, str]


def run() -> list[Row]:
    """Times the bare fits one by one and side by side, then `mokhatab retrain` as a process."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        now = datetime.now(UTC).replace(microsecond=0)
        ingest(home, now=now, **store_world(Path(folder), grow(plan_world(seed=0, until=now))))
        tasks = _fits(home)
        one_by_one = _timed(tasks, workers=1)
        side_by_side = _timed(tasks, workers=settings.load("training")["compute"].workers)
        started = time.perf_counter()
        command = [sys.executable, "-m", "api.cli", "--home", str(home.root), "retrain", "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        whole = time.perf_counter() - started
    return [
        ("LightFM fits of the recipe, one by one", "s", one_by_one, COMMAND),
        ("the same fits side by side", "s", side_by_side, COMMAND),
        ("mokhatab retrain, process start included", "s", whole, COMMAND),
        ("retrain / bare fits one by one", "ratio", whole / one_by_one, COMMAND),
        ("retrain / bare fits side by side", "ratio", whole / side_by_side, COMMAND),
    ]


def _fits(home: Home) -> list[Task]:
    recipe = load_recipe(home)
    material = gather(home, recipe, 0)
    planned = plan_parts(material.pairs, material.features, recipe, 0)
    return [task for task in planned if task[0] in (fit_warp, fit_logistic)]


def _timed(tasks: list[Task], *, workers: int) -> float:
    started = time.perf_counter()
    for _ in run_tasks(tasks, backend="threading", workers=workers):
        pass
    return time.perf_counter() - started


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        print(f"{what}: {figure:.2f} {unit}")
