"""Events handed in over HTTP: beside bare batched inserts into the same file, beside a retrain.

In: nothing. Out: rows (what, unit, figure, command). Never: a figure from another run, or a row
counted before it was durable.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from engine.frames import EVENTS
from engine.operations.keys import create_key
from engine.store.catalog import PRAGMAS
from engine.store.home import Home
from tests.benchmarks.served import ROOT, Served, served
from training.ingest import ingest
from training.simulate import grow, store_world
from training.world.plan import plan_world

BATCH, BODIES, SENDERS, ROUNDS, SECONDS = 1000, 200, 4, 5, 4
PACE, QUIET_SECONDS, RETRAINS, LONGEST = 5, 20, 2, 60
"""Batches in a second where waits are measured; for how long; retrains, and seconds of each."""
ENDED_WELL = (None, 0, 3)
"""Exit codes of a retrain that runs, that promoted its model, or that kept the champion."""
COMMAND = "python -m tests.benchmarks.intake"
Row = tuple[str, str, float, str]


def run() -> list[Row]:
    """Asks both in turn; the ratio is the median over the rounds. Then retrains run beside."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        now = datetime.now(UTC).replace(microsecond=0)
        ingest(home, now=now, **store_world(Path(folder), grow(plan_world(seed=0, until=now))))
        key = create_key(home, name="benchmark", scopes=["events:write"])
        with served(home, ready="/healthz") as api:
            rounds = [(_bare(home), _handed_in(api, key)) for _ in range(ROUNDS + 1)][1:]
            until = time.monotonic() + QUIET_SECONDS
            alone = _paced(api, key, lambda: time.monotonic() < until)
            waits = [wait for _ in range(RETRAINS) for wait in _beside_a_retrain(api, key, home)]
    bare, ours = (statistics.median(part) for part in zip(*rounds, strict=True))
    ratio = statistics.median(theirs / plain for plain, theirs in rounds)
    return [
        ("bare inserts of 1,000 events each, 11 columns, no index", "events/s", bare, COMMAND),
        ("POST /v1/events, 1,000 rows each, keys on", "events/s", ours, COMMAND),
        ("POST /v1/events / bare inserts", "ratio", ratio, COMMAND),
        (f"p99 of {len(alone)} batches, {PACE} in a second", "ms", _p99(alone), COMMAND),
        (f"p99 of {len(waits)} batches while a retrain runs", "ms", _p99(waits), COMMAND),
    ]


def _events(number: int) -> list[dict[str, object]]:
    chance = random.Random(number)
    return [
        {
            "event_id": f"{number:06}-{row:04}-{chance.getrandbits(48):012x}",
            "user_id": f"user-{chance.randrange(100_000):06}",
            "product_id": f"product-{chance.randrange(500):03}",
            "action": chance.choice(["view", "like", "dislike", "share"]),
            "occurred_at": f"2026-01-{chance.randrange(1, 28):02}T10:00:{chance.randrange(60):02}Z",
            "channel": chance.choice(["telegram", "instagram"]),
            "value": chance.choice([None, 4.5]),
        }
        for row in range(BATCH)
    ]


def _repeat(send: Callable[[int], None], first: int) -> int:
    """Sends batches for some seconds; how many that were."""
    until = time.monotonic() + SECONDS
    for sent in itertools.count():
        if time.monotonic() > until:
            return sent
        send(first + sent)
    return 0


def _bare(home: Home) -> float:
    """Rows in a second that one writer commits, with the settings of the catalog."""
    names = list(EVENTS.columns)
    batches = [[tuple(row.get(name) for name in names) for row in _events(n)] for n in range(50)]
    insert = f"INSERT INTO bare VALUES ({', '.join('?' * len(names))})"
    with closing(sqlite3.connect(home.catalog, isolation_level=None)) as records:
        for pragma in PRAGMAS:
            records.execute(f"PRAGMA {pragma}")
        records.execute(f"CREATE TABLE IF NOT EXISTS bare ({', '.join(names)})")

        def send(number: int) -> None:
            records.execute("BEGIN IMMEDIATE")
            records.executemany(insert, batches[number % len(batches)])
            records.execute("COMMIT")

        return _repeat(send, 0) * BATCH / SECONDS


class Sender:
    """One connection that hands in batches, made before they are timed."""

    bodies = tuple(json.dumps(_events(number)).encode() for number in range(BODIES))

    def __init__(self, api: Served, key: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(api.address).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def send(self, number: int) -> None:
        """Returns when the batch is durable.

        Raises:
            RuntimeError: it was not taken whole.
        """
        body = self.bodies[number % BODIES]
        self._connection.request("POST", "/v1/events", body, self._headers)
        answer = self._connection.getresponse()
        told = json.loads(answer.read())
        if answer.status != 200 or told["accepted"] != BATCH:
            raise RuntimeError(f"{answer.status}: {told}")


def _handed_in(api: Served, key: str) -> float:
    sent = [0] * SENDERS

    def work(number: int) -> None:
        sender = Sender(api, key)
        sent[number] = _repeat(sender.send, number * BODIES // SENDERS)

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sent) * BATCH / (time.monotonic() - began)


def _beside_a_retrain(api: Served, key: str, home: Home) -> list[float]:
    """As `_paced`, until the retrain has ended or ran for long.

    Raises:
        RuntimeError: the retrain failed, so nothing ran beside.
    """
    command = [sys.executable, "-m", "api.cli", "--home", str(home.root), "retrain", "--json"]
    quiet, until = subprocess.DEVNULL, time.monotonic() + LONGEST
    with subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet) as process:
        try:
            waits = _paced(api, key, lambda: process.poll() is None and time.monotonic() < until)
            if process.poll() not in ENDED_WELL:
                raise RuntimeError(f"the retrain ended with {process.returncode}")
            return waits
        finally:
            process.kill()


def _paced(api: Served, key: str, runs: Callable[[], bool]) -> list[float]:
    """Milliseconds from when each batch was due until it was durable, two senders in turn.

    A batch that is late makes its sender's next one late, and that counts too.
    """
    senders, waits = [Sender(api, key) for _ in range(2)], []
    began = time.monotonic()

    def work(first: int) -> None:
        for number in itertools.count(first, 2):
            due = began + number / PACE
            time.sleep(max(0.0, due - time.monotonic()))
            if not runs():
                return
            senders[first].send(number)
            waits.append((time.monotonic() - due) * 1000)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def _p99(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=100)[98]


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        print(f"{what}: {figure:,.2f} {unit}")
