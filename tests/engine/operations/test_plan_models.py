"""Plans for a product: its segments, its people, each counted once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from engine.operations.plans import make_plan
from engine.store import artefacts, versions
from engine.store.artefacts import Model
from engine.store.home import Home
from tests.engine.audiences.planted import model_of, plant
from tests.engine.operations.asked import ask, cents


@cache
def learned() -> Model:
    return model_of(plant(users=1500, seed=6).learned)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def test_a_product_gives_segments_and_results_correct_them(home):
    model = learned()
    prior = make_plan(
        home,
        ask("awareness", results=None, product_id="p003", channels=("instagram", "telegram")),
        model=model,
    )
    assert prior["basis"] == "prior"
    assert prior["model_version"] == "test-1"
    assert {row["channel"] for row in prior["allocation"]} == {"instagram", "telegram"}
    people = sum(row["expected"] for row in prior["allocation"])
    assert prior["expected"] <= min(people, 1500)
    both = make_plan(home, ask(product_id="p003"), model=model)
    assert both["basis"] == "mixed"
    assert cents(both["allocation"]) == 500_000


def test_people_in_two_segments_are_counted_once(home):
    """Money without end reaches everybody of the channels, and nobody twice."""
    model = learned()
    plan = make_plan(
        home,
        ask("awareness", results=None, product_id="p003", budget=1e7, channels=("instagram",)),
        model=model,
    )
    each = [row["expected"] for row in plan["allocation"] if row["spend"] > 0]
    assert max(each) <= plan["expected"] <= 1500
    assert sum(each) > 1.02 * plan["expected"]


def test_loyalty_counts_buyers_who_come_back(home):
    model = learned()
    wanted = {"results": None, "product_id": "p003", "channels": ("instagram", "telegram")}
    back = make_plan(home, ask("loyalty", **wanted), model=model)
    told = make_plan(home, ask("loyalty"))
    assert back["unit"] == "repeat buyers"
    assert any("comes back" in note for note in told["notes"])
    assert not any("comes back" in note for note in back["notes"])


def test_a_model_of_the_home_is_found(home):
    model = learned()
    artefacts.save(home, model)
    versions.promote(home, model.version)
    plan = make_plan(home, ask(results=None, product_id="p003", channels=("instagram",)))
    assert plan["model_version"] == model.version


def test_whoever_several_segments_hold_acts_once(home):
    """Of every goal; channels of one segment add up, as past results tell of each."""
    wanted = {"results": None, "product_id": "p003", "channels": ("instagram",), "budget": 2e4}
    for goal in ("sales", "traffic", "loyalty"):
        plan = make_plan(home, ask(goal, **wanted), model=learned())
        each = [row["expected"] for row in plan["allocation"] if row["spend"] > 0]
        assert max(each) <= plan["expected"] < 0.98 * sum(each)
        assert plan["lower"] <= plan["expected"] <= plan["upper"]
        assert plan["gap"] < 1e-3
        assert any("share people" in note for note in plan["notes"])
    alone = make_plan(home, ask())
    assert not any("share people" in note for note in alone["notes"])
    assert sum(row["expected"] for row in alone["allocation"]) == pytest.approx(alone["expected"])


NOW = datetime(2026, 10, 2, tzinfo=UTC)


def both_on(channels: tuple[str, ...], ids: list[str], column: str) -> pl.DataFrame:
    """A month in which each segment brings thirty a day on each channel, whatever is spent."""
    random = np.random.default_rng(1)
    days = [date(2026, 9, 1) + timedelta(day) for day in range(30)]
    return pl.DataFrame([
        {"date": day, "channel": channel, "segment_id": id, "spend": spend, column: came}
        for channel in channels
        for id in ids
        for day, spend, came in zip(
            days, random.lognormal(3, 0.8, 30).round(2), random.poisson(30, 30), strict=True
        )
    ])  # fmt: skip


WANTED = {"product_id": "p003", "channels": ("instagram",), "exploration": 0.0, "now": NOW}


@pytest.fixture
def ids(home) -> list[str]:
    prior = make_plan(home, ask(results=None, **WANTED), model=learned())
    return [row["segment_id"] for row in prior["allocation"]][:2]


def test_past_results_of_segments_that_share_people_tell_of_each_by_itself(home, ids):
    """Both ran on the same days: each told of less than it brings where the other is silent."""
    asked = ask(results=both_on(("instagram",), ids, "sales"), **WANTED)
    aware = make_plan(home, asked, model=learned())
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs" / "planning.toml").write_text("[plan]\nmost_shared = 1\n")
    naive = make_plan(home, asked, model=learned())
    assert any("counts once" in note for note in aware["notes"])
    assert any("may bring less" in note for note in naive["notes"])
    by_itself = [sum(row["expected"] for row in plan["allocation"]) for plan in (aware, naive)]
    assert by_itself[0] > 1.05 * aware["expected"]
    assert by_itself[1] == pytest.approx(naive["expected"])
    # Both ran together before, and bring together what they brought.
    assert aware["expected"] == pytest.approx(2 * 30 * 7, rel=0.06)


def test_results_of_other_channels_do_not_move_who_is_in_which_segment(home, ids):
    more = both_on(("aparat", "instagram", "youtube"), ids, "sales")
    plan = make_plan(home, ask(results=more, **WANTED), model=learned())
    assert {row["channel"] for row in plan["allocation"]} == {"instagram"}
    assert plan["expected"] == pytest.approx(2 * 30 * 7, rel=0.06)
    assert sum(row["expected"] for row in plan["allocation"]) > 1.05 * plan["expected"]


def test_impressions_are_as_many_as_were_told_whoever_saw_them(home):
    """Of each sight of an advertisement somebody is told, also where both segments hold them."""
    tiers = ["tier-recent", "tier-very-active"]
    results = both_on(("instagram",), tiers, "impressions")
    plan = make_plan(home, ask("awareness", results=results, **WANTED), model=learned())
    seen = {row["segment_id"]: row["impressions"] for row in plan["allocation"]}
    assert [seen[id] for id in tiers] == pytest.approx([210, 210], rel=0.1)


def test_a_careful_plan_of_awareness_does_better_in_bad_worlds(home):
    wanted = {"results": None, "product_id": "p003", "channels": ("instagram", "telegram")}
    plan = make_plan(home, ask("awareness", risk=0.2, budget=500.0, **wanted), model=learned())
    mean = make_plan(home, ask("awareness", budget=500.0, **wanted), model=learned())
    assert plan["objective"] == "mean of the worst 0.2"
    assert plan["value"] < mean["value"]
    assert plan["expected"] <= mean["expected"] * 1.001
    assert plan["gap"] < 1e-2
