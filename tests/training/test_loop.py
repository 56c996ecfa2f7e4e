"""What campaigns showed comes back as evidence, and the next model knows the exposed better."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from engine.store import eventlog
from engine.store.artefacts import open_model
from tests.benchmarks.loop import keep_campaigns, taste_on_the_exposed
from tests.training.planted import tasteful
from tests.training.test_flow import events_like, quick_home
from training.flow import retrain


def test_showings_of_a_campaign_are_no_acts_and_silence_is_counted(tmp_path: Any) -> None:
    events = events_like(tasteful(120, 12))
    home = quick_home(tmp_path / "home", events)
    plain = open_model(home, retrain(home).version)
    last = events["occurred_at"].max()
    seen = events.select("user_id", "product_id").unique()
    shown = (
        plain.users.select("user_id")
        .join(plain.products.select("product_id"), how="cross")
        .join(seen, on=["user_id", "product_id"], how="anti")
        .sort("user_id", "product_id")
        .with_columns(
            pl.format("s{}", pl.int_range(pl.len())).alias("event_id"),
            pl.lit("view").alias("action"),
            pl.lit(last - timedelta(days=30)).alias("occurred_at"),
            pl.lit("spring").alias("object_id"),
        )
    )
    assert shown.height > 0
    missing = [
        pl.lit(None, kind).alias(name)
        for name, kind in events.schema.items()
        if name not in shown.columns
    ]
    keep_campaigns(home, ["spring"], last)
    eventlog.append_events(home, shown.with_columns(missing).select(events.columns))
    taught = open_model(home, retrain(home).version)
    assert taught.window["passed"] == shown.height
    assert taught.users["acts"].to_list() == plain.users["acts"].to_list()
    assert taught.products["dislikes"].to_list() == plain.products["dislikes"].to_list()


@pytest.mark.slow
def test_taste_on_the_exposed_rises_when_results_flow_back(tmp_path: Any) -> None:
    found = taste_on_the_exposed(tmp_path, seed=5)
    print(found)
    assert found["after"] > found["before"] + 0.005
    assert found["after"] >= found["likes alone"]
