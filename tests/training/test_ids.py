"""What may be an id is one rule, whether rows come as a file or over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.frames import EVENTS, FOLLOWS
from engine.settings import load
from engine.signals.arrivals import judge_arrivals
from engine.signals.events import Limits, judge_events
from engine.store import eventlog
from engine.store.home import Home
from training.ingest import ingest
from training.layouts import Mapping, change_mapping

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits.of(load("events")["limits"], {"like": {}})
WRITTEN: list[tuple[Any, str | None]] = [
    ("5", "5"),
    ("5.0", "5.0"),
    ("true", "true"),
    ("[1]", "[1]"),
    (5, "5"),
    (-5, "-5"),
    (12345678901234567890123, "12345678901234567890123"),
    (5.0, "5"),
    (-0.0, "0"),
    (5.5, None),
    (1e300, None),
    (True, None),
    (False, None),
    ({"id": 5}, None),
    ([5], None),
]
"""What JSON says, and the id it is; None is none."""


def rows(column: str) -> list[dict[str, Any]]:
    """An act for each; the other id tells them apart."""
    other = "product_id" if column == "user_id" else "user_id"
    return [
        {column: value, other: f"at {at}", "action": "like", "occurred_at": "2025-01-01"}
        | {"text": "a secret"}
        for at, (value, _) in enumerate(WRITTEN)
    ]


@pytest.mark.parametrize("column", ["user_id", "product_id"])
def test_files_and_arrivals_take_the_same_ids(tmp_path: Path, column: str) -> None:
    home, path = Home(tmp_path / "home"), tmp_path / "e.ndjson"
    theirs = [{("who" if key == column else key): row[key] for key in row} for row in rows(column)]
    path.write_text("".join(json.dumps(row) + "\n" for row in theirs))
    mapping = change_mapping(Mapping(), rename=[f"who={column}"])
    counts = ingest(home, now=NOW, events=path, mapping=mapping)
    stored = eventlog.scan_events(home).collect()
    judged = judge_arrivals(rows(column), EVENTS, now=NOW, limits=LIMITS, most_columns=100)
    wanted = {f"at {at}": id for at, (_, id) in enumerate(WRITTEN) if id is not None}
    other = "product_id" if column == "user_id" else "user_id"
    for found in (stored, judged.good):
        assert dict(found.select(other, column).iter_rows()) == wanted
    refused = [at for at, (_, id) in enumerate(WRITTEN) if id is None]
    told = pl.read_ndjson(counts.quarantine)
    assert (told["row"] - 1).to_list() == judged.refused["index"].to_list() == refused
    reasons = {f"{column} is not text"}
    assert set(told["reason"]) == set(judged.refused["reason"]) == reasons
    assert "secret" not in "".join(told["raw"])


def test_ties_have_ids_of_the_same_kind(tmp_path: Path) -> None:
    home, path = Home(tmp_path / "home"), tmp_path / "f.ndjson"
    ties = [{"follower_id": value, "followee_id": "x"} for value, _ in WRITTEN]
    path.write_text("".join(json.dumps(row) + "\n" for row in ties))
    ingest(home, now=NOW, follows=path)
    judged = judge_arrivals(ties, FOLLOWS, now=NOW, limits=LIMITS, most_columns=100)
    wanted = {id for _, id in WRITTEN if id is not None}
    for found in (eventlog.scan_table(home, "follows").collect(), judged.good):
        assert set(found["follower_id"]) == wanted


@pytest.mark.parametrize("values", [[True, False], [1.5, 2.5]], ids=["truth values", "fractions"])
def test_typed_columns_that_name_nobody_are_refused(values: list[Any]) -> None:
    frame = pl.DataFrame(
        {"user_id": values, "product_id": ["p", "q"], "action": "like", "occurred_at": "2025-01-01"}
    )
    good, bad = judge_events(frame, now=NOW, limits=LIMITS)
    assert good.is_empty()
    assert bad["reason"].to_list() == ["user_id is not text in UTF-8"] * 2
