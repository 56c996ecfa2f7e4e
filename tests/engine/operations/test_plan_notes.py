"""What a plan says beside its numbers: rows given twice, networks that would not take the money."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from engine.errors import InvalidValue
from engine.operations.plans import make_plan
from engine.store.home import Home
from tests.engine.operations.asked import ask, market, results, spent_on
from tests.engine.operations.test_plan_models import learned


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def notes(home, **wanted) -> str:
    return "\n".join(make_plan(home, ask(**wanted))["notes"])


def test_rows_that_a_file_repeats_are_told(home):
    twice = pl.concat([results(), results().head(7)])
    assert "repeat rows exactly: 7;" in notes(home, results=twice)
    assert "repeat" not in notes(home)


def test_a_network_that_sells_nothing_or_not_so_little_is_told(home):
    bare = {"results": None, "exploration": 0.0}
    assert "No advertising is sold on mastodon" in notes(home, channels=("mastodon",), **bare)
    small = notes(home, channels=("tiktok",), budget=100.0, **bare)
    assert "Below the smallest spend of a network in US dollars: tiktok 350." in small
    assert "Below" not in notes(home, channels=("tiktok",), budget=400.0, **bare)
    assert "Below" not in notes(home, channels=("tiktok",), budget=100.0, currency="IRR", **bare)


def test_audiences_too_small_for_their_network_are_told(home):
    few = ask(results=None, product_id="p003", channels=("telegram",))
    told = "\n".join(make_plan(home, few, model=learned())["notes"])
    assert "Fewer people than their network takes" in told
    assert "Fewer people" not in notes(home)


def test_who_cannot_start_is_told_and_a_locked_channel_is_called_locked(home):
    place = market().places[0]
    request = ask(starts={place: 300.0}, maxima={place: 200.0}, locks={"channel-2": 700.0})
    plan = make_plan(home, request)
    assert "Off, for more is needed to start than is allowed: " + "/".join(place) in "\n".join(
        plan["notes"]
    )
    assert spent_on(plan, place) == 0
    assert spent_on(plan, "channel-2") == pytest.approx(700.0)
    rows = [row for row in plan["allocation"] if row["channel"] == "channel-2" and row["spend"]]
    assert {row["status"] for row in rows} == {"locked"}
    off = [row for row in plan["allocation"] if row["spend"] == 0]
    assert {row["status"] for row in off} <= {"off", "locked"}


@pytest.mark.parametrize("currency", ["euro", "eur", "", "E R"])
def test_a_currency_is_three_capital_letters(home, currency):
    with pytest.raises(InvalidValue, match=r"currency.*EUR"):
        make_plan(home, ask(results=None, currency=currency))


def test_more_money_never_reaches_fewer_people(home):
    """Nearly everybody is reached: what splits differ by is less than their gap."""
    model = learned()
    for budget in (100.0, 3000.0):
        wanted = ask("awareness", results=None, product_id="p003", budget=budget)
        curve = make_plan(home, wanted, model=model)["curve"]
        reached = [point["expected"] for point in curve]
        assert reached == sorted(reached)


def test_parts_of_cents_days_that_are_over_and_risks_too_small_are_told(home):
    told = notes(home, budget=100.005, start=date(2026, 2, 20), risk=0.001)
    assert "100.00 of the budget's 100.005 were planned." in told
    assert "The plan begins on 2026-02-20, which is over." in told
    assert "less than one of" in told
    usual = notes(home, budget=0.29, start=date(2026, 3, 1), risk=0.2)
    assert not any(word in usual for word in ("cents", "over.", "less than one"))


def test_money_left_because_nothing_starts_at_so_little_is_told_so(home):
    channels = sorted({channel for channel, _ in market().places})
    request = ask(
        starts={channels[0]: 4500.0},
        maxima=dict.fromkeys(channels[1:], 300.0),
        locks={channels[1]: 300.0, channels[2]: 300.0},
    )
    plan = make_plan(home, request)
    told = "\n".join(plan["notes"])
    assert spent_on(plan, channels[0]) == 0
    assert "of the budget are left: what is off needs more to start." in told
