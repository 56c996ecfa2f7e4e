"""Clocks that are wrong, or are set meanwhile: acts out of time are named, and nobody waits."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from api.http.access import Meter
from engine.operations.consent import record_consent, show_consent
from engine.store.catalog import Catalog, open_catalog
from engine.store.eventlog import scan_events
from engine.store.home import Home
from engine.store.inbox import Inbox, Reply, Ticket
from training.ingest import ingest

NOW = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
ALL = dict.fromkeys(("store", "profile", "select", "measure"), True)
SECOND = int(NOW.timestamp())
KEPT: list[Any] = [
    *(SECOND, SECOND * 1000, SECOND + 0.5, (NOW - timedelta(days=365)).isoformat()),
    *((NOW + timedelta(minutes=1)).isoformat(), NOW.strftime("%Y-%m-%d %H:%M:%S")),
    *("2026-03-29T02:30:00+01:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"),
    "2016-12-31T23:59:60Z",
]
"""Seconds, milliseconds, a year ago, a minute ahead; hours that summer time skips and repeats."""
OUT_OF_TIME: list[Any] = [
    *(0, "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", SECOND * 1_000_000, -1, 1e300),
    *((NOW + timedelta(days=365)).isoformat(), (NOW + timedelta(minutes=6)).isoformat()),
    *("yesterday", True, "2026-02-30T00:00:00Z", "2026-10-25T25:00:00Z", SECOND * 1000 + 600_000),
]


def test_of_a_file_no_act_out_of_time_is_kept(tmp_path: Path) -> None:
    home, path = Home(tmp_path / "home"), tmp_path / "events.ndjson"
    act = {"product_id": "p", "action": "like"}
    rows = [
        act | {"user_id": f"{kind}{number}", "occurred_at": at}
        for kind, moments in (("kept", KEPT), ("bad", OUT_OF_TIME))
        for number, at in enumerate(moments)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    counts = ingest(home, events=path, now=NOW)
    found = scan_events(home).collect()
    assert sorted(found["user_id"]) == sorted(f"kept{number}" for number in range(len(KEPT)))
    assert found["occurred_at"].max() <= NOW + timedelta(minutes=5)
    refused = pl.read_ndjson(counts.quarantine)
    assert sorted(refused["row"]) == [len(KEPT) + n + 1 for n in range(len(OUT_OF_TIME))]
    assert refused["reason"].str.starts_with("occurred_at ").all()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_locks_nobody_out(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    monkeypatch.delenv("MOKHATAB_LIMITS_URL", raising=False)
    wall, passed = time.time(), time.monotonic()
    monkeypatch.setattr("api.http.access.time.time", lambda: wall)
    monkeypatch.setattr("api.http.access.time.monotonic", lambda: passed)
    meter = Meter("key", 2, share=1)
    assert [meter.count("a")[0] for _ in range(3)] == [True, True, False]
    wall += 3600 * hours
    passed += 59
    within, _, wait = meter.count("a")
    assert (within, wait) == (False, 1), "a minute is a minute, whatever is told of it"
    passed += 1
    assert meter.count("a")[0]


def test_a_clock_that_is_set_back_still_repeats_the_answer(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with open_catalog(home):
        inbox = Inbox(home, Catalog(home))
    first = Ticket("mk", "key", bytes(32), SECOND, 24 * 3600)
    inbox.add("events", pl.DataFrame(), first, Reply(200, "text/plain", b"first"))
    for earlier in (1, 3600, 25 * 3600):
        again = Ticket("mk", "key", bytes(32), SECOND - earlier, 24 * 3600)
        assert inbox.reply_to(again) == (Reply(200, "text/plain", b"first"), True)


def test_a_clock_that_is_set_back_makes_no_objection_older_than_consent(tmp_path: Path) -> None:
    home = Home(tmp_path)
    record_consent(home, "u", source="form", now=NOW, purposes=ALL)
    record_consent(home, "u", source="form", now=NOW - timedelta(hours=1), gpc=True)
    assert not show_consent(home, "u")["in_force"]["select"]
    record_consent(home, "u", source="form", now=NOW - timedelta(minutes=50), purposes=ALL)
    assert show_consent(home, "u")["in_force"]["select"]
    told_late = NOW - timedelta(days=1)
    record_consent(
        home, "u", source="mail", now=NOW, at=told_late, purposes=ALL | {"select": False}
    )
    assert show_consent(home, "u")["in_force"]["select"], "what was said before that day"
