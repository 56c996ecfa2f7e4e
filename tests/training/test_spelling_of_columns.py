"""Columns in another case are read under our names, or it is said that they are not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.frames import EVENTS, FOLLOWS, RESULTS, spelt_otherwise
from engine.store import eventlog
from engine.store.home import Home
from training.ingest import Tally, ingest

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def taken(tmp_path: Path, name: str, text: str) -> tuple[Tally, list[dict[str, object]]]:
    path = tmp_path / f"{name}.csv"
    path.write_text(text)
    home = Home(tmp_path / "home")
    tally = ingest(home, now=NOW, **{name: path}).tables[name]
    return tally, eventlog.scan_table(home, name).collect().to_dicts()


def test_an_optional_column_in_another_case_is_read(tmp_path: Path) -> None:
    head = "User_ID,PRODUCT_ID,action,occurred_at,Text,Value,Channel\n"
    tally, (event,) = taken(tmp_path, "events", head + "u,p,review,2025-01-01,fine,4,x\n")
    assert (event["user_id"], event["product_id"], event["text"]) == ("u", "p", "fine")
    assert (event["value"], event["channel"], tally.notices) == (4.0, "x", ())
    head = "Date,channel,Campaign_ID,Impressions,clicks,spend,Currency\n"
    _, (result,) = taken(tmp_path, "results", head + "2025-01-01,x,c,9,1,0.5,EUR\n")
    assert (result["campaign_id"], result["currency"]) == ("c", "EUR")
    _, (tie,) = taken(tmp_path, "follows", "Follower_Id,FOLLOWEE_ID\na,b\n")
    assert tie == {"follower_id": "a", "followee_id": "b"}


@pytest.mark.parametrize(
    ("columns", "unread", "text"),
    [
        ("Text,text", ["Text"], "two"),
        ("text,TEXT", ["TEXT"], "one"),
        ("Text,TEXT", ["Text", "TEXT"], None),
    ],
)
def test_what_may_be_either_is_told_and_not_guessed(
    tmp_path: Path, columns: str, unread: list[str], text: str | None
) -> None:
    lines = f"user_id,product_id,action,occurred_at,{columns}\nu,p,like,2025-01-01,one,two\n"
    tally, (event,) = taken(tmp_path, "events", lines)
    told = [f"column {one} is not read: another differs from it in case only" for one in unread]
    assert (event["text"], tally.to_dict()["notices"]) == (text, told)


def test_columns_of_other_names_are_told(tmp_path: Path) -> None:
    head = "user_id,product_id,action,occurred_at,valeu,"
    lines = head + "a,b,c,d,e\nu,p,like,2025-01-01,4,,,,,\n"
    tally, (event,) = taken(tmp_path, "events", lines)
    told = ("not read: 6 columns of other names: valeu, a, b, c, d and 1 other",)
    assert (event["value"], tally.notices) == (None, told)
    tally, _ = taken(tmp_path, "users", "user_id,city\nu,x\n")
    assert tally.notices == ()


def test_names_fold_as_tables_fold_them() -> None:
    assert spelt_otherwise(["USER_ID", "channel", "colour"], EVENTS) == ({"USER_ID": "user_id"}, [])
    assert spelt_otherwise(["\u212aind"], FOLLOWS) == ({}, [])
    assert spelt_otherwise(["clic\u212as"], RESULTS) == ({"clic\u212as": "clicks"}, [])
