"""Bytes on a socket of our own, for requests that no decent client would send.

In: a running server and raw bytes. Out: what came back, and whether the door was closed.
Never: a client that corrects what it is told to send.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.served import Served

PAGE = 4096


@dataclass(frozen=True)
class Answer:
    """Status 0: nothing came back. `seconds` from the first byte sent to the last received."""

    status: int
    body: bytes
    seconds: float


def connect(server: Served, *, seconds: float = 30) -> socket.socket:
    """A connection, with a limit for every wait on it."""
    host, port = server.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=seconds)


def head(path: str, key: str, *more: str, method: str = "POST") -> bytes:
    """A request's head; the body's length is up to `more`."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {key}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def whole(path: str, key: str, body: bytes, form: str = "application/json") -> bytes:
    """A request that is as it should be."""
    length = f"Content-Length: {len(body)}"
    return head(path, key, f"Content-Type: {form}", length, "Connection: close") + body


def answer(connection: socket.socket, began: float) -> Answer:
    """The first answer on a connection, whether or not it goes on afterwards."""
    came = b""
    while b"\r\n\r\n" not in came:
        part = _received(connection)
        if not part:
            return Answer(0, came, time.monotonic() - began)
        came += part
    top, _, body = came.partition(b"\r\n\r\n")
    lengths = [line for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    wanted = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < wanted and (part := _received(connection)):
        body += part
    return Answer(int(top.split()[1]), body, time.monotonic() - began)


def send(server: Served, request: bytes) -> Answer:
    """Sends until the server has had enough, and returns what it says."""
    with connect(server) as connection:
        began = time.monotonic()
        with suppress(ConnectionError):  # it may refuse before it has read all
            connection.sendall(request)
        return answer(connection, began)


def send_again(server: Served, request: bytes, *, within: float) -> Answer:
    """Sends a request anew while its answer is late: a machine is busy once, a hang stays."""
    for _ in range(4):
        said = send(server, request)
        if said.seconds < within:
            break
    return said


def resident(server: Served) -> int:
    """Bytes that the workers hold in memory, shared pages counted for each."""
    pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in server.workers()]
    return sum(map(int, pages)) * PAGE


def growth(server: Served, before: int, *, most: int) -> int:
    """Bytes that the workers hold beyond `before`, once less than `most`, or after ten seconds.

    Whoever was answered may be there still, and what they sent.
    """
    until = time.monotonic() + 10
    while (grown := resident(server) - before) >= most and time.monotonic() < until:
        time.sleep(0.05)
    return grown


def forget_peaks(server: Served) -> None:
    """Lets `peak` begin anew (proc_pid_clear_refs(5))."""
    for pid in server.workers():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(server: Served) -> int:
    """The most bytes that the workers held since then, each at its own moment."""
    told = [Path(f"/proc/{pid}/status").read_text() for pid in server.workers()]
    return sum(int(text.split("VmHWM:")[1].split()[0]) << 10 for text in told)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except ConnectionError:
        return b""
