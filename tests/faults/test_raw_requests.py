"""Bytes that no decent client would send, to the server as it ships: refused, and held nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from engine.operations.keys import SCOPES, create_key
from engine.store.home import Home
from tests.api.conftest import save_version
from tests.benchmarks.served import Served, served
from tests.faults.wire import (
    Answer,
    answer,
    connect,
    forget_peaks,
    growth,
    head,
    peak,
    resident,
    send,
    send_again,
    whole,
)

MIB = 1 << 20
LEAST, MOST = 20 * MIB, 80 * MIB
"""What a request may leave behind, and what it may take meanwhile: intake has bodies of 16 MiB."""
TAKING = ("/v1/events", "/v1/users:segments")
GOOD = b'{"user_id": "u", "product_id": "p", "action": "like", "occurred_at": 1767323045%s}'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("raw"))
    save_version(home, "v1")
    return home


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Served]:
    with served(home) as running:
        yield running


@pytest.fixture(scope="module")
def key(home: Home) -> str:
    return create_key(home, name="tests", scopes=SCOPES)


@pytest.fixture(scope="module", autouse=True)
def warmed(server: Served, key: str) -> None:
    """What every process loads with its first request is no fault's doing."""
    for _ in range(8):
        send(server, whole("/v1/events", key, b"[%s]" % (GOOD % b"")))
        send(server, whole("/v1/users:segments", key, b'{"user_ids": ["user-00001"]}'))


def told(case: str, said: Answer, grown: int) -> None:
    print(f"{case}: {said.status} after {1000 * said.seconds:.0f} ms, {grown / MIB:+.1f} MiB")


def endless(server: Served, opening: bytes, part: bytes, most: int) -> tuple[Answer, int]:
    """What is said to one who goes on sending, and how many bytes it let them send."""
    sent = 0
    with connect(server) as connection:
        began = time.monotonic()
        connection.sendall(opening)
        connection.settimeout(5)
        try:
            while sent < most:
                sent += connection.send(part)
        except OSError:
            pass
        return answer(connection, began), sent


@pytest.mark.parametrize("path", TAKING)
def test_a_gibibyte_is_refused_before_it_comes(server: Served, key: str, path: str) -> None:
    before = resident(server)
    opening = head(path, key, "Content-Type: application/json", f"Content-Length: {1 << 30}")
    said = send_again(server, opening, within=2)
    grown = growth(server, before, most=LEAST)
    told(f"1 GiB announced to {path}", said, grown)
    assert said.status == 413
    assert json.loads(said.body)["status"] == 413
    assert said.seconds < 2
    assert grown < LEAST


@pytest.mark.parametrize("path", TAKING)
def test_a_gibibyte_that_comes_all_the_same_is_not_held(
    server: Served, key: str, path: str
) -> None:
    before = resident(server)
    opening = head(path, key, "Content-Type: application/json", f"Content-Length: {1 << 30}")
    forget_peaks(server)
    said, sent = endless(server, opening, b" " * MIB, 1 << 30)
    grown = growth(server, before, most=LEAST)
    told(f"1 GiB sent to {path}, {sent >> 20} MiB let in", said, grown)
    assert said.status in (0, 413)
    assert peak(server) - before < MOST
    assert grown < LEAST


@pytest.mark.parametrize("path", TAKING)
def test_a_body_without_a_length_or_an_end_is_not_held(server: Served, key: str, path: str) -> None:
    before = resident(server)
    opening = head(path, key, "Content-Type: application/json", "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    forget_peaks(server)
    said, sent = endless(server, opening, chunk, 1 << 30)
    grown = growth(server, before, most=LEAST)
    told(f"endless chunks to {path}, {sent >> 20} MiB let in", said, grown)
    assert said.status in (0, 413)
    assert peak(server) - before < MOST
    assert sent < 64 * MIB
    assert grown < LEAST


BODIES = {
    "100,000 arrays deep": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a row with 100,000 arrays": b"[%s]" % (GOOD % (b', "x": ' + b"[" * 100_000 + b"]" * 100_000)),
    "an integer of 1,000,000 digits": b"[%s]" % (GOOD % (b', "value": ' + b"9" * 1_000_000)),
    "a user of 1,000,000 digits": b'{"user_ids": [' + b"9" * 1_000_000 + b"]}",
    "NaN": b"[%s]" % (GOOD % b', "value": NaN'),
    "Infinity": b"[%s]" % (GOOD % b', "value": Infinity'),
    "-Infinity": b'{"user_ids": ["a"], "limit": -Infinity}',
    "an infinite number": b"[%s]" % (GOOD % b', "value": 1e999'),
    "one key twice": b"[%s]" % (GOOD % b', "user_id": "other"'),
    "one key twice, nested": b'{"user_ids": ["a"], "user_ids": ["b"]}',
    "half of a character": b'{"user_ids": ["\\ud800"]}',
    "bytes that are no text": b'{"user_ids": ["\xff\xfe"]}',
    "nothing": b"",
}


@pytest.mark.parametrize("path", TAKING)
@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_hurts_is_told_what_is_wrong(
    server: Served, key: str, case: str, path: str
) -> None:
    before = resident(server)
    said = send_again(server, whole(path, key, BODIES[case]), within=2)
    grown = growth(server, before, most=LEAST)
    told(f"{case} to {path}", said, grown)
    assert said.status in (400, 422)
    assert json.loads(said.body)["status"] == said.status
    assert said.seconds < 2
    assert grown < LEAST


HEADS = {
    "no request": b"\x00\x01\x02\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "a version of tomorrow": b"GET /healthz HTTP/9.9\r\n\r\n",
    "a length that is none": b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
    "a length below nothing": b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\n",
    "a chunk without a length": b"POST /v1/events HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a NUL in a header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
    "a header of a mebibyte": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "
    + b"a" * MIB
    + b"\r\n\r\n",
    "10,000 headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    + b"".join(b"X-%d: a\r\n" % number for number in range(10_000))
    + b"\r\n",
    "a path of a mebibyte": b"GET /" + b"a" * MIB + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path that is no text": b"GET /v1/products/%ff%fe/curve HTTP/1.1\r\nHost: x\r\n\r\n",
    "raw bytes in a path": b"GET /v1/products/\xff\xfe/curve HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in a path": b"GET /v1/products/%00/curve HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes above 127 in a key": b"GET /v1/products/p/curve HTTP/1.1\r\nHost: x\r\n"
    b"Authorization: Bearer \xff\xfe\r\n\r\n",
    "a method of our own": b"LICK /v1/products/p/curve HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("case", HEADS)
def test_a_head_that_hurts_is_refused(server: Served, key: str, case: str) -> None:
    before = resident(server)
    said = send_again(server, HEADS[case], within=2)
    grown = growth(server, before, most=LEAST)
    told(case, said, grown)
    assert said.status == 0 or 400 <= said.status < 500
    assert said.seconds < 2
    assert grown < LEAST
    assert send(server, head("/healthz", key, "Connection: close", method="GET")).status == 200


def test_of_two_ways_to_tell_a_length_none_smuggles_a_request(server: Served, key: str) -> None:
    """Who reads the length would take the second request for a body, and the other way round."""
    more = ("Content-Type: application/json", "Content-Length: 4", "Transfer-Encoding: chunked")
    hidden = b"0\r\n\r\n" + head("/healthz", key, method="GET")
    said = send(server, head("/v1/events", key, *more) + hidden)
    assert said.status == 0 or 400 <= said.status < 500
