"""A server that is killed while it takes rows in: what it said it kept is there, once and whole."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from api.serve import command
from engine.operations.intake import compact
from engine.operations.keys import create_key
from engine.store.catalog import open_catalog
from engine.store.eventlog import scan_events
from engine.store.home import Home
from tests.benchmarks.served import free_port

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("MOKHATAB_KILLS", "0"))
"""How often the server is killed; 0: as often as fits into `SECONDS`."""
SECONDS = 300.0
ROWS, CLIENTS, PATIENCE = 20, 4, 120.0
PLAIN, STRICT, LENIENT, SPOILED = range(4)
"""Batches without a fault, two kinds of them; then with bad rows, kept in part, and not at all."""

MOVER = """
import json, os, random, select, signal, sys, time, traceback
from collections import Counter
from pathlib import Path
from engine.operations import intake
from engine.store import eventlog
from engine.store.home import Home
from tests.benchmarks.served import free_port
from deltalake import DeltaTable

home, chance, lasts = Home(Path(sys.argv[1])), random.Random(sys.argv[2]), 0.5
ends = Counter()
while not select.select([sys.stdin], [], [], chance.uniform(0, 0.3))[0]:
    child = os.fork()
    if child == 0:
        try:
            intake.compact(home)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    time.sleep(chance.uniform(0, 2 * lasts))
    os.kill(child, signal.SIGKILL)
    end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ends[{0: "finished", -signal.SIGKILL: "killed"}.get(end, "failed")] += 1
    lasts *= 0.9 if end == 0 else 1.1
print(json.dumps(ends))
"""
"""Compacts again and again, about every second time to the end. Everything is loaded once; what
dies are forks of a process that has computed nothing."""


@dataclass(frozen=True)
class Batch:
    """What one request hands in; drawn from its number alone."""

    number: int

    @property
    def form(self) -> int:
        return random.Random(self.number).choices(range(4), (4, 3, 2, 1))[0]

    def _bad(self, row: int) -> bool:
        return self.form in (LENIENT, SPOILED) and row % 7 == self.number % 7

    def sent(self) -> bytes:
        rows = [
            row | {"action": "lick" if self._bad(at) else "like"}
            for at, row in enumerate(self._rows())
        ]
        return json.dumps(rows).encode()

    def kept(self) -> list[dict[str, Any]]:
        if self.form == SPOILED:
            return []
        return [row for at, row in enumerate(self._rows()) if not self._bad(at)]

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "event_id": f"{self.number}-{row}",
                "user_id": f"u{(self.number * 7 + row) % 997}",
                "product_id": f"p{row}",
                "occurred_at": 1_767_323_045 + self.number,
            }
            for row in range(ROWS)
        ]

    def headers(self, key: str) -> dict[str, str]:
        strict = {"Prefer": "handling=strict"} if self.form in (STRICT, SPOILED) else {}
        return strict | {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"batch-{self.number}",
        }


class Clients:
    """Each hands in one batch after the other, and each until it hears what became of it."""

    def __init__(self, key: str) -> None:
        self.port = 0
        self.said: dict[int, tuple[int, bytes]] = {}
        self.unheard: Counter[str | int] = Counter()
        self._key, self._numbers, self._last = key, itertools.count(), threading.Event()
        self._threads = [threading.Thread(target=self._work, args=[n]) for n in range(CLIENTS)]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Waits at the end until everything that was begun is answered."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._last.set()
            for thread in self._threads:
                thread.join()

    def ask(self, number: int) -> tuple[int, bytes]:
        batch = Batch(number)
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("POST", "/v1/events", batch.sent(), batch.headers(self._key))
            response = connection.getresponse()
            return response.status, response.read()

    def _work(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._last.is_set():
            number, until = next(self._numbers), time.monotonic() + PATIENCE
            while not self._heard(number) and time.monotonic() < until:
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.02))

    def _heard(self, number: int) -> bool:
        try:
            said = self.ask(number)
        except ConnectionRefusedError:
            return False  # there is no server
        except (OSError, http.client.HTTPException) as error:
            self.unheard[type(error).__name__] += 1
            return False
        if said[0] in (409, 503):  # under way, or records out of reach: to be asked again
            self.unheard[said[0]] += 1
            return False
        self.said[number] = said
        return True


class Server:
    """The server as it ships, in a process group of its own, on a port that was free."""

    def __init__(self, home: Home) -> None:
        self.port = free_port()
        self._log = home.root.parent / "server.log"
        places = {"PYTHONPATH": str(ROOT), "TMPDIR": str(home.root.parent)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command(home), "--port", str(self.port)],
                env=os.environ | places,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        """All its processes end at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self) -> float:
        """Seconds until it answered."""
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE and self._process.poll() is None:
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as one:
                    one.request("GET", "/healthz")
                    one.getresponse().read()
                return time.monotonic() - began
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        raise AssertionError(self._log.read_text()[-3000:])

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    @property
    def pid(self) -> int:
        return self._process.pid


@contextmanager
def compacting(home: Home, seed: int, ends: Counter[str]) -> Iterator[None]:
    """Meanwhile compactions are begun at random moments, and killed at others."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", MOVER, str(home.root), str(seed)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield
        finally:
            told, _ = process.communicate(b"\n", timeout=PATIENCE)
    ends.update(json.loads(told))


def torment(home: Home, clients: Clients, chance: random.Random, kills: int) -> Counter[str]:
    """Kills servers, one in eight while it starts; returns how many of them, and of workers.

    They live for about half as long as they need to start, as slow as the machine is by then.
    """
    killed: Counter[str] = Counter()
    starts, until = 1.0, time.monotonic() + SECONDS
    while killed["servers"] < kills if kills else time.monotonic() < until:
        with Server(home) as server:
            if chance.random() < 1 / 8:
                time.sleep(chance.uniform(0, starts))
            else:
                starts = server.wait()
                clients.port = server.port
                time.sleep(chance.uniform(0, starts))
                if chance.random() < 1 / 2:
                    os.kill(chance.choice(server.workers()), signal.SIGKILL)
                    killed["workers"] += 1
                    time.sleep(chance.uniform(0, starts))
        killed["servers"] += 1
    return killed


def expected(numbers: list[int]) -> pl.DataFrame:
    rows = [row for number in numbers for row in Batch(number).kept()]
    at = pl.from_epoch("occurred_at", "s").dt.replace_time_zone("UTC")
    return pl.DataFrame(rows).with_columns(at.dt.cast_time_unit("us")).sort("event_id")


def assert_all_is_there_once(home: Home, said: dict[int, tuple[int, bytes]]) -> int:
    """Compares what the log holds with what was answered; returns the number of rows."""
    assert sorted(said) == list(range(len(said))), "a batch was never answered"
    for number, (status, text) in said.items():
        batch = Batch(number)
        assert status == (422 if batch.form == SPOILED else 200), text
        assert json.loads(text)["accepted"] == len(batch.kept())
    compact(home)
    wanted = expected(sorted(said))
    found = scan_events(home).collect().sort("event_id")
    assert found["event_id"].is_duplicated().sum() == 0
    assert found.select(wanted.columns).equals(wanted)
    with closing(sqlite3.connect(home.catalog)) as records:
        assert records.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert records.execute("SELECT count(*) FROM inbox").fetchone() == (0,)
        # What is repeated under its id would not show in the log: it took a number all the same.
        taken = records.execute("SELECT seq FROM sqlite_sequence WHERE name = 'inbox'").fetchone()
    assert taken == (sum(bool(Batch(number).kept()) for number in said),)
    return found.height


def test_workers_whose_server_is_killed_give_up_its_port(tmp_path: Path) -> None:
    """Only the first process is killed, as by one who knows no other."""
    home = Home(tmp_path / "home")
    with open_catalog(home), Server(home) as server:
        server.wait()
        workers = server.workers()
        os.kill(server.pid, signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < until:
            time.sleep(0.02)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", server.port))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_a_killed_server_said_it_kept_is_there_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    home, seed, moves = Home(tmp_path / "home"), 17, Counter[str]()
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs" / "serving.toml").write_text(
        "[limits]\nrequests_per_minute = 1000000000\n"
    )
    with open_catalog(home):
        pass
    clients = Clients(create_key(home, name="tests", scopes=["events:write"]))
    began = time.monotonic()
    with ExitStack() as stack:
        with compacting(home, seed, moves), clients.at_work():
            killed = torment(home, clients, random.Random(seed), KILLS)
            last = stack.enter_context(Server(home))
            last.wait()
            clients.port = last.port
        rows = assert_all_is_there_once(home, clients.said)
        again = random.Random(seed).sample(sorted(clients.said), min(200, len(clients.said)))
        assert [clients.ask(number) for number in again] == [clients.said[n] for n in again]
    assert compact(home) == {}
    print(
        f"\n{killed['servers']} servers, {killed['workers']} workers and {moves['killed']} of "
        f"{moves.total()} compactions killed in {time.monotonic() - began:.0f} s; "
        f"{len(clients.said)} batches answered, {clients.unheard.total()} answers lost "
        f"({dict(clients.unheard)}); {rows} rows, each there once; {len(again)} answers repeated"
    )
    assert not moves["failed"]
    if killed["servers"] > 20:
        assert clients.unheard.total() > 0, "nobody was asking when servers were killed"
