"""Who is erased while rows wait leaves no byte in the blocks of those who stay."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from engine.frames import EVENTS
from engine.operations.erasure import erase_user
from engine.store.blocks import pack, unpack
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.inbox import Inbox, Reply
from tests.faults.test_erasure import holding

IDS = {"short": "canary-4711", "long": "https://social.example/users/canary"}
"""Polars holds texts up to twelve bytes apart from longer ones."""
AT = datetime(2026, 1, 1, tzinfo=UTC)


def acts(person: str, others: int = 40) -> pl.DataFrame:
    """An act of the person, one that names them, and acts of others who are named at length."""
    rows = [{"user_id": person, "product_id": "p", "action": "review", "text": f"{person} wrote"}]
    rows.append({"user_id": "b", "action": "follow", "product_id": person})
    rows[1]["target_user_id"] = person
    names = [f"https://social.example/users/{number}" for number in range(others)]
    rows += [{"user_id": name, "product_id": "p", "action": "like"} for name in names]
    told = [{"event_id": f"e{number}", "occurred_at": AT, **row} for number, row in enumerate(rows)]
    return pl.DataFrame(told, schema=EVENTS.columns)


@pytest.mark.parametrize("kind", IDS)
def test_no_byte_of_the_person_stays_in_a_block_that_others_share(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    home, person = Home(tmp_path), IDS[kind]
    with open_catalog(home) as catalog:
        Inbox(home, catalog).add("events", acts(person), None, Reply(200, "", b""))
        assert holding(home, person)
        assert erase_user(home, person, now=AT)["removed"]["inbox"] == 1
        assert holding(home, person) == []
        assert Inbox(home, catalog).waiting() == {"events": 41}


@pytest.mark.parametrize("kind", IDS)
def test_a_block_holds_its_rows_and_nothing_of_those_they_were_chosen_from(kind: str) -> None:
    person = pl.lit(IDS[kind])
    left = acts(IDS[kind]).filter(pl.col("user_id") != person)
    named = pl.col("target_user_id").eq_missing(person)
    left = left.with_columns(
        pl.when(~named).then(pl.col(name)).alias(name) for name in ("product_id", "target_user_id")
    )
    block = pack(left)
    assert IDS[kind].encode() not in block
    assert unpack("events", block).equals(left, null_equal=True)
