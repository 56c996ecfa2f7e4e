"""What a campaign's showings teach the next model: taste on the exposed, before and after.

In: nothing. Out: rows (what, unit, figure, command). Never: a showing judged by that was learned.

Campaigns show products to the people whom the champion finds likeliest to like them; who likes is
drawn from the planted truth. Half of what came of it flows back as views of the campaigns and
likes; the models before and after are judged on the other half, by the planted chances.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from engine import frames
from engine.audiences.scores import logits
from engine.frames import ACTION, AT, EVENT, OBJECT, PRODUCT, USER
from engine.store import eventlog
from engine.store.artefacts import Model, open_model
from engine.store.campaigns import Campaign, Deed, add_campaign
from engine.store.catalog import open_catalog
from engine.store.home import Home
from training.flow import retrain
from training.simulate import World, simulate
from training.world.judgement import rows_in_world, seen_pairs
from training.world.truth import soft_auc

COMMAND = "python -m tests.benchmarks.loop"
USERS, PRODUCTS, EVENTS, CAMPAIGNS = 3_000, 120, 120_000, 20
WIDTH = 0.4
"""Share of those who had not acted on the product that a campaign is shown to."""
SEEDS = (5, 6, 7)
DAYS = 10


def showings(world: World, model: Model, *, seed: int) -> pl.DataFrame:
    """user, product (rows of the model), chance and liked of all that campaigns showed; two halves.

    Columns besides: user_id, product_id, campaign, taught (whether it flows back).
    """
    random = np.random.default_rng([seed, 90])
    users, products = rows_in_world(world, model)
    unseen = ~seen_pairs(world)[np.ix_(users, products)]
    said = tastes(model)
    parts = []
    for number, product in enumerate(random.permutation(model.products.height)[:CAMPAIGNS]):
        free = np.flatnonzero(unseen[:, product])
        best = free[np.argsort(-said[product, free], kind="stable")]
        shown = best[: round(WIDTH * free.size)]
        chance = world.truth.like(users[shown], products[[product]])[:, 0]
        parts.append(
            pl.DataFrame(
                {
                    "user": shown,
                    "product": np.full(shown.size, product),
                    "campaign": [f"c-{number}"] * shown.size,
                    "chance": chance,
                    "liked": random.random(shown.size) < chance,
                    "taught": random.random(shown.size) < 0.5,
                }
            )
        )
    told = pl.concat(parts)
    return told.with_columns(
        model.users[USER].gather(told["user"]).alias(USER),
        model.products[PRODUCT].gather(told["product"]).alias(PRODUCT),
    )


def tastes(model: Model) -> np.ndarray:
    """(products, users): logits of liking what is shown."""
    return logits(model.embeddings, model.probability.user_terms, model.probability, slice(None))


def events_of(told: pl.DataFrame, world: World) -> pl.DataFrame:
    """Views of the campaigns, and a minute later the likes."""
    at = pl.lit(world.plan.until).cast(pl.Datetime("us", "UTC")) + timedelta(hours=1)
    view = told.select(
        pl.format("{}-{}-view", "campaign", USER).alias(EVENT),
        USER,
        PRODUCT,
        pl.lit("view").alias(ACTION),
        at.alias(AT),
        pl.col("campaign").alias(OBJECT),
    )
    like = told.filter("liked").select(
        pl.format("{}-{}-like", "campaign", USER).alias(EVENT),
        USER,
        PRODUCT,
        pl.lit("like").alias(ACTION),
        (at + timedelta(minutes=1)).alias(AT),
        pl.lit(None, pl.String).alias(OBJECT),
    )
    # the clock of a model is its last event: one that comes when there was time to answer
    last = like.head(1).with_columns(
        pl.lit("last").alias(EVENT), (pl.col(AT) + timedelta(days=DAYS)).alias(AT)
    )
    return _whole(pl.concat([view, like, last]))


def _whole(events: pl.DataFrame) -> pl.DataFrame:
    """With all columns of events, those missing empty."""
    columns = frames.EVENTS.columns
    gone = [pl.lit(None, kind).alias(name) for name, kind in columns.items() if name not in events]
    return events.with_columns(gone).select(list(columns))


def keep_campaigns(home: Home, ids: list[str], now: datetime) -> None:
    """Rows of campaigns that ran for a day, so that their showings are known as theirs."""
    day, money = now.date(), Decimal(100)
    with open_catalog(home) as catalog:
        for id in ids:
            told = (id, id, "any", "traffic", "b2c", money, "EUR", day, day, "local", now, 0.1)
            add_campaign(catalog, Campaign(*told), Deed("local", "create", now, {}, {}))


def judged(model: Model, told: pl.DataFrame) -> float:
    """Mean over products of the chance that who would like it is placed above who would not."""
    said = tastes(model)
    return float(
        np.nanmean(
            [
                soft_auc(said[product, rows["user"].to_numpy()], rows["chance"].to_numpy())
                for (product,), rows in told.filter(~pl.col("taught")).group_by(
                    "product", maintain_order=True
                )
            ]
        )
    )


def taste_on_the_exposed(folder: Path, *, seed: int) -> dict[str, float]:
    """Of the champion before, and of models after with and without what was passed over."""
    world, home = simulate(USERS, PRODUCTS, events=EVENTS, seed=seed), Home(folder)
    eventlog.append_events(home, _whole(world.events))
    retrain(home, seed=seed)
    before = open_model(home)
    told = showings(world, before, seed=seed)
    keep_campaigns(home, told["campaign"].unique().sort().to_list(), world.plan.until)
    eventlog.append_events(home, events_of(told.filter("taught"), world))
    found = {"before": judged(before, told)}
    for name, weight in (("likes alone", "passed_weight = 0.0"), ("after", "")):
        path = home.root / "configs" / "models" / "stack.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[evidence]\n{weight}\n")
        found[name] = judged(open_model(home, retrain(home, seed=seed).version), told)
    return found


def run() -> Iterator[tuple[str, str, float, str]]:
    """Rows for RESULTS.md: means over worlds."""
    found = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            found.append(taste_on_the_exposed(Path(folder), seed=seed))
    for name in found[0]:
        figure = float(np.mean([one[name] for one in found]))
        yield f"taste on the exposed, {name}", "AUC", figure, COMMAND


if __name__ == "__main__":
    for what, unit, figure, command in run():
        print(f"{what}: {figure:.4f} {unit} ({command})")
