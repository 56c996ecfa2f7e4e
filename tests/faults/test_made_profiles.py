"""Three in a hundred accounts are made to push one rare product: its place with the honest stays.

In: a planted world, with and without the accounts, learned from. Out: its part of best tens.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.frames import ACTION, AT, EVENT, EVENTS, PRODUCT, USER
from engine.operations.audiences import audience
from engine.store.artefacts import Model, open_model
from tests.training.planted import quick_home
from training.flow import retrain
from training.simulate import simulate

COLUMNS = [EVENT, USER, PRODUCT, ACTION, AT]
MADE = "made-"
UNGUARDED = "[profiles]\nleast = 1000000\n"


@cache
def honest() -> pl.DataFrame:
    return simulate(1_000, 200, events=40_000, seed=4).events.select(COLUMNS)


@cache
def by_likes() -> list[str]:
    likes = honest().filter(pl.col(ACTION) == "like")
    counts = likes.group_by(PRODUCT).agg(pl.col(USER).n_unique().alias("likes"))
    return counts.sort("likes", PRODUCT, descending=[True, False])[PRODUCT].to_list()


def target() -> str:
    return by_likes()[160]


def farm(size: int = 30, fillers: int = 30) -> pl.DataFrame:
    """Accounts that like some of the 60 most popular products, and the target, at any time."""
    rng = np.random.default_rng(160)
    begin, end = honest()[AT].min(), honest()[AT].max()
    rows = [
        (f"{MADE}{account}-{product}", f"{MADE}{account}", str(product), "like", begin + passed)
        for account in range(size)
        for product in [*rng.choice(by_likes()[:60], fillers, replace=False), target()]
        for passed in [timedelta(seconds=rng.uniform(0, (end - begin).total_seconds()))]
    ]
    return pl.DataFrame(rows, honest().schema, orient="row")


def learned(folder: Path, events: pl.DataFrame, settings: str = "") -> tuple[Model, int]:
    lacking = [name for name in EVENTS.columns if name not in COLUMNS]
    nulls = {name: pl.lit(None, EVENTS.columns[name]) for name in lacking}
    home = quick_home(folder, events.with_columns(**nulls).select(list(EVENTS.columns)))
    (folder / "configs" / "integrity.toml").write_text(settings)
    outcome = retrain(home)
    return open_model(home), outcome.metrics["held_out"]


def in_best_ten(model: Model) -> float:
    """The part of honest people for whom the target is among the ten of greatest interest."""
    head = model.interest
    logits = np.asarray(model.embeddings) @ np.asarray(head.products).T + head.product_terms
    column = model.products[PRODUCT].to_list().index(target())
    better = (logits > logits[:, [column]]).sum(axis=1)
    people = ~model.users[USER].str.starts_with(MADE).to_numpy()
    return float((better[people] < 10).mean())


@pytest.mark.slow
def test_a_rare_product_is_in_at_most_twice_as_many_best_tens(tmp_path: Path) -> None:
    calm, _ = learned(tmp_path / "calm", honest())
    attacked = pl.concat([honest(), farm()])
    guarded, held = learned(tmp_path / "guarded", attacked)
    assert held == 30
    assert in_best_ten(guarded) <= 2 * in_best_ten(calm)
    for product in (target(), by_likes()[0], by_likes()[100]):
        first, second = (audience(model, product, share=0.05).ids for model in (calm, guarded))
        assert first.to_list() == second.to_list()


@pytest.mark.slow
def test_even_unfound_the_farm_does_not_double_its_place(tmp_path: Path) -> None:
    calm, _ = learned(tmp_path / "calm", honest())
    model, held = learned(tmp_path / "unguarded", pl.concat([honest(), farm()]), UNGUARDED)
    assert held == 0
    assert in_best_ten(model) <= 2 * max(in_best_ten(calm), 0.01)
