"""Nothing is learned of people who did not agree, and nothing stored of those who refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from engine.frames import USER
from engine.operations.consent import record_consent
from engine.store import eventlog
from engine.store.home import Home
from tests.training.planted import events_like, quick_home, tasteful
from training.flow import gather
from training.ingest import ingest
from training.recipe import load_recipe

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ALL = dict.fromkeys(("store", "profile", "select", "measure"), True)


def say(home: Home, user: str, **purposes: bool) -> None:
    record_consent(home, user, source="test", now=NOW, purposes=ALL | purposes)


def test_nobody_enters_training_without_a_profile(tmp_path: Path) -> None:
    home = quick_home(tmp_path)
    eventlog.append_events(home, events_like(tasteful(60, 12)))
    recipe = load_recipe(home)
    before = gather(home, recipe, 0)
    gone = before.pairs.users[7]
    say(home, gone, profile=False)
    say(home, before.pairs.users[8], measure=False)
    after = gather(home, recipe, 0)
    assert set(before.pairs.users) - set(after.pairs.users) == {gone}
    assert gone not in after.source.users[USER]
    acts = eventlog.scan_events(home).filter(pl.col(USER) == gone).collect().height
    assert acts > 0
    assert before.source.window["events"] - after.source.window["events"] == acts


def test_who_refused_to_be_stored_is_counted_and_written_nowhere(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    say(home, "canary-7", store=False)
    rows = [
        {"user_id": user, "product_id": "p", "action": action, "occurred_at": "2026-01-01T00:00Z"}
        for user in ("a", "canary-7", "b")
        for action in ("like", "no such act")
    ]
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(map(json.dumps, rows)))
    tally = ingest(home, now=NOW, events=file).tables["events"]
    assert (tally.read, tally.stored, tally.duplicates) == (6, 2, 0)
    assert tally.quarantined["user did not agree to be stored"] == 2
    assert tally.quarantined["action is unknown"] == 2
    assert sorted(eventlog.scan_events(home).collect()[USER]) == ["a", "b"]
    kept = [path for path in home.root.rglob("*") if path.is_file()]
    kept = [path for path in kept if not path.name.startswith(home.catalog.name)]
    assert len(kept) > 2
    assert not [path for path in kept if b"canary-7" in path.read_bytes()]
