"""A block of the inbox that was damaged holds up no other, is kept, and is told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.doctor import examine
from engine.frames import EVENTS
from engine.operations.intake import compact
from engine.store.blocks import Damaged, pack, unpack
from engine.store.catalog import open_catalog
from engine.store.eventlog import scan_events
from engine.store.home import Home
from engine.store.inbox import INBOX, Inbox, Reply
from tests.faults.test_killed_intake import batch

FLIPPED = bytes([0xFF])


def finding(home: Home) -> dict[str, Any]:
    (found,) = [check for check in examine(home)["checks"] if check["what"] == "inbox"]
    return found


def change(home: Home, number: int, content: bytes) -> None:
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        connection.execute(INBOX.update().where(INBOX.c.id == number).values(content=content))


def contents(home: Home) -> dict[int, bytes]:
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        return {row.id: row.content for row in connection.execute(INBOX.select())}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    made = Home(tmp_path)
    with open_catalog(made) as catalog:
        for number in range(4):
            Inbox(made, catalog).add("events", batch(number), None, Reply(200, "", b""))
    return made


DAMAGE = {
    "a byte": lambda whole: whole[:100] + bytes([whole[100] ^ 1]) + whole[101:],
    "its end": lambda whole: whole[:-9],
    "all": lambda whole: b"",
    "its columns": lambda whole: pack(batch(1).drop("text")),
    "the stream inside": lambda whole: whole[8:60],
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_block_is_set_aside_and_all_others_are_moved(home: Home, what: str) -> None:
    damaged = DAMAGE[what](contents(home)[2])
    change(home, 2, damaged)
    assert compact(home) == {"events": 9, "set_aside": 3}
    assert scan_events(home).collect().height == 9
    assert contents(home) == {2: damaged}, "nothing is lost"
    assert compact(home) == {"set_aside": 3}, "told as long as it lies there"
    found = finding(home)
    assert (found["well"], "3 rows of events" in found["finding"]) == (False, True)


def test_a_sound_inbox_is_well(home: Home) -> None:
    assert finding(home) == {"what": "inbox", "well": True, "finding": "12 rows waiting"}
    compact(home)
    assert finding(home)["finding"] == "nothing waits"


def test_questions_and_erasures_pass_over_a_damaged_block(home: Home) -> None:
    change(home, 2, b"")
    with open_catalog(home) as catalog:
        inbox = Inbox(home, catalog)
        assert inbox.events_of(["u0"]).height == 3
        assert inbox.forget("nobody") == 0
        assert set(contents(home)) == {1, 2, 3, 4}
        assert inbox.forget("u0") == 6, "what may name the person goes as a whole"
        assert set(contents(home)) == {1, 3, 4}


def test_blocks_of_before_are_read(home: Home) -> None:
    change(home, 2, contents(home)[2][8:])
    assert compact(home) == {"events": 12}


WHOLE = pack(batch(1))


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(place: int, by: int) -> None:
    changed = WHOLE[:place] + bytes([WHOLE[place] ^ by]) + WHOLE[place + 1 :]
    with pytest.raises(Damaged):
        unpack(EVENTS.name, changed)


def test_a_block_comes_back_as_it_was() -> None:
    rows = batch(1).with_columns(text=pl.lit("متن 🙂"), value=pl.lit(-0.5))
    assert unpack(EVENTS.name, pack(rows)).equals(rows)
