"""A first look: make or fetch data, learn from it, and set what was found beside the truth.

In: an empty home. Out: a champion in it, and tables for the eyes of a newcomer.
Never: a home that holds somebody's own data, and no serving; the command line starts that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from engine.errors import DataError
from engine.frames import NAME, PRODUCT
from engine.operations.audiences import best_segments
from engine.operations.members import LOCAL
from engine.store.artefacts import Model, open_model
from engine.store.files import replace_durably
from engine.store.home import Home
from training.flow import retrain
from training.ingest import ingest
from training.movielens import fetch_movielens
from training.simulate import World, grow, store_world
from training.world.judgement import Judgement, Worth, judge, members_of, rows_in_world, worth
from training.world.plan import Plan, plan_world

Data = Literal["world", "movielens"]
FILMS = ("Star Wars (1977)", "Toy Story (1995)", "Fargo (1996)")
SHOWN = 5
"""Segments printed for each product."""


@dataclass(frozen=True)
class Finding:
    """One product: the segments that were found, and what they are worth in truth."""

    product_id: str
    name: str
    segments: list[dict[str, Any]]
    worths: list[Worth]  # of the found ones, in their order; empty where no truth is known
    planted: str = ""  # the best planted segment
    planted_worth: Worth | None = None
    planted_size: int = 0


@dataclass(frozen=True)
class DemoResult:
    """What the demo made; `judgement` is None where no truth is known."""

    version: str
    promoted: bool
    metrics: dict[str, Any]
    findings: list[Finding]
    judgement: Judgement | None


def demo(
    home: Home,
    *,
    data: Data = "world",
    seed: int = 0,
    console: Console | None = None,
    plan: Plan | None = None,
) -> DemoResult:
    """Fills a home, trains, and prints the best segments of three products.

    The second run in the same home takes up where the first ended; it adds nothing twice.

    Args:
        home: empty, or that of an earlier demo of the same data and seed.
        data: a planted world, or the real MovieLens 100K.
        seed: of the world and of the training.
        console: where to print.
        plan: of a world other than the configured one; its seed and end are used.

    Raises:
        DataError: the home holds other data, or MovieLens cannot be fetched.
    """
    console = console or Console()
    now = datetime.now(UTC)
    until = _claimed(home, data, seed) or (plan.until if plan else now.replace(microsecond=0))
    if data == "movielens":
        files, world = fetch_movielens(home, console=console), None
    else:
        plan = replace(plan or plan_world(seed=seed), until=until)
        files, world = _make_world(home, plan, console)
    _claim(home, data, seed, until)
    with console.status("reading the events"):
        counts = ingest(home, now=now, mapping=None, progress=None, actor=LOCAL, **files)
    console.print(_counted(counts.tables))
    outcome = retrain(home, seed=seed, console=console)
    model = open_model(home)
    chosen = three_films(model) if world is None else three_products(world, model)
    findings = [find(model, product, world) for product in chosen]
    for finding in findings:
        console.print(draw_finding(finding))
    judgement = None if world is None else judge(world, model)
    if judgement:
        console.print(draw_judgement(judgement))
    return DemoResult(model.version, outcome.promoted, outcome.metrics, findings, judgement)


def _claimed(home: Home, data: str, seed: int) -> datetime | None:
    """The end of the world that an earlier run of the same demo noted in the home."""
    mark = home.root / "demo" / "data.json"
    if mark.is_file():
        found = json.loads(mark.read_text(encoding="utf-8"))
        if (found["data"], found["seed"]) == (data, seed):
            return datetime.fromisoformat(found["until"])
        raise _taken(home, f"the demo of {found['data']} with seed {found['seed']}")
    if home.log.exists():
        raise _taken(home, "events already, among which a demo would mix others")
    return None


def _taken(home: Home, holds: str) -> DataError:
    return DataError(
        f"{home.root} holds {holds}; name another home: `mokhatab --home DIR demo`"
    )  # fmt: skip


def _claim(home: Home, data: str, seed: int, until: datetime) -> None:
    """Notes whose demo the home holds, before the first of its events comes in."""
    content = {"data": data, "seed": seed, "until": until.isoformat()}
    replace_durably(home.root / "demo" / "data.json", json.dumps(content).encode())


def _make_world(home: Home, plan: Plan, console: Console) -> tuple[dict[str, Path], World]:
    with console.status("making a world"):
        world = grow(plan)
        return store_world(home.root / "demo", world), world


def _counted(tables: dict[str, Any]) -> Table:
    drawn = Table("table", "stored", "known already", "refused", title="What came in")
    for name, tally in tables.items():
        refused = sum(tally.quarantined.values())
        drawn.add_row(name, f"{tally.stored:,}", f"{tally.duplicates:,}", f"{refused:,}")
    return drawn


def three_products(world: World, model: Model) -> list[str]:
    """The most liked driven product, and the most liked of two communities."""
    planted = world.products.with_columns(best=world.truth.best()["segment_id"])
    liked = model.products.join(planted.select(PRODUCT, "best"), on=PRODUCT, how="left")
    tops = liked.sort("likes", PRODUCT, descending=[True, False]).unique(
        "best", keep="first", maintain_order=True
    )
    driven = tops.filter(pl.col("best") == world.truth.drive)
    others = tops.filter(pl.col("best") != world.truth.drive)
    return [*driven[PRODUCT], *others[PRODUCT]][:3]


def three_films(model: Model) -> list[str]:
    """Well-known films, by name; the most liked ones stand in for those that are missing."""
    liked = model.products.sort("likes", PRODUCT, descending=[True, False])
    known = liked.filter(pl.col(NAME).is_in(FILMS))[PRODUCT].to_list()
    return [*known, *(id for id in liked[PRODUCT] if id not in known)][:3]


def find(model: Model, product_id: str, world: World | None) -> Finding:
    """The best segments of a product, beside the truth where there is one."""
    answer = best_segments(model, product_id, goal="traffic", limit=SHOWN)
    segments = answer["segments"]
    row = int(model.products[PRODUCT].index_of(product_id) or 0)
    name = model.products[NAME][row] or product_id
    if world is None:
        return Finding(product_id, name, segments, [])
    users, products = rows_in_world(world, model)
    place = int(products[row])
    # Whom nobody could address any more is left out on both sides.
    left = np.delete(users, model.seen.of(row))
    worths = [
        worth(
            world,
            users[members_of(model, found["segment_id"], product=row, size=found["size"])],
            place,
            among=left,
        )
        for found in segments
    ]
    planted = world.truth.best()["segment_id"][place]
    members = np.flatnonzero(world.truth.segments()[planted])
    brings = worth(world, np.intersect1d(members, left), place, among=left)
    return Finding(product_id, name, segments, worths, planted, brings, members.size)


def draw_finding(finding: Finding) -> Table:
    """A product's segments as a table; true rates beside the expected ones where known."""
    known = finding.planted_worth is not None
    columns = ["segment", "people", "lift", "likes expected"]
    truth = ["likes planted", "of the possible"] if known else []
    drawn = Table(*columns, *truth, title=finding.name, title_justify="left")
    for place, segment in enumerate(finding.segments):
        lift = segment["lift"]
        row = [
            segment["name"],
            f"{segment['size']:,}",
            f"{lift['value']:.1f} ({lift['lower']:.1f}–{lift['upper']:.1f})",
            f"{segment['interest']:.1%}",
        ]
        drawn.add_row(*row, *(_worth_words(finding.worths[place]) if known else ()))
    if finding.planted_worth:
        best = finding.planted_worth
        drawn.add_section()
        lift = f"{best.rate / max(best.everybody, 1e-9):.1f}"
        words = _worth_words(best)
        drawn.add_row(f"planted: {finding.planted}", f"{finding.planted_size:,}", lift, "", *words)
    return drawn


def _worth_words(found: Worth) -> Sequence[str]:
    return f"{found.rate:.1%}", f"{found.reached:.0%}"


def draw_judgement(judgement: Judgement) -> Table:
    """AUCs on pairs the events do not tell, beside those of one who knows the truth."""
    drawn = Table("AUC against the planted truth", "found", "oracle", "of the oracle's")
    for name in ("interest", "taste"):
        found, oracle = getattr(judgement, name), getattr(judgement, f"{name}_oracle")
        drawn.add_row(name, f"{found:.3f}", f"{oracle:.3f}", f"{found / oracle:.1%}")
    return drawn
