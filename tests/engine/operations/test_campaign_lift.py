"""What a campaign changed: who counts, when, and how sure it is at each look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.errors import InvalidValue
from engine.frames import EVENTS, USER
from engine.measurement.holdout import assign
from engine.measurement.lift import compare
from engine.operations.campaign_audience import salt_of
from engine.operations.campaign_life import OutOfStep
from engine.operations.campaign_lift import lift
from engine.operations.consent import record_consent
from engine.operations.members import LOCAL
from engine.store.eventlog import append_events
from engine.store.home import Home
from tests.api.campaigning import put_campaign
from tests.pepper import with_pepper

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 18, tzinfo=UTC)
"""Of ten days, and seven after the last one."""
DURING, AFTER = START + timedelta(days=5), END + timedelta(days=1)


def audience(home: Home, count: int = 4000) -> pl.DataFrame:
    ids = pl.Series(USER, [f"person-{n:05d}" for n in range(count)])
    return pl.DataFrame({USER: ids, "held_out": assign(ids, "c1", salt=salt_of(home), share=0.1)})


def act(home: Home, ids: list[str], at: datetime, action: str = "purchase", **more: str) -> None:
    rows = (
        pl.DataFrame({USER: ids})
        .with_row_index("n")
        .select(
            pl.format(f"{at:%d%H%M%S}-{action}-{{}}-{len(more)}", "n").alias("event_id"),
            USER,
            pl.lit(more.get("product", "product-003")).alias("product_id"),
            pl.lit(action).alias("action"),
            pl.lit(at).cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
        )
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in EVENTS.columns.items()
               if name not in rows.columns]  # fmt: skip
    append_events(home, rows.with_columns(missing))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return with_pepper(Home(tmp_path / "home"))


def run(home: Home, *, exposed: float = 0.3, control: float = 0.1, seed: int = 1) -> pl.DataFrame:
    """A campaign that runs, and purchases with these chances; `did` says who bought."""
    people = audience(home)
    put_campaign(home, "c1", "running", people=people)
    chance = np.where(people["held_out"].to_numpy(), control, exposed)
    did = np.random.default_rng(seed).random(people.height) < chance
    act(home, people.filter(pl.Series(did))[USER].to_list(), DURING)
    return people.with_columns(pl.Series("did", did))


def test_the_effect_is_that_of_a_direct_comparison_and_holds_the_planted_one(home: Home) -> None:
    people = run(home)
    told = lift(home, LOCAL, "c1", now=AFTER)
    direct = compare(
        people["did"].to_numpy().astype(float), people["held_out"].to_numpy(), level=0.95, few=40
    )
    assert (told["kind"], told["complete"]) == ("fixed", True)
    for name in ("effect", "lower", "upper", "relative"):
        assert told[name] == pytest.approx(getattr(direct, name), abs=1e-12)
    assert told["lower"] < 0.2 < told["upper"]
    assert told["decided"] == "up"
    assert told["exposed"]["acted"] == int(people.filter(~pl.col("held_out"))["did"].sum())
    assert told["moved"]["people"] == pytest.approx(told["effect"] * told["exposed"]["people"])


def test_while_it_runs_the_interval_holds_at_every_look_and_is_wider(home: Home) -> None:
    run(home)
    early = lift(home, LOCAL, "c1", now=DURING + timedelta(days=1))
    late = lift(home, LOCAL, "c1", now=AFTER)
    assert (early["kind"], early["complete"], early["adjusted"]) == ("sequential", False, None)
    assert early["effect"] == late["effect"]
    assert early["upper"] - early["lower"] > late["upper"] - late["lower"]
    assert early["decided"] == "up"
    assert 0 < early["p_value"] < 0.05
    before = lift(home, LOCAL, "c1", now=DURING - timedelta(days=1))
    assert (before["lower"], before["upper"], before["decided"]) == (None, None, "open")


def test_only_acts_of_the_goal_on_the_product_within_the_time_count(home: Home) -> None:
    people = run(home, exposed=0.1, control=0.1)
    before = lift(home, LOCAL, "c1", now=AFTER)
    exposed = people.filter(~pl.col("held_out"))[USER].to_list()
    act(home, exposed, START - timedelta(seconds=1))
    act(home, exposed, END)
    act(home, exposed, DURING, "like")
    act(home, exposed, DURING, product="product-004")
    act(home, ["a stranger"], DURING)
    after = lift(home, LOCAL, "c1", now=AFTER)
    same = ("effect", "lower", "upper", "exposed", "held_out")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    act(home, exposed, END - timedelta(seconds=1))
    assert lift(home, LOCAL, "c1", now=AFTER)["exposed"]["rate"] == 1


def test_what_people_did_before_shrinks_the_interval(home: Home) -> None:
    people = audience(home)
    put_campaign(home, "c1", "finished", people=people)
    random = np.random.default_rng(3)
    keen = random.random(people.height) < 0.3
    did = random.random(people.height) < np.where(keen, 0.8, 0.02)
    act(home, people.filter(pl.Series(keen))[USER].to_list(), START - timedelta(days=3), "view")
    act(home, people.filter(pl.Series(did))[USER].to_list(), DURING)
    told = lift(home, LOCAL, "c1", now=AFTER)
    adjusted = told["adjusted"]
    assert adjusted["explained"] > 0.3
    assert adjusted["upper"] - adjusted["lower"] < 0.85 * (told["upper"] - told["lower"])
    assert adjusted["lower"] < 0 < adjusted["upper"]


def test_who_may_not_be_measured_counts_on_neither_side(home: Home) -> None:
    people = run(home)
    gone = people.filter(pl.col("did"))[USER][0]
    purposes = {"store": True, "profile": True, "select": True, "measure": False}
    record_consent(home, gone, source="form", now=AFTER, purposes=purposes)
    told = lift(home, LOCAL, "c1", now=AFTER)
    assert told["exposed"]["people"] + told["held_out"]["people"] == people.height - 1
    acted = told["exposed"]["acted"] + told["held_out"]["acted"]
    assert acted == int(people["did"].sum()) - 1


@pytest.mark.parametrize("status", ["draft", "planned", "approved", "cancelled"])
def test_what_never_ran_has_no_effect_to_tell(home: Home, status: str) -> None:
    put_campaign(home, "c1", status)
    with pytest.raises(OutOfStep, match=f"the campaign is {status}"):
        lift(home, LOCAL, "c1", now=AFTER)


def test_sides_that_lost_people_otherwise_than_by_chance_are_not_compared(home: Home) -> None:
    people = audience(home)
    lost = people.filter(~pl.col("held_out") | (pl.int_range(pl.len()) % 2 == 0))
    put_campaign(home, "c1", "running", people=lost)
    with pytest.raises(InvalidValue, match="one side lost people"):
        lift(home, LOCAL, "c1", now=AFTER)


def test_what_the_campaign_showed_is_no_outcome(home: Home) -> None:
    people = audience(home)
    put_campaign(home, "c1", "running", people=people, goal="traffic")
    shown = people.filter(~pl.col("held_out"))[USER].to_list()
    rows = pl.DataFrame({USER: shown}).with_columns(
        pl.format("s-{}", USER).alias("event_id"),
        pl.lit("product-003").alias("product_id"),
        pl.lit("view").alias("action"),
        pl.lit("c1").alias("object_id"),
        pl.lit(DURING).cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
    )
    gone = set(EVENTS.columns) - set(rows.columns)
    append_events(home, rows.with_columns(pl.lit(None, EVENTS.columns[n]).alias(n) for n in gone))
    assert lift(home, LOCAL, "c1", now=AFTER)["exposed"]["acted"] == 0
