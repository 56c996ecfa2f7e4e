"""Thousands of requests with a few bytes changed: each is told what is wrong, none costs memory."""

from __future__ import annotations

import gc
import io
import json
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from engine.operations.keys import SCOPES, create_key
from engine.store.home import Home
from tests.api.conftest import save_version
from tests.faults.wire import PAGE

MIB, SLOW = 1 << 20, 2
ACT = {"user_id": "u", "product_id": "p", "action": "like", "occurred_at": "2026-01-02T03:04:05Z"}
ACTIVITY = {
    "@context": "https://www.w3.org/ns/activitystreams",
    "id": "https://x.example/1",
    "type": "Create",
    "actor": {"id": "a", "type": "Person"},
    "object": {"type": "Note", "content": "<p>خوب</p>", "tag": [{"type": "Mention", "href": "b"}]},
    "published": "2026-01-02T03:04:05Z",
}
RESULT = {"date": "2026-01-02", "channel": "x", "impressions": 9, "clicks": 1, "spend": 0.5}
PURPOSES = dict.fromkeys(("store", "profile", "select", "measure"), True)
WHOLE: list[tuple[str, str, str, Any]] = [
    ("POST", "/v1/events", "application/json", [ACT, ACT | {"value": 1.5, "text": "t"}]),
    ("POST", "/v1/events", "application/x-ndjson", ACT),
    ("POST", "/v1/events", "application/activity+json", ACTIVITY),
    ("POST", "/v1/users", "application/json", [{"user_id": "u", "age": 30, "tags": ["a", {}]}]),
    ("POST", "/v1/products", "application/json", [{"product_id": "p", "tags": ["a"]}]),
    ("POST", "/v1/follows", "application/json", [{"follower_id": "a", "followee_id": "b"}]),
    ("POST", "/v1/results", "application/json", [RESULT]),
    ("POST", "/v1/users:segments", "application/json", {"user_ids": ["user-00001"], "limit": 3}),
    ("PUT", "/v1/users/u/consent", "application/json", {"source": "t", "purposes": PURPOSES}),
    ("PUT", "/v1/users/u/consent", "application/json", {"source": "t", "gpc": True}),
    ("GET", "/v1/products/product-003/segments?limit=3&goal=sales&channel=x", "", None),
    ("GET", "/v1/products/product-003/audience?size=5&format=csv", "", None),
    ("GET", "/v1/products/product-003/curve", "", None),
    ("GET", "/v1/users/user-00001/segments?limit=2", "", None),
]
NASTY = [
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\0", b"\xff", b"\xed\xa0\x80", b"\n"),
    *(b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"\\ud800", b"[" * 300, b"null", b"true", b"-0"),
    *(b"\xe2\x80\xae", b"../", b"%00", b"%", b"&", b"'; --", b"\x7f", b"a" * 300, b'"type":"Undo"'),
]
HEADERS = [
    ("Prefer", ("handling=strict", "handling=\x7f", "=" * 99, 'handling="lenient"; a=b')),
    ("Idempotency-Key", ("k", '"', '"a\\"b"', "k" * 256, "\x01", "é")),
    ("Accept", ("*/*", "text/csv;q=x", ",;,", "application/json;q=0", "image/png")),
    ("X-Request-Id", ("r", "r" * 65, "\x00")),
    ("Content-Encoding", ("gzip", "identity", "\x7f")),
    ("Content-Type", ("", "text/plain", "application/json; charset=\x7f", "application/json;;;")),
    ("Authorization", ("", "Bearer", "Basic YTpi", "Bearer é", "Bearer " + "m" * 999)),
]


@dataclass(frozen=True)
class Seen:
    statuses: Counter[int]
    slowest: float
    grown: int


def changed(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(content) + 1)
        come = chance.choice((b"", chance.randbytes(1), chance.randbytes(3), *NASTY))
        content = content[:at] + come + content[at + chance.choice((0, 0, 1, 2, 9)) :]
    return content


def malformed(chance: random.Random) -> dict[str, Any]:
    method, path, form, value = chance.choice(WHOLE)
    asked: dict[str, Any] = {"method": method, "path": path, "headers": {}}
    if form:
        asked["headers"]["Content-Type"] = form
        asked["data"] = changed(json.dumps(value, ensure_ascii=False).encode(), chance)
    if not form or chance.random() < 0.1:
        # As a server hands it on: what is no text is there byte by byte.
        asked["path"] = "/" + changed(path[1:].encode(), chance).decode("latin-1")
    if chance.random() < 0.3:
        name, values = chance.choice(HEADERS)
        asked["headers"][name] = chance.choice(values)
    return asked


def resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def send(client: FlaskClient, key: str, asked: dict[str, Any]) -> TestResponse:
    path, _, query = asked["path"].partition("?")
    headers = {"Authorization": f"Bearer {key}"} | asked["headers"]
    environ = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()}
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    data = asked.get("data", b"")
    environ |= {"CONTENT_LENGTH": str(len(data)), "PATH_INFO": path, "QUERY_STRING": query}
    return client.open(
        method=asked["method"], input_stream=io.BytesIO(data), environ_overrides=environ
    )


def watch(client: FlaskClient, key: str, count: int) -> Seen:
    """Sends so many; the first of them load what is loaded once."""
    statuses: Counter[int] = Counter()
    slowest, before = 0.0, 0
    for number in range(count):
        if number == max(250, count // 10):
            before = resident()
        asked = malformed(random.Random(number))
        for _ in range(4):  # a machine is busy once, a hang stays
            began = time.monotonic()
            response = send(client, key, asked)
            text = response.get_data()
            lasted = time.monotonic() - began
            if lasted < SLOW:
                break
        slowest = max(slowest, lasted)
        statuses[response.status_code] += 1
        assert response.status_code < 500, (number, asked, text)
        assert b"Traceback" not in text
        if response.status_code >= 400:
            assert response.mimetype == "application/problem+json", (number, asked)
    return Seen(statuses, slowest, resident() - before)


@pytest.mark.parametrize(
    "count",
    [400, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
    ids=["few", "many"],
)
def test_what_is_malformed_is_told_so_and_leaves_nothing(tmp_path: Path, count: int) -> None:
    home = Home(tmp_path)
    save_version(home, "v1")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "serving.toml").write_text(
        "[limits]\nrequests_per_minute = 1000000000\nfailures_per_minute = 1000000\n"
    )
    key = create_key(home, name="tests", scopes=SCOPES)
    client = create_app(home, log_to=io.BytesIO()).test_client()
    seen = watch(client, key, count)
    print(
        f"{count} requests: {dict(sorted(seen.statuses.items()))}, slowest {seen.slowest:.2f} s, "
        f"memory {seen.grown / MIB:+.1f} MiB"
    )
    assert sum(seen.statuses[status] for status in (400, 404, 422)) > count / 4
    assert seen.slowest < SLOW
    assert seen.grown < 20 * MIB
