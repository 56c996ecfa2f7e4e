"""Results beside their campaigns: what fits, what does not, and what is only to be known."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from engine.errors import Forbidden, UnknownEntity
from engine.operations.intake import compact
from engine.operations.known_results import known_results, results_history
from engine.operations.members import Actor
from engine.operations.results import judge_results
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.inbox import Inbox, Reply
from engine.store.results import newest, record_results
from tests.engine.measurement.running import plan_of, results_of
from tests.engine.operations.reported import MORNING, OWNER, open_campaign

LATER = MORNING + timedelta(days=30)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    return Home(tmp_path / "home")


def some(count=1, **changed):
    rows = results_of(plan_of(), 3).head(count)
    return rows.with_columns(
        **{name: pl.lit(value).cast(rows.schema[name]) for name, value in changed.items()}
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"segment_id": None}, None),
        ({"campaign_id": None, "channel": "tv"}, None),
        ({"campaign_id": "elsewhere", "channel": "tv"}, None),
        ({"product_id": "product-7"}, None),
        ({"channel": "tv"}, "channel is tv, where campaign c plans nothing"),
        (
            {"segment_id": "seg-99"},
            "segment_id is seg-99, for which campaign c plans nothing on ch-0",
        ),
        ({"currency": "USD"}, "currency is USD, not that of campaign c"),
        ({"product_id": "p2"}, "product_id is p2, not that of campaign c"),
    ],
)
def test_rows_that_cannot_be_of_their_campaign_are_told_one_by_one(home, changed, reason):
    open_campaign(home)
    rows = pl.concat([some(2), some(1, **changed)])
    assert judge_results(home, rows).reasons.to_list() == [None, None, reason]


def test_a_campaign_that_is_not_planned_takes_any_placement(home):
    open_campaign(home, id="d", plan=None, status="draft")
    assert judge_results(home, some(campaign_id="d", channel="tv")).reasons.to_list() == [None]


def test_campaigns_that_are_not_known_are_kept_with_a_notice(home):
    open_campaign(home)
    found = judge_results(home, pl.concat([some(3), some(2, campaign_id="x-1")]))
    assert found.reasons.null_count() == 5
    assert found.notices == (
        "2 rows of campaigns that are not known here: x-1; they are kept, and compared with no "
        "plan.",
    )
    assert judge_results(home, some(2, campaign_id=None)).notices == ()


def test_a_home_without_a_database_of_its_own_takes_results(home):
    assert judge_results(home, some(2)).reasons.null_count() == 2
    assert not home.catalog.exists()


def test_what_is_older_than_what_waits_is_refused_with_both_moments(home):
    new, old = some(1, reported_at=MORNING), some(1, reported_at=MORNING - timedelta(hours=1))
    changed = old.with_columns(clicks=pl.lit(1, pl.Int64))
    (reason,) = judge_results(home, changed, [new]).reasons
    assert reason.startswith("reported_at is 2026-01-05T08:00:00")
    assert "reported at 2026-01-05T09:00:00" in reason
    assert judge_results(home, changed, [changed, new]).counts == {"known": 1}


def test_what_waits_is_in_the_log_before_anybody_reads_it(home):
    with open_catalog(home) as catalog:
        Inbox(home, catalog).add("results", some(3), None, Reply(200, "", b""))
        users = pl.DataFrame({"user_id": ["a"]})
        Inbox(home, catalog).add("users", users, None, Reply(200, "", b""))
    assert known_results(home, OWNER)["rows"] == 3
    assert compact(home) == {"users": 1}  # other tables waited on


def test_history_tells_what_held_and_what_holds(home):
    record_results(home, [some(2)], now=MORNING)
    record_results(home, [some(1, clicks=1)], now=LATER)
    found = results_history(home, OWNER, campaign="c")
    assert [row["holds"] for row in found["results"]] == [False, True, True]
    assert found["replaced"] == 1
    before = known_results(home, OWNER, as_of=LATER - timedelta(days=1))["results"]
    now = known_results(home, OWNER)["results"]
    assert before[0]["clicks"] > 1 == now[0]["clicks"]
    assert now[0]["recorded_at"].startswith("2026-02-04T09:00:00")
    assert results_history(home, OWNER, campaign="other")["rows"] == 0


def test_results_of_another_teams_campaign_are_not_shown(home):
    open_campaign(home, team="books")
    record_results(home, [some(2), some(1, campaign_id="open")], now=MORNING)
    stranger, member = Actor("eve", "analyst", ("shoes",)), Actor("ada", "analyst", ("books",))
    assert known_results(home, stranger)["rows"] == 1
    assert results_history(home, stranger)["rows"] == 1
    assert known_results(home, member)["rows"] == 3
    with pytest.raises(UnknownEntity, match="no campaign 'c'"):
        known_results(home, stranger, campaign="c")
    with pytest.raises(Forbidden):
        known_results(home, Actor("x", "nobody", ()))
    assert newest(home).height == 3


def test_a_member_hands_in_no_results_of_a_campaign_that_they_do_not_see(home):
    open_campaign(home, team="books")
    rows = pl.concat([some(1), some(1, channel="tv"), some(1, campaign_id="nothing")])
    rows = pl.concat([rows, some(1, campaign_id=None)])
    found = judge_results(home, rows, actor=Actor("eve", "marketer", ("shoes",)))
    no = "campaign_id is {}: no campaign of yours"
    assert found.reasons.to_list() == [no.format("c"), no.format("c"), no.format("nothing"), None]
    assert (found.counts, found.notices) == ({"new": 1}, ())
    seen = judge_results(home, some(2), actor=Actor("ada", "marketer", ("books",)))
    assert seen.reasons.null_count() == 2
    # A program hands results in for everybody, those of campaigns that are planned elsewhere too.
    assert judge_results(home, rows, actor=Actor("key:x", "platform")).reasons.null_count() == 3


def test_results_of_another_teams_campaign_are_like_those_of_none(home):
    open_campaign(home, team="books")
    record_results(home, [some(2), some(1, campaign_id="elsewhere")], now=MORNING)
    stranger = Actor("eve", "analyst", ("shoes",))
    for tell in (known_results, results_history):
        for id in ("c", "nothing"):
            with pytest.raises(UnknownEntity, match=f"no campaign '{id}'$"):
                tell(home, stranger, campaign=id)
        assert tell(home, stranger, campaign="elsewhere")["rows"] == 1
        assert tell(home, OWNER, campaign="nothing")["rows"] == 0
