"""Campaigns by the command, from the first word to what they changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from engine.operations.members import LOCAL, Card, put_member
from engine.store.home import Home
from tests.api.campaigning import CAMPAIGN, put_campaign
from tests.api.conftest import Said

Run = Callable[..., Said]
WORDS = (
    "campaign", "create", "بهارِ شعر", "--id", "c1", "--product", "product-003", "--goal", "sales",
    "--currency", "EUR", "--start", CAMPAIGN["start"], "--end", CAMPAIGN["end"],
)  # fmt: skip


@pytest.fixture
def home(planted_home: Home, tmp_path: Path) -> Home:
    shutil.copytree(planted_home.root, tmp_path / "home")
    (tmp_path / "home" / "configs").mkdir()
    (tmp_path / "home" / "configs" / "planning.toml").write_text("[plan]\nexploration = 0.0\n")
    return Home(tmp_path / "home")


def test_a_campaign_is_led_from_a_draft_to_its_end(run: Run, home: Home, tmp_path: Path) -> None:
    made = run(
        home, *WORDS, "--budget", "4000.50", "--channel", "telegram", "--channel", "instagram",
        "--lock", "telegram=1500.25", "--holdout", "0.2", "--post", "telegram@2:18", "--json",
    )  # fmt: skip
    assert made.json["budget"] == "4000.50"
    assert made.json["locks"] == {"telegram": "1500.25"}
    assert made.json["author"] == "local"
    planned = run(home, "plan", "c1", "--json").json
    assert (planned["status"], planned["plan"]["money"]["spent"]) == ("planned", "4000.50")
    budget = next(step for step in planned["steps"] if step["step"] == "budget")
    assert budget["chosen"]["by_channel"]["telegram"] == "1500.25"
    refused = run(home, "campaign", "approve", "c1")
    assert refused.code == 1
    assert "told from chance" in refused.err
    assert run(home, "campaign", "approve", "c1", "--accept-undetectable", "--json").json[
        "next"
    ] == [
        "start",
        "cancel",
    ]
    out = tmp_path / "people.parquet"
    rows = run(home, "campaign", "audience", "c1", "--out", str(out), "--json").json["rows"]
    assert pl.read_parquet(out).columns == ["user_id"]
    assert pl.read_parquet(out).height == rows > 25
    assert run(home, "campaign", "start", "c1").code == 0
    told = run(home, "lift", "c1", "--json").json
    assert (told["kind"], told["exposed"]["people"]) == ("sequential", rows)
    assert "an effect cannot be told from chance" in run(home, "lift", "c1").out
    assert run(home, "campaign", "finish", "c1", "--json").json["status"] == "finished"
    lines = run(home, "campaign", "audit", "c1", "--json").json["lines"]
    assert [line["what"] for line in lines] == ["create", "plan", "approve", "start", "finish"]
    shown = run(home, "campaign", "show", "c1").out
    assert "بهارِ شعر — finished" in shown
    assert "telegram Wed 18:00" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("finish", "c1"), "cannot finish: the campaign is draft; what can follow: plan, cancel"),
        (("set", "c1", "--end", "2026-01-01"), "comes before the first day"),
        (("set", "c1", "--holdout", "0"), "holds out nobody"),
        (("set", "c1", "--budget", "NaN"), "no amount of money"),
        (("set", "c1", "--budget", "9 USD"), "another currency"),
        (("set", "c1", "--lock", "x"), "CHANNEL=AMOUNT"),
        (("set", "c1", "--lock", "x=1", "--lock", "x=2"), "named twice"),
        (("set", "c1", "--post", "x@monday"), "CHANNEL@DAY:HOUR"),
        (("set", "c1", "--clear", "budget"), "is none of channels"),
        (("set", "c1", "--name", "B", "--if-version", "7"), "no longer version 7"),
        (("show", "c"), "no campaign 'c'"),
        (("list", "--status", "lost"), "known: draft, planned"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Run, home: Home, words: tuple[str, ...], said: str
) -> None:
    put_campaign(home, "c1")
    answer = run(home, "campaign", *words)
    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_fields_go_back_to_what_is_recommended(run: Run, home: Home) -> None:
    put_campaign(home, "c1", channels=("telegram",), posts=3, locks={"telegram": "5.00"})
    told = run(home, "campaign", "set", "c1", "--clear", "locks", "--clear", "posts", "--json").json
    assert (told["channels"], told["posts"], told["locks"]) == (["telegram"], None, {})


def test_with_members_it_is_said_who_acts(run: Run, home: Home) -> None:
    put_member(home, LOCAL, "ada", Card(role="owner"))
    put_member(home, LOCAL, "sara", Card(role="viewer"))
    nameless = run(home, *WORDS, "--budget", "9")
    assert nameless.code == 1
    assert "--as NAME" in nameless.err
    barred = run(home, *WORDS, "--budget", "9", "--as", "sara")
    assert barred.code == 1
    assert "campaign.create" in barred.err
    assert run(home, *WORDS, "--budget", "9", "--as", "ada", "--json").json["author"] == "ada"
    listed = run(home, "campaign", "list", "--as", "sara", "--json").json["campaigns"]
    assert [one["id"] for one in listed] == ["c1"]


def test_a_plan_by_itself_is_asked_for_in_full(run: Run, home: Home) -> None:
    put_campaign(home, "c1")
    assert "--budget" in run(home, "plan", "c1", "--goal", "sales").err
    beside = run(home, "plan", "c1", "--risk", "0.2")
    assert beside.code == 1
    assert "--risk: is a field of the campaign" in beside.err
    named = run(home, "plan", "c1", "--goal", "sales", "--budget", "9", "--days", "2", "--json")
    assert named.json["campaign"] == "c1"
    assert "steps" not in named.json
