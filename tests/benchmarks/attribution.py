"""Attribution at size: a million paths over eight channels.

In: nothing; paths are drawn. Out: rows (what, unit, figure, command).
Never: a rule whose credits do not sum to what the paths brought.
"""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from engine import frames as f
from engine import settings
from engine.measurement.attribution import CREDIT, PATH, last_touch, linear, shapley

Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.attribution"
PATHS, CHANNELS, LONGEST = 1_000_000, 8, 6


def draw_paths(count: int, seed: int) -> pl.DataFrame:
    """Paths of 1 to 6 touches; one channel of eight brings something, the more so with another."""
    random = np.random.default_rng(seed)
    path = np.repeat(np.arange(count), random.integers(1, LONGEST + 1, count))
    channel = random.choice(CHANNELS, len(path), p=np.arange(CHANNELS, 0, -1) / 36)
    touched = np.zeros((count, CHANNELS), bool)
    touched[path, channel] = True
    chance = 0.01 + 0.04 * touched[:, 0] + 0.05 * touched[:, 0] * touched[:, 1]
    value = (random.random(count) < chance).astype(float)
    names = np.array([f"channel {each}" for each in range(CHANNELS)])
    moments = random.integers(0, 10**15, len(path))
    return pl.DataFrame(
        {
            PATH: pl.Series(path).cast(pl.String),
            f.CHANNEL: names[channel],
            f.AT: pl.Series(moments).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            f.VALUE: value[path],
        }
    )


def run() -> list[Row]:
    """Seconds of each rule, and how far its credits are from what the paths brought."""
    paths = draw_paths(PATHS, 0)
    brought = float(paths.group_by(PATH).agg(pl.col(f.VALUE).first())[f.VALUE].sum())
    prior = settings.load("measurement")["attribution"].prior
    rules = {
        "last touch": last_touch,
        "linear": linear,
        "Shapley": lambda frame: shapley(frame, prior=prior),
    }
    rows: list[Row] = []
    for name, rule in rules.items():
        start = time.perf_counter()
        credit = rule(paths)[CREDIT]
        seconds = time.perf_counter() - start
        what = f"{name}, {PATHS:,} paths, {paths.height:,} touches, {CHANNELS} channels"
        rows += [
            (what, "s", seconds, COMMAND),
            (f"{name}: credits less what was brought", "", credit.sum() - brought, COMMAND),
            (f"{name}: share of the first channel", "", credit[0] / brought, COMMAND),
        ]
    return rows


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        print(f"{what}: {figure:.4g} {unit}".rstrip(), flush=True)
