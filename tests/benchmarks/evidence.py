"""Evidence from an event log beside polars reading and grouping the same Parquet.

In: nothing. Out: rows (what, unit, figure, command). Never: a figure from another run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from engine.frames import ACTION, AT, PRODUCT, USER
from engine.settings import load_rows
from engine.signals.evidence import weigh_events

EVENTS, EVENTS_PER_USER, PRODUCTS = 5_000_000, 20, 20_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COMMAND = "python -m tests.benchmarks.evidence"
MIX = {"view": 0.4, "click": 0.2, "like": 0.25, "dislike": 0.08, "share": 0.05, "purchase": 0.02}


def _write(path: Path) -> None:
    random = np.random.default_rng(5)
    products = (PRODUCTS * random.beta(0.6, 3.0, EVENTS)).astype(np.int64)
    pl.DataFrame(
        {
            "event_id": random.integers(0, 2**63, EVENTS),
            USER: random.integers(0, EVENTS // EVENTS_PER_USER, EVENTS),
            PRODUCT: products,
            ACTION: random.choice(len(MIX), EVENTS, p=list(MIX.values())),
            AT: np.sort(random.integers(1_700_000_000, 1_760_000_000, EVENTS)),
        }
    ).select(
        pl.format("{}", "event_id"),
        pl.format("user-{}", USER).alias(USER),
        pl.format("product-{}", PRODUCT).alias(PRODUCT),
        pl.col(ACTION).replace_strict(dict(enumerate(MIX)), return_dtype=pl.String),
        pl.from_epoch(AT, time_unit="s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
    ).write_parquet(path)


def _plain(events: pl.LazyFrame) -> pl.LazyFrame:
    """The same columns by one group_by: without order, ties, undos or contradictions."""
    actions = load_rows("actions")
    meanings = {
        name: pl.col(ACTION).replace_strict(
            {action: row[name] for action, row in actions.items()}, return_dtype=pl.Float64
        )
        for name in ("weight", "polarity", "half_life_days")
    }
    age = (pl.lit(NOW) - pl.col(AT)).dt.total_microseconds() / 86_400e6
    decay = (-age * np.log(2) / meanings["half_life_days"]).exp()
    return (
        events.select(
            USER,
            PRODUCT,
            AT,
            (meanings["weight"] * meanings["polarity"] * decay).alias("evidence"),
        )
        .group_by(USER, PRODUCT)
        .agg(
            pl.len(),
            pl.col(AT).min().alias("first"),
            pl.col(AT).max().alias("last"),
            pl.col("evidence").sum(),
        )
    )


def run() -> list[tuple[str, str, float, str]]:
    """Measures in turns, so that a busy machine is busy for all; the best of five counts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        _write(path)
        events, actions = pl.scan_parquet(path), load_rows("actions")
        group = events.group_by(USER, PRODUCT).agg(pl.len(), pl.col(AT).max())
        works: dict[str, Callable[[], object]] = {
            "group": group.collect,
            "plain": _plain(events).collect,
            "ours": weigh_events(events, actions=actions, now=NOW, distinct=True).collect,
            "whole": weigh_events(events, actions=actions, now=NOW).collect,
        }
        best = dict.fromkeys(works, float("inf"))
        for _ in range(5):
            for name, work in works.items():
                start = time.perf_counter()
                work()
                best[name] = min(best[name], time.perf_counter() - start)
    millions = f"{EVENTS // 1_000_000} M events"
    return [
        (f"polars reads and groups {millions} by pair", "s", best["group"], COMMAND),
        (f"polars sums evidence of {millions}, no order, no undo", "s", best["plain"], COMMAND),
        (f"evidence from {millions} of the log", "s", best["ours"], COMMAND),
        ("evidence / polars grouping", "ratio", best["ours"] / best["group"], COMMAND),
        ("evidence / polars summing the same", "ratio", best["ours"] / best["plain"], COMMAND),
        (
            "evidence where ids may repeat / grouping",
            "ratio",
            best["whole"] / best["group"],
            COMMAND,
        ),
    ]


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        print(f"{what}: {figure:.2f} {unit}")
