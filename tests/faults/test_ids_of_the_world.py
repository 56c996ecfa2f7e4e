"""Ids that look alike, turn the line around or are no text: kept byte for byte, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from engine.store.eventlog import scan_events
from engine.store.home import Home
from tests.faults.test_bad_files import NOW
from training.ingest import ingest

KEPT = [
    *("é", "e\u0301", "Å", "\u212b", "ﬁ", "fi", "K", "\u212a"),  # twins under normalisation
    *("a", "а", "Α", "A"),  # Latin, Cyrillic, Greek
    *("\u202eabc", "abc\u202c", "\u2066x\u2069", "\u200fx", "می\u200cخوام", "میخوام"),
    *("👩\u200d👧", "👩👧", "🇮🇷", "🌸" * 64, "\ufeffx", "x\u00a0", "\u00adx", "İ", "i\u0307", "ß"),
    *("-1", "=1+1", "@x", "0x1", "1e3", "007", "null", "NaN", "true", "'", "\\", "../x", "%00"),
    *("\ue000", "\ufffd", "\U0010fffd", "ا" * 128),
]
REFUSED = ["", " ", "a\x00", "a\n", "\x7f", "\x85", "\x1b[31m", "🌸" * 65, "x" * 1_000_000]
HEAD = {"product_id": "p", "action": "like", "occurred_at": 1_700_000_000}


def lines(ids: list[str]) -> str:
    return "".join(json.dumps({"user_id": id} | HEAD, ensure_ascii=False) + "\n" for id in ids)


@pytest.mark.parametrize("form", ["ndjson", "parquet", "csv"])
def test_ids_travel_byte_for_byte(tmp_path: Path, form: str) -> None:
    path, home = tmp_path / f"events.{form}", Home(tmp_path / "home")
    frame = pl.DataFrame([{"user_id": id} | HEAD for id in KEPT])
    if form == "ndjson":
        path.write_text(lines(KEPT))
    elif form == "parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path, quote_style="always")
    tally = ingest(home, events=path, now=NOW).tables["events"]
    assert (tally.stored, dict(tally.quarantined)) == (len(KEPT), {})
    assert sorted(scan_events(home).collect()["user_id"]) == sorted(KEPT)


def test_ids_that_are_none_are_refused_with_a_reason(tmp_path: Path) -> None:
    path, home = tmp_path / "events.ndjson", Home(tmp_path / "home")
    path.write_text(lines([*REFUSED, "good"]) + '{"user_id": "\\ud800"}\n')
    counts = ingest(home, events=path, now=NOW)
    assert scan_events(home).collect()["user_id"].to_list() == ["good"]
    reasons = pl.read_ndjson(counts.quarantine)
    assert sorted(reasons["row"]) == [*range(1, len(REFUSED) + 1), len(REFUSED) + 2]
    assert reasons["reason"].null_count() == 0
