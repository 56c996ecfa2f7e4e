"""Accounts of planted worlds ranked by the engine, beside simpler rankings by the same chances.

In: nothing, or how many worlds to train on. Out: rows (what, unit, figure, command).
Never: a setting fitted to the worlds; their groups have parameters that the engine is not told.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console

from engine.store.artefacts import open_model
from engine.store.home import Home
from training.flow import retrain
from training.ingest import ingest
from training.simulate import World, simulate, store_world
from training.world.account_judgement import AccountAucs, chances_of, judge_accounts

USERS, PRODUCTS, EVENTS = 3_000, 60, 120_000
TRUE_WORLDS, TRAINED_WORLDS = 10, 3
BANDS = {"2 to 4": (2, 5), "5 to 19": (5, 20), "20 or more": (20, np.inf)}
COMMAND = "python -m tests.benchmarks.accounts"
Row = tuple[str, str, float, str]


def _rows(found: list[AccountAucs], by: str) -> Iterator[Row]:
    for name, told in (
        ("interest", "the account's interest"),
        ("mean", "the mean of its contacts"),
        ("best", "its best contact"),
        ("oracle", "the planted groups"),
    ):
        each = [getattr(one, name) for one in found]
        what = f"accounts ranked by {told}, {by}, {len(found)} worlds"
        yield what, "AUC", float(np.mean(each)), COMMAND
    worst = min(one.interest - max(one.mean, one.best) for one in found)
    yield f"least lead over the better of both, {by}", "AUC", float(worst), COMMAND


def learned(world: World) -> np.ndarray:
    """The chances by a model that was trained on the world's events alone."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        ingest(home, now=world.plan.until, **store_world(Path(folder) / "files", world))
        retrain(home, seed=0, console=Console(file=io.StringIO()))
        return chances_of(world, open_model(home))


def run(trained: int = TRAINED_WORLDS) -> Iterator[Row]:
    """Judges by planted chances, whole and by size, then by those of trained models."""
    worlds = [simulate(USERS, PRODUCTS, events=EVENTS, seed=seed) for seed in range(TRUE_WORLDS)]
    yield from _rows(
        [judge_accounts(world, world.truth.like()) for world in worlds], "by planted chances"
    )
    for band, contacts in BANDS.items():
        found = [judge_accounts(each, each.truth.like(), contacts=contacts) for each in worlds]
        leads = [one.interest - max(one.mean, one.best) for one in found]
        what = f"mean lead over the better of both, accounts of {band} contacts"
        yield what, "AUC", float(np.mean(leads)), COMMAND
    models = [judge_accounts(world, learned(world)) for world in worlds[:trained]]
    if models:
        yield from _rows(models, "by trained models")


if __name__ == "__main__":
    for what, unit, figure, _ in run(*map(int, sys.argv[1:])):
        print(f"{what}: {figure:.3f} {unit}", flush=True)
