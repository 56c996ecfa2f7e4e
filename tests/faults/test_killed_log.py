"""Processes that end while they add to the log: what was told as kept is there, once and whole."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from engine.frames import EVENTS
from engine.operations.intake import compact
from engine.store.catalog import open_catalog
from engine.store.eventlog import scan_events
from engine.store.home import Home

ROOT = Path(__file__).parents[2]
CYCLES = pytest.mark.parametrize(
    "cycles",
    [5, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
    ids=["few", "many"],
)
ROWS = 50

LOADED = """
import os, random, signal, sys, time, traceback
from datetime import UTC, datetime
from pathlib import Path
from deltalake import DeltaTable
from engine.operations.intake import compact
from engine.store.catalog import Catalog
from engine.store.eventlog import append_events
from engine.store.home import Home
from engine.store.inbox import Inbox, Reply
from tests.faults.test_killed_log import batch
from training.ingest import ingest

home, way, cycles = Home(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
chance, now = random.Random(11), datetime(2026, 11, 1, tzinfo=UTC)

def append(number, say):
    append_events(home, batch(number))
    say(number)

def take(number, say):
    path = home.root / f"in-{number}.ndjson"
    path.write_text(batch(number).write_ndjson())
    ingest(home, events=path, now=now)
    say(number)

def move(number, say):
    Inbox(home, Catalog(home)).add("events", batch(number), None, Reply(200, "", b""))
    say(number)
    compact(home)

work = {"append": append, "ingest": take, "compact": move}[way]

def begin(numbers):
    heard, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)
            for number in numbers:
                work(number, lambda number: os.write(said, b"%d\\n" % number))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(said)
    os.setpgid(child, child)
    return child, heard

def tell(heard):
    with os.fdopen(heard) as file:
        text = file.read()
    sys.stdout.write(text)
    return text

began = time.monotonic()
child, heard = begin([0])
os.waitpid(child, 0)
assert tell(heard), "without being killed it keeps nothing either"
lasts = time.monotonic() - began
cycle = told = 0
# A busy machine may kill the first of them too early.
while cycle < cycles or told < cycles / 4 and cycle < 10 * cycles:
    cycle += 1
    child, heard = begin(range(cycle * 1000, cycle * 1000 + 1000))
    time.sleep(chance.uniform(0, 2 * lasts))
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    said = len(tell(heard).split())
    told, lasts = told + said, lasts * (0.9 if said else 1.1)
print(f"killed {cycle}", file=sys.stderr)
"""
"""Everything is loaded once; the processes that die are forks of one that has computed nothing."""


def batch(number: int) -> pl.DataFrame:
    """Events that no other batch has."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    names = [f"{number}-{row}" for row in range(ROWS)]
    given = {
        "event_id": names,
        "user_id": names,
        "product_id": ["p"] * ROWS,
        "action": ["like"] * ROWS,
        "occurred_at": [at + timedelta(seconds=row) for row in range(ROWS)],
    }
    lacking = {name: [None] * ROWS for name in EVENTS.columns if name not in given}
    return pl.DataFrame(given | lacking, schema_overrides=dict(EVENTS.columns)).select(
        list(EVENTS.columns)
    )


def killed(home: Home, way: str, cycles: int) -> tuple[list[int], int]:
    """Numbers of the batches whose writers said that they were kept; how many were killed."""
    # Forks have none of polars' threads: it must not have started any.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-c", LOADED, str(home.root), way, str(cycles)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    *complaints, last = done.stderr.splitlines()
    assert (done.returncode, complaints) == (0, []), done.stderr[-3000:]
    return [int(line) for line in done.stdout.splitlines()], int(last.split()[1])


def kept(home: Home) -> dict[int, int]:
    """How many events of each batch the log holds; none may be there twice."""
    ids = scan_events(home).select("event_id").collect().to_series()
    assert ids.n_unique() == ids.len()
    numbers = ids.str.split("-").list.first().cast(pl.Int64)
    return dict(numbers.value_counts().iter_rows())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    return Home(tmp_path / "home")


@CYCLES
@pytest.mark.parametrize("way", ["append", "ingest", "compact"])
def test_what_was_told_as_kept_is_there_once_and_whole(home: Home, way: str, cycles: int) -> None:
    """Each is killed at a moment drawn from about twice the time that an undisturbed one takes."""
    with open_catalog(home):
        said, kills = killed(home, way, cycles)
    compact(home)
    found = kept(home)
    assert len(said) > cycles / 4
    print(f"{way}: {kills} killed, {len(said)} batches told as kept, {len(found)} found")
    assert set(said) <= set(found)
    assert set(found.values()) == {ROWS}, "a part of a batch can be seen"
    # One more may be durable for each kill, its word lost on the way.
    assert len(found) <= len(said) + kills
