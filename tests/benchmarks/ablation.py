"""What a kind of signal is worth on real data: the same model with it, and without it.

In: a folder of data sets, each with events and perhaps follows. Out: rows (what, unit, figure,
command). Never: a pair judged by that was learned from; data of its own.

A fifth of the pairs that somebody liked, disliked or viewed is held out, all acts on them with it,
by several seeds. A difference is the mean over products and seeds of lift with less lift without,
each product beside itself; its interval is a bootstrap over products.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from engine import settings as configs
from engine.frames import ACTION, PRODUCT, USER
from engine.store.home import Home
from training.evaluate import judge
from training.flow import Material, gather
from training.ingest import ingest
from training.learn import learn
from training.matrices import Pairs
from training.recipe import load_recipe
from training.tune_evidence import tune_evidence

COMMAND = "python -m tests.benchmarks.ablation DATA [SET ...]"
SEEDS = (11, 12, 13)
OPINIONS = ["like", "dislike", "view"]
DRAWS = 2_000
TRIALS = 20


class Comparison(NamedTuple):
    """A data set, what it is learned with, and what without."""

    data: str
    more: str
    less: str


COMPARISONS = (
    Comparison("lastfm", "ties", "no ties"),
    Comparison("filmtrust", "ties", "no ties"),
    Comparison("kuairand", "all acts", "likes and dislikes alone"),
    Comparison("kuairand", "all acts, table tuned", "all acts"),
)


def _split(events: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events to learn from, and the last opinion of each pair that was held out."""
    pairs = events.filter(pl.col(ACTION).is_in(OPINIONS)).unique(
        [USER, PRODUCT], keep="last", maintain_order=True
    )
    pairs = pairs.sort(USER, PRODUCT)
    held = pairs.filter(np.random.default_rng(seed).random(pairs.height) < 0.2)
    return events.join(held, on=[USER, PRODUCT], how="anti"), held


def _held(held: pl.DataFrame, known: Pairs) -> Pairs:
    for key, ids in ((USER, known.users), (PRODUCT, known.products)):
        numbers = ids.rename(key).to_frame().with_row_index(f"{key}_row")
        held = held.join(numbers, on=key)
    polarity = held[ACTION].replace_strict({"like": 1, "dislike": -1}, default=0)
    return replace(
        known,
        rows=held[f"{USER}_row"].to_numpy().astype(np.int64),
        columns=held[f"{PRODUCT}_row"].to_numpy().astype(np.int64),
        polarity=polarity.to_numpy().astype(known.polarity.dtype),
        weight=np.ones(held.height, known.weight.dtype),
    )


def _material(home: Home, kind: str) -> Material:
    """What the home learns from, less what `kind` leaves out."""
    material = gather(home, load_recipe(home), 0)
    if kind == "no ties":
        return replace(material, features=replace(material.features, ties=None))
    return material


def _home(folder: Path, kind: str, events: pl.DataFrame, follows: Path) -> Home:
    home = Home(folder / kind)
    if kind == "likes and dislikes alone":
        events = events.filter(pl.col(ACTION).is_in(OPINIONS))
    events.write_parquet(folder / "events.parquet")
    ingest(
        home,
        now=datetime.now(UTC),
        events=folder / "events.parquet",
        follows=follows if follows.exists() else None,
    )
    if kind.endswith("tuned"):
        tune_evidence(home, trials=TRIALS)
    return home


def lifts(data: Path, kind: str, seed: int) -> pl.DataFrame:
    """Lift and AUC of each product under one seed of the split."""
    learned_from, held = _split(pl.read_parquet(data / "events.parquet"), seed)
    with tempfile.TemporaryDirectory() as name:
        home = _home(Path(name), kind, learned_from, data / "follows.parquet")
        material = _material(home, kind)
        compute = configs.load("training", home.root)["compute"]
        scorer = learn(
            material.pairs, material.features, load_recipe(home), settings=compute, seed=0
        ).scorer
    head = scorer.interest

    def scores(product: int) -> np.ndarray:
        return scorer.embeddings @ head.products[product] + head.user_terms

    known = _held(held, material.pairs)
    judged = judge(scores, scores, known, material.pairs, most=10**6, seed=0)
    return judged.by_product.select(PRODUCT, "lift5", "auc").drop_nulls()


def compare(data: Path, comparison: Comparison) -> tuple[float, float, float, float, float]:
    """Lift with, lift without, the difference, and its interval of 95 %."""
    both = pl.concat(
        lifts(data, comparison.more, seed).join(
            lifts(data, comparison.less, seed), on=PRODUCT, suffix="_less"
        )
        for seed in SEEDS
    )
    found = both.group_by(PRODUCT, maintain_order=True).agg(
        pl.col("lift5").sum(), pl.col("lift5_less").sum(), n=pl.len()
    )
    table = found.select("lift5", "lift5_less", "n").to_numpy()
    drawn = np.random.default_rng(0).integers(0, len(table), (DRAWS, len(table)))
    sums = table[drawn].sum(1)
    differences = (sums[:, 0] - sums[:, 1]) / sums[:, 2]
    more, less = both["lift5"].mean(), both["lift5_less"].mean()
    lower, upper = np.quantile(differences, [0.025, 0.975])
    return float(more), float(less), float(more - less), float(lower), float(upper)


def rows(folder: Path, sets: list[str]) -> Iterator[tuple[str, str, float, str]]:
    """Figures of all comparisons on the data sets named, or on all, one after the other."""
    for comparison in COMPARISONS:
        if sets and comparison.data not in sets:
            continue
        more, less, difference, lower, upper = compare(folder / comparison.data, comparison)
        what = f"{comparison.data}: lift5 with {comparison.more}"
        yield what, "", more, COMMAND
        yield f"{comparison.data}: lift5 with {comparison.less}", "", less, COMMAND
        span = f"({lower:+.3f} to {upper:+.3f})"
        yield f"{comparison.data}: difference", span, difference, COMMAND


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"name the folder of the data sets: {COMMAND}")
    for what, unit, figure, _ in rows(Path(sys.argv[1]), sys.argv[2:]):
        sys.stdout.write(f"{what}: {figure:.4f} {unit}\n")
        sys.stdout.flush()
