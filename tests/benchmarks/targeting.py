"""Tuned targeting beside the best fixed share and blend, on opinions that came later.

In: a folder of data sets, perhaps names of some. Out: rows (what, unit, figure, command).
Never: a width or blend chosen on the opinions it is judged by.

Of each data set the last fifth of every person's opinions is taken away (by time; where all are of
one moment, at random). On the rest the product's own path is walked: targeting is tuned, which
sets aside the last opinions once more, and a model is learned. Tuned and fixed targeting of that
model are then judged by what was taken away: a like is worth 1, a dislike costs 0.5, addressing a
person 0.01. The fixed share and blend are those best for all products together on the very
opinions by which targeting was tuned.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine import settings
from engine.audiences.targeting import Prices
from engine.frames import AT, PRODUCT, USER
from engine.store.artefacts import Model, open_model
from engine.store.home import Home
from tests.benchmarks import offpolicy
from training.flow import retrain
from training.ingest import ingest
from training.targeting import Search, store_targeting
from training.targeting_bench import Bench, lay_bench, open_bench, problems_of
from training.targeting_problems import CHOOSING, UNSEEN, Width
from training.targeting_space import load_space
from training.targeting_tables import Tables, measure_widths
from training.tune import open_study

COMMAND = "python -m tests.benchmarks.targeting $DATA"
SETS = ("movielens-100k", "polis-austria", "kuairand", "jester")
GOAL, LATER, TRIALS, SEED, DRAWS = "traffic", 0.2, 60, 0, 2000
OPINIONS = {"like": 1, "dislike": -1}
Row = tuple[str, str, float, str]


def run() -> list[Row]:
    """Nothing: the data sets lie beside the project."""
    return []


def judge(folder: Path, names: list[str]) -> list[Row]:
    """Figures of each data set as it ends, then those of the off-policy estimates."""
    rows: list[Row] = []
    for name in names or SETS:
        with tempfile.TemporaryDirectory() as place:
            found = _judge_set(folder / name, Path(place))
        for row in found:
            print(f"{name}, {row[0]}: {row[2]:.4g}", flush=True)
        rows += found
    return rows if names else [*rows, *offpolicy.judge(folder)]


def _judge_set(folder: Path, place: Path) -> list[Row]:
    events = pl.read_parquet(folder / "events.parquet")
    before, later = _split(events)
    before.write_parquet(place / "events.parquet")
    home = Home(place / "home")
    tables = {name: folder / f"{name}.parquet" for name in ("users", "products")}
    given = {name: path for name, path in tables.items() if path.is_file()}
    ingest(home, now=datetime.now(UTC), events=place / "events.parquet", **given)
    bench = open_bench(home, SEED)
    goal = settings.load_rows("goals")[GOAL]
    width = next(each for each in problems_of(bench, GOAL, goal) if isinstance(each, Width))
    study = open_study(home, SEED, f"audience-{GOAL}")
    search = Search(study, width, load_space("audience"), bench)
    search.run(TRIALS, None, lambda said: None)
    found, content = search.result(GOAL)
    store_targeting(home, bench, {GOAL: {"audience": content, "segments": {"kept": False}}})
    retrain(home, seed=SEED)
    model = open_model(home)
    tables_later = _tables(model, later, home, goal)
    fixed = width.fixed([*CHOOSING, UNSEEN])[0]
    return _compare(tables_later, _aimed(model, tables_later), fixed, found.kept, goal)


def _split(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What came before, and the last opinions of each person: user_id, product_id, polarity."""
    said = (
        events.filter(pl.col("action").is_in(list(OPINIONS)))
        .unique([USER, PRODUCT], keep="last", maintain_order=True)
        .sort(USER, PRODUCT)
    )
    chance = pl.Series("chance", np.random.default_rng(SEED).random(said.height))
    place = ((pl.int_range(pl.len()) + 0.5) / pl.len()).over(USER).alias("place")
    said = said.with_columns(chance).sort(USER, AT, "chance").with_columns(place)
    later = said.filter(pl.col("place") > 1 - LATER).select(
        USER, PRODUCT, polarity=pl.col("action").replace_strict(OPINIONS, return_dtype=pl.Int8)
    )
    return events.join(later, on=[USER, PRODUCT], how="anti", maintain_order="left"), later


def _tables(model: Model, later: pl.DataFrame, home: Home, goal: dict[str, Any]) -> Tables:
    bench: Bench = lay_bench(model, later, home=home, seed=SEED)
    everybody = replace(bench.later, fold=np.zeros(bench.panel.people, np.int64))
    measuring = bench.settings["measure"]
    return measure_widths(
        model,
        bench.panel,
        everybody,
        products=bench.products,
        goal=goal,
        points=measuring.points,
        block=measuring.block,
    )


def _place(shares: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.abs(np.log(shares)[None, :] - np.log(wanted)[:, None]).argmin(axis=1)


def _aimed(model: Model, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """Places of each product's blend and share among those measured."""
    if model.targeting is None:  # nothing tuned was kept: what holds by default
        usual = settings.load("targeting")["default"].share
        goal = settings.load_rows("goals")[GOAL]
        weight = float(goal["interest"]) / (float(goal["interest"]) + float(goal["probability"]))
        share, blend = (np.full(tables.products.size, each) for each in (usual, weight))
    else:
        aimed = model.targeting.filter(pl.col("goal") == GOAL)[tables.products]
        share, blend = aimed["share"].to_numpy(), aimed["blend"].to_numpy()
    places = np.abs(tables.blends[None, :] - blend[:, None]).argmin(axis=1)
    return places, _place(tables.shares, share)


def _compare(
    tables: Tables,
    aimed: tuple[np.ndarray, np.ndarray],
    fixed: dict[str, Any],
    kept: bool,
    goal: dict[str, Any],
) -> list[Row]:
    worth = tables.worth[0]
    rows = np.arange(tables.products.size)
    tuned = worth[rows, aimed[0], aimed[1]]
    blend = int(np.abs(tables.blends - fixed["blend"]).argmin())
    plain = worth[:, blend, _place(tables.shares, np.array([fixed["share"]]))[0]]
    difference = tuned - plain
    drawn = np.random.default_rng(SEED).integers(0, rows.size, (DRAWS, rows.size))
    lower, upper = np.quantile(difference[drawn].mean(axis=1), [0.025, 0.975])
    prices = Prices.of(goal)
    figures = {
        f"worth per product, tuned (like {prices.like:g}, dislike −{prices.dislike:g}, "
        f"person −{prices.person:g})": tuned.mean(),
        f"the same, fixed share {fixed['share']:.3f} and blend {fixed['blend']:.1f}": plain.mean(),
        "tuned less fixed": difference.mean(),
        "its 95 % interval over products, lower": lower,
        "its 95 % interval over products, upper": upper,
        "products": rows.size,
        "tuned was kept by the people unseen (1) or the default stayed (0)": float(kept),
    }
    return [(what, "", float(figure), COMMAND) for what, figure in figures.items()]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"the folder of data sets is missing: {COMMAND}")
    judged = judge(Path(sys.argv[1]), sys.argv[2:])
    for what, unit, figure, _ in judged if not sys.argv[2:] else []:
        print(f"{what}: {figure:.4g} {unit}".rstrip())
