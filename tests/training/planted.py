"""Small material for tests of training: pairs, recipes and homes that are made in a moment.

In: sizes and seeds. Out: `Pairs`, `Recipe`, frames of events, homes with a log.
Never: a reader of files; what is stored here goes straight into the event log.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine import settings
from engine.frames import EVENTS
from engine.store import eventlog
from engine.store.home import Home
from tests.worlds import tiny
from training.matrices import Pairs
from training.recipe import Recipe

NOW = datetime(2026, 1, 1, tzinfo=UTC)

QUICK = {
    "warp.factors": 16,
    "warp.epochs": 8,
    "warp.copies": 2,
    "logistic.factors": 8,
    "logistic.epochs": 8,
    "neighbourhood.rank": 32,
}
"""A recipe that fits a tiny world in a fraction of a second."""


def recipe(**changes: Any) -> Recipe:
    """The shipped recipe made quick, with values replaced: `head__holdout=0.3`."""
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return Recipe(settings.load("models/stack", Path("nowhere"))).changed(QUICK | dotted)


def pairs_of(
    opinions: np.ndarray, weight: np.ndarray | None = None, at: np.ndarray | None = None
) -> Pairs:
    """Pairs from a dense matrix: 1 liked, -1 disliked, 2 only seen, 0 no pair.

    `weight` and `at` are dense, too; missing, all weigh 1 and all acts share one moment.
    """
    rows, columns = np.nonzero(opinions)
    polarity = opinions[rows, columns].astype(np.int8)
    polarity[polarity == 2] = 0
    return Pairs(
        pl.Series([f"u{row:05d}" for row in range(opinions.shape[0])]),
        pl.Series([f"p{column:05d}" for column in range(opinions.shape[1])]),
        rows,
        columns,
        polarity,
        np.ones(rows.size, np.float32) if weight is None else weight[rows, columns],
        np.zeros(rows.size, np.int64) if at is None else at[rows, columns],
    )


def tasteful(users: int = 300, products: int = 30, *, seed: int = 0) -> np.ndarray:
    """Dense opinions of people of two tastes: shown at random, liked by taste, else disliked."""
    random = np.random.default_rng(seed)
    of_user = random.integers(0, 2, users)
    of_product = np.arange(products) % 2
    busy = random.uniform(0.2, 0.7, users)
    shown = random.random((users, products)) < busy[:, None]
    chance = np.where(of_user[:, None] == of_product, 0.9, 0.1)
    liked = random.random((users, products)) < chance
    return np.where(shown, np.where(liked, 1, -1), 0)


def events_of(acts: list[tuple[str, str, str]]) -> pl.DataFrame:
    """Events of (user, product, action), a minute apart, in the log's schema."""
    columns = {
        "event_id": [f"e{number}" for number in range(len(acts))],
        "user_id": [act[0] for act in acts],
        "product_id": [act[1] for act in acts],
        "action": [act[2] for act in acts],
        "occurred_at": [NOW + timedelta(minutes=number) for number in range(len(acts))],
    }
    lacking = {name: None for name in EVENTS.columns if name not in columns}
    return pl.DataFrame({**columns, **lacking}, schema=EVENTS.columns)


def events_like(opinions: np.ndarray, *, user: str = "u{:05d}", product: str = "p{:05d}") -> Any:
    """Events that say what a dense matrix of opinions says."""
    words = {1: "like", -1: "dislike", 2: "view"}
    rows, columns = np.nonzero(opinions)
    return events_of(
        [
            (user.format(row), product.format(column), words[int(opinions[row, column])])
            for row, column in zip(rows, columns, strict=True)
        ]
    )


def quick_home(folder: Path, events: pl.DataFrame | None = None) -> Home:
    """A home with a quick recipe of its own, and these events in its log."""
    home = Home(folder)
    override = folder / "configs" / "models" / "stack.toml"
    override.parent.mkdir(parents=True, exist_ok=True)
    sections: dict[str, list[str]] = {}
    for dotted, value in QUICK.items():
        section, key = dotted.split(".")
        sections.setdefault(section, []).append(f"{key} = {value}")
    override.write_text(
        "\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in sections.items())
    )
    if events is not None:
        eventlog.append_events(home, events)
    return home


def world_events() -> pl.DataFrame:
    """The events of the tiny world in the schema of the log."""
    found = tiny().events
    lacking = [name for name in EVENTS.columns if name not in found.columns]
    return found.with_columns(
        pl.lit(None, EVENTS.columns[name]).alias(name) for name in lacking
    ).select(list(EVENTS.columns))


def tiny_home(folder: Path) -> Home:
    """A quick home that holds the tiny world: events, users and products."""
    home = quick_home(folder, world_events())
    eventlog.upsert(home, "users", tiny().users)
    eventlog.upsert(home, "products", tiny().products)
    return home
