"""Clients that take their time: they are cut off, and nobody waits for them meanwhile."""

from __future__ import annotations

import itertools
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import ClientDisconnected

from api.http.turns import Pace, Turns
from engine.operations.keys import SCOPES, create_key
from engine.store import artefacts, versions
from engine.store.home import Home
from tests.api.planted import planted
from tests.benchmarks.served import Served, served
from tests.faults.wire import answer, connect, head, send, whole

SEGMENTS = "/v1/products/product-003/segments"
AUDIENCE = "/v1/products/product-003/audience?share=1&include_known=true"
ROW = {"user_id": "u", "product_id": "p", "action": "like", "occurred_at": "2026-01-02"}


def home_in(folder: Path, toml: str, *, users: int) -> Home:
    home = Home(folder)
    artefacts.save(home, replace(planted("v", users=users), version="v1"))
    versions.promote(home, "v1")
    (folder / "configs").mkdir()
    (folder / "configs" / "serving.toml").write_text(toml)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    hasty = "[server]\nbody_read_seconds = 2.0\n"
    return home_in(tmp_path_factory.mktemp("hasty"), hasty, users=600)


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Served]:
    with served(home) as running:
        yield running


@pytest.fixture(scope="module")
def key(home: Home) -> str:
    return create_key(home, name="tests", scopes=SCOPES)


def begun(key: str, *more: str) -> bytes:
    """The head of a request whose body does not come."""
    return head("/v1/events", key, "Content-Type: application/json", "Content-Length: 500", *more)


def test_bodies_that_do_not_come_are_cut_off_and_others_served(server: Served, key: str) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(server)) for _ in range(60)]
        began = time.monotonic()
        for connection in slow:
            connection.sendall(begun(key) + b"[")
        fast = [
            send(server, whole("/v1/events", key, json.dumps([ROW]).encode())),
            send(server, head(SEGMENTS, key, "Connection: close", method="GET")),
        ]
        cut = [answer(connection, began) for connection in slow]
        assert all(connection.recv(1) == b"" for connection in slow)
    assert [one.status for one in fast] == [200, 200]
    # Who is found beside the first that took too long is told that the body ended.
    assert 408 in {one.status for one in cut} <= {400, 408}
    assert min(one.seconds for one in cut) > 2


def test_bodies_that_do_not_come_hold_no_turn(tmp_path: Path) -> None:
    """Many more of them than the server computes at a time, none of them cut off meanwhile."""
    patient = "[server]\nbody_read_seconds = 120.0\nshutdown_seconds = 1\n"
    home = home_in(tmp_path, patient, users=600)
    key = create_key(home, name="tests", scopes=SCOPES)
    with served(home) as server, ExitStack() as stack:
        slow = [stack.enter_context(connect(server)) for _ in range(60)]
        for connection in slow:
            connection.sendall(begun(key) + b"[")
        for _ in range(8):
            said = send(server, head(SEGMENTS, key, "Connection: close", method="GET"))
            assert said.status == 200
        assert select.select(slow, [], [], 0)[0] == []


def test_a_body_that_comes_slowly_but_comes_is_read(server: Served, key: str) -> None:
    """For longer than a body may rest, and steadily."""
    body = json.dumps([ROW | {"text": "t" * 60_000}] * 6).encode()
    with connect(server) as connection:
        began = time.monotonic()
        request = whole("/v1/events", key, body)
        for start in range(0, len(request), 70_000):
            connection.sendall(request[start : start + 70_000])
            time.sleep(0.4)
        assert answer(connection, began).status == 200
    assert time.monotonic() - began > 2


def test_half_a_body_uses_up_no_key(server: Served, key: str) -> None:
    body = "\n".join(json.dumps(ROW | {"user_id": f"u{n}"}) for n in range(4)).encode() + b"\n"
    more = ("Content-Type: application/x-ndjson", f"Content-Length: {len(body)}")
    request = head("/v1/events", key, *more, "Idempotency-Key: broken-off") + body
    with connect(server) as connection:
        connection.sendall(request[: -len(body) // 2])
        connection.shutdown(socket.SHUT_WR)
        answer(connection, time.monotonic())
    again = send(server, request)
    assert (again.status, json.loads(again.body)["accepted"]) == (200, 4)


class Line:
    """A body of which nothing comes until the line breaks."""

    def __init__(self, broken: threading.Event, error: Exception | None) -> None:
        self._broken, self._error = broken, error

    def read(self, size: int) -> bytes:
        assert self._broken.wait(60)
        if self._error is not None:
            raise self._error
        return b""


def test_a_crowd_whose_lines_break_leaves_no_threads() -> None:
    def inner(environ: dict[str, Any], start: object) -> list[bytes]:
        with suppress(ClientDisconnected, ConnectionError):
            environ["wsgi.input"].read(500)
        return []

    turns = Turns(inner, at_once=4, pace=Pace(60, slowest=1, stalled=60))
    others, broken = set(threading.enumerate()), threading.Event()

    def ours() -> int:  # threads that other tests left may end meanwhile
        return len(set(threading.enumerate()) - others)

    asked = {"CONTENT_LENGTH": "500", "SERVER_PORT": "1"}
    crowd = [
        threading.Thread(target=turns, args=[asked | {"wsgi.input": Line(broken, error)}, None])
        for error in [None, ConnectionResetError()] * 20
    ]
    for one in crowd:
        one.start()
    assert eventually(lambda: ours() >= 2 * len(crowd), 45)
    broken.set()
    for one in crowd:
        one.join()
    assert eventually(lambda: ours() <= 4, 60)


def stall(server: Served, key: str, path: str) -> socket.socket:
    """Asks for much and takes nothing of it."""
    host, port = server.address.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect((host, int(port)))
    connection.sendall(head(path, key, method="GET"))
    return connection


def threads(server: Served) -> int:
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in server.workers())


def ended(connection: socket.socket) -> bool:
    """Whether the kernel has ended it; what it had received already is still there."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def eventually(what: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_three_kinds_of_slow_clients_at_once_fail_nobody(tmp_path: Path) -> None:
    """For a minute 200 connections send heads or bodies a byte in ten seconds, or take nothing.

    Those that are cut off come back at once. Prints figures for the table of results.
    """
    home = home_in(tmp_path, "", users=100_000)
    key = create_key(home, name="tests", scopes=SCOPES)
    with served(home) as server:
        began = time.monotonic()
        readers = threading.Thread(target=read_all, args=(server, key, began + 30))
        readers.start()  # the same exports at the same times, taken as fast as they come
        quiet = asked_until(server, key, began + 40)
        readers.join()
        crowd = Crowd(server, key)
        crowd.start()
        time.sleep(2)
        loud = asked_until(server, key, crowd.until)
        crowd.join()
        left = eventually(lambda: threads(server) < 40, 60)
    print(
        f"\nasked {len(loud)}, failed {loud.count(None)}, p99 {tail(quiet):.1f} ms beside readers "
        f"that take what they asked for and {tail(loud):.1f} ms beside slow ones; {crowd.cut} "
        f"cut off, heads after {crowd.longest[0]:.1f} s at most, bodies after "
        f"{crowd.longest[1]:.1f} s, readers after {crowd.longest[2]:.1f} s; looked at every "
        f"{crowd.late:.1f} s at least"
    )
    assert None not in loud
    assert crowd.cut > 200
    late = crowd.late + tail(loud) / 1000  # by which this machine was slow itself
    assert max(crowd.longest) < 15 + late
    assert left, "threads that waited for slow clients are still there"


def asked_until(server: Served, key: str, until: float) -> list[float | None]:
    seconds = []
    while time.monotonic() < until:
        seconds.append(fast(server, key))
        time.sleep(0.05)
    return seconds


def read_all(server: Served, key: str, until: float) -> None:
    """Eight exports at once every ten seconds."""
    while time.monotonic() < until:
        lines = [connect(server) for _ in range(8)]
        for line in lines:
            line.sendall(head(AUDIENCE, key, "Connection: close", method="GET"))
        rest = time.monotonic() + 10
        while lines:
            for line in select.select(lines, [], [])[0]:
                if not line.recv(1 << 18):
                    line.close()
                    lines.remove(line)
        time.sleep(max(0.0, rest - time.monotonic()))


def fast(server: Served, key: str) -> float | None:
    """Seconds that an answer took; None where there was none, or another."""
    body = json.dumps([ROW]).encode()
    turn = time.monotonic_ns() % 2
    request = whole("/v1/events", key, body)
    if turn:
        request = head(SEGMENTS, key, "Connection: close", method="GET")
    try:
        said = send(server, request)
    except OSError:
        return None
    return said.seconds if said.status == 200 else None


def tail(seconds: list[float | None]) -> float:
    known = sorted(one for one in seconds if one is not None)
    return 1000 * known[int(0.99 * len(known))]


class Crowd(threading.Thread):
    """200 slow clients of three kinds; each that is cut off is replaced."""

    def __init__(self, server: Served, key: str) -> None:
        super().__init__()
        self._server, self._key = server, key
        self.until = time.monotonic() + 70
        self.cut, self.longest, self.late = 0, [0.0, 0.0, 0.0], 0.0

    def run(self) -> None:
        kinds = [*([0, 1] * 96), *([2] * 8)]
        open_since = [(self._begin(kind), time.monotonic()) for kind in kinds]
        fed = time.monotonic()
        for tick in itertools.count():
            if time.monotonic() > self.until:
                break
            began = time.monotonic()
            time.sleep(0.2)
            feed = time.monotonic() - fed > 10
            fed = time.monotonic() if feed else fed
            for at, (connection, since) in enumerate(open_since):
                if feed or (kinds[at] == 2 and tick % 10 == 0):
                    with suppress(OSError):  # who takes nothing learns only so that it is over
                        connection.send(b"a")
                if self._gone(connection, kinds[at]):
                    self.cut += 1
                    self.longest[kinds[at]] = max(self.longest[kinds[at]], time.monotonic() - since)
                    connection.close()
                    open_since[at] = (self._begin(kinds[at]), time.monotonic())
            self.late = max(self.late, time.monotonic() - began)
        now = time.monotonic()
        for kind, (connection, since) in zip(kinds, open_since, strict=True):
            self.longest[kind] = max(self.longest[kind], now - since)
            connection.close()

    def _begin(self, kind: int) -> socket.socket:
        if kind == 2:
            return stall(self._server, self._key, AUDIENCE)
        connection = connect(self._server)
        connection.sendall(begun(self._key) if kind else b"GET /healthz HT")
        connection.setblocking(False)  # a socket with a timeout waits even where it is told not to
        return connection

    def _gone(self, connection: socket.socket, kind: int) -> bool:
        if kind == 2:
            return ended(connection)
        try:
            return connection.recv(1 << 16) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
