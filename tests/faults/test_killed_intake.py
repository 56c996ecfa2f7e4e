"""Processes that end in the middle of taking rows in, or of moving them: nothing lost, or twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy.exc import IntegrityError

from engine.frames import EVENTS
from engine.operations.intake import compact
from engine.store.catalog import open_catalog
from engine.store.eventlog import scan_events, scan_table, upsert
from engine.store.home import Home
from engine.store.inbox import Inbox, Reply, Ticket

ROOT = Path(__file__).parents[2]
FORKS = """
import os, random, signal, sqlite3, sys, time
from pathlib import Path
from engine.operations import intake
from engine.store import eventlog, results
from engine.store.catalog import Catalog
from engine.store.home import Home
from engine.store.inbox import Inbox, Reply, Ticket
from tests.faults.test_killed_intake import batch

home = Home(Path(sys.argv[1]))

def forked(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child
"""
"""Everything is loaded once; the processes that die are forks of one that computes nothing."""

WRITER = f"""{FORKS}
def write(first, told):
    inbox = Inbox(home, Catalog(home))
    for number in range(first, first + 100_000):
        ticket = Ticket("mk", f"k{{number}}", bytes(32), 0, 3600)
        inbox.add("events", batch(number), ticket, Reply(200, "text/plain", b"%d" % number))
        os.write(told, b"%d\\n" % number)

chance = random.Random(7)
for cycle in range(int(sys.argv[2])):
    heard, told = os.pipe()
    child = forked(lambda: write(cycle * 100_000, told))
    os.close(told)
    with os.fdopen(heard, "rb") as file:
        said = file.readline()
        time.sleep(chance.uniform(0.001, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sys.stdout.write((said + file.read()).decode())
"""
MOVER = f"""{FORKS}
def move(place, ends):
    owner = {{"remove": Inbox, "record_results": results}}.get(place, eventlog)
    real = getattr(owner, place)

    def killed(*given, **named):
        if ends == "after":
            real(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, place, killed)
    intake.compact(home)

for point in sys.argv[2:]:
    child = forked(lambda: move(*point.split()))
    _, status = os.waitpid(child, 0)
    with sqlite3.connect(home.catalog) as records:
        (left,) = records.execute("SELECT count(*) FROM inbox").fetchone()
    print(point, os.WTERMSIG(status), left)
"""


def batch(number: int) -> pl.DataFrame:
    """Three events that no other batch has."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    nothing = dict.fromkeys(("target_user_id", "text", "language", "value", "object_id"))
    rows = [
        {"event_id": f"{number}-{row}", "user_id": f"u{row}", "product_id": "p", "action": "like"}
        | {"occurred_at": at, "channel": "x"}
        | nothing
        for row in range(3)
    ]
    return pl.DataFrame(rows, schema=EVENTS.columns)


def run(code: str, home: Home, *words: str) -> list[str]:
    """What this code says as a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(home.root), *words]
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    made = Home(tmp_path / "home")
    with open_catalog(made):
        return made


def ids(home: Home) -> list[str]:
    return scan_events(home).select("event_id").collect().to_series().sort().to_list()


@pytest.mark.parametrize(
    "cycles",
    [10, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
    ids=["few", "many"],
)
def test_what_was_acknowledged_is_there_once(home: Home, cycles: int) -> None:
    """Writers are killed at a moment drawn from the 50 ms after their first acknowledgement."""
    acknowledged = [int(number) for number in run(WRITER, home, str(cycles))]
    assert len(acknowledged) >= cycles
    compact(home)
    found = ids(home)
    assert len(set(found)) == len(found)
    assert {f"{number}-{row}" for number in acknowledged for row in range(3)} <= set(found)
    # One more batch may be durable for each kill, its word lost on the way; it is whole.
    assert len(found) % 3 == 0
    assert len(found) <= 3 * (len(acknowledged) + cycles)
    with open_catalog(home) as catalog:
        inbox = Inbox(home, catalog)
        for number in acknowledged:
            ticket = Ticket("mk", f"k{number}", bytes(32), 1, 3600)
            assert inbox.reply_to(ticket) == (Reply(200, "text/plain", b"%d" % number), True)


TABLES = {
    "events": batch(1),
    "users": pl.DataFrame({"user_id": ["a", "b"], "age": ["1", "2"]}),
    "products": pl.DataFrame({"product_id": ["p"], "name": ["Shoe"]}),
    "follows": pl.DataFrame({"follower_id": ["a"], "followee_id": ["b"]}),
    "results": pl.DataFrame(
        {
            "date": [datetime(2026, 1, 1).date()] * 2,
            "channel": ["x"] * 2,
            "impressions": [5] * 2,
            "clicks": [1] * 2,
            "spend": [0.5] * 2,
        }
    ),
}
PLACES = {
    "events": "add_events",
    "users": "upsert",
    "products": "upsert",
    "follows": "add_follows",
    "results": "record_results",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_move_that_is_killed_anywhere_is_finished_once_by_the_next(home: Home, name: str) -> None:
    with open_catalog(home) as catalog:
        Inbox(home, catalog).add(name, TABLES[name], None, Reply(200, "", b""))
    points = [f"{PLACES[name]} before", f"{PLACES[name]} after", "remove before", "remove after"]
    left = [1, 1, 1, 0]
    said = [f"{point} {signal.SIGKILL.value} {n}" for point, n in zip(points, left, strict=True)]
    assert run(MOVER, home, *points) == said
    assert compact(home) == {}
    assert scan_table(home, name).collect().height == TABLES[name].height


CUT = """CREATE TRIGGER cut BEFORE DELETE ON inbox WHEN (SELECT count(*) FROM inbox) <= 12
BEGIN SELECT RAISE(ABORT, 'cut off'); END"""


@pytest.mark.parametrize("name", TABLES)
def test_a_removal_lets_others_write_between_and_is_finished_by_the_next(
    home: Home, name: str
) -> None:
    with open_catalog(home) as catalog:
        for _ in range(20):
            Inbox(home, catalog).add(name, TABLES[name], None, Reply(200, "", b""))
    with closing(sqlite3.connect(home.catalog)) as records:
        records.execute(CUT)
        with pytest.raises(IntegrityError, match="cut off"):
            compact(home)
        (left,) = records.execute("SELECT count(*) FROM inbox").fetchone()
        records.execute("DROP TRIGGER cut")
    assert 0 < left < 20  # in one transaction all would be there still
    assert compact(home) == {name: 0}
    assert compact(home) == {}
    assert scan_table(home, name).collect().height == TABLES[name].height


def test_an_older_move_that_is_finished_later_does_not_undo_what_came_between(home: Home) -> None:
    with open_catalog(home) as catalog:
        Inbox(home, catalog).add("users", TABLES["users"], None, Reply(200, "", b""))
    run(MOVER, home, "upsert after")
    upsert(home, "users", pl.DataFrame({"user_id": ["a"], "age": [50]}))
    assert compact(home) == {"users": 0}
    assert compact(home) == {}
    assert scan_table(home, "users").collect().sort("user_id")["age"].to_list() == [50, 2]


def test_another_database_beside_the_same_log_begins_anew(home: Home) -> None:
    for age in (1, 2):
        with open_catalog(home) as catalog:
            rows = pl.DataFrame({"user_id": ["a"], "age": [str(age)]})
            Inbox(home, catalog).add("users", rows, None, Reply(200, "", b""))
        assert compact(home) == {"users": 1}
        for file in home.root.glob("catalog*"):
            file.unlink()
    assert scan_table(home, "users").collect()["age"].to_list() == [2]
