"""Bodies that would hurt who reads them: each row is kept as it was sent, or named as bad."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import create_app
from engine.operations.intake import compact
from engine.operations.keys import create_key
from engine.store.eventlog import scan_events
from engine.store.home import Home

GOOD = {"user_id": "u", "product_id": "p", "action": "like", "occurred_at": "2026-01-02T03:04:05Z"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def client(home: Home) -> FlaskClient:
    key = create_key(home, name="tests", scopes=["events:write"])
    client = create_app(home, log_to=io.BytesIO()).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


def test_of_ten_thousand_rows_exactly_the_bad_ones_come_back(
    home: Home, client: FlaskClient
) -> None:
    rows: list[dict[str, Any]] = [GOOD | {"user_id": f"u{number}"} for number in range(10_000)]
    bad = set(range(7, 10_000, 100))
    for number in bad:
        rows[number]["action"] = "lick"
    strict = client.post("/v1/events", json=rows, headers={"Prefer": "handling=strict"})
    assert (strict.status_code, strict.json["accepted"]) == (422, 0)
    assert {row["index"] for row in strict.json["refused"]} == bad
    assert compact(home) == {}
    answer = client.post("/v1/events", json=rows)
    assert (answer.status_code, answer.json["accepted"]) == (200, 9900)
    assert {row["index"] for row in answer.json["refused"]} == bad
    assert compact(home) == {"events": 9900}


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        (0, False),
        ("1970-01-01T00:00:00Z", False),
        ("9999-12-31T23:59:59Z", False),
        (lambda now: now.timestamp(), True),
        (lambda now: int(now.timestamp() * 1000), True),
        (lambda now: now.timestamp() * 1_000_000, False),
        (lambda now: (now - timedelta(days=365)).isoformat(), True),
        (lambda now: (now + timedelta(days=365)).isoformat(), False),
        (lambda now: (now + timedelta(minutes=1)).isoformat(), True),
        (lambda now: (now + timedelta(minutes=30)).isoformat(), False),
        ("2026-03-29T02:30:00+01:00", True),
        ("yesterday", False),
        (True, False),
        (1e300, False),
        (-1, False),
    ],
    # names that each process gives alike, whatever its clock says
    ids=[
        *("epoch", "epoch in words", "end of time"),
        *("seconds", "milliseconds", "microseconds"),
        *("last year", "next year", "in a minute", "in half an hour", "an hour that is skipped"),
        *("yesterday", "true", "beyond time", "before the epoch"),
    ],
)
def test_clocks_that_are_wrong_are_named(client: FlaskClient, at: Any, kept: bool) -> None:
    moment = at(datetime.now(UTC)) if callable(at) else at
    answer = client.post("/v1/events", json=[GOOD | {"occurred_at": moment}])
    assert answer.status_code == (200 if kept else 422)
    if not kept:
        assert answer.json["refused"][0]["field"] == "occurred_at"


@pytest.mark.parametrize(
    ("id", "kept"),
    [
        ("é", True),
        ("e\u0301", True),
        ("\u202ertl", True),
        ("می\u200cخوام", True),
        ("а", True),
        ("🌸" * 64, True),
        ("🌸" * 65, False),
        ("a\x00", False),
        ("a\n", False),
        ("x" * 1_000_000, False),
    ],
)
def test_ids_are_kept_byte_for_byte_or_refused(
    home: Home, client: FlaskClient, id: str, kept: bool
) -> None:
    answer = client.post("/v1/events", json=[GOOD | {"user_id": id}])
    assert answer.status_code == (200 if kept else 422)
    compact(home)
    assert scan_events(home).collect()["user_id"].to_list() == ([id] if kept else [])


def test_a_huge_body_is_refused_before_it_is_read(client: FlaskClient) -> None:
    body = io.BytesIO(b"[" + b" " * 1000)
    answer = client.post(
        "/v1/events",
        input_stream=body,
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": str(1 << 30)},
    )
    assert answer.status_code == 413
    assert body.tell() == 0


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 3), st.binary(max_size=6)), max_size=6
    ),
    st.sampled_from(["application/json", "application/x-ndjson", "application/activity+json"]),
    st.sampled_from(["events", "users", "products", "accounts", "follows", "results"]),
)
def test_no_mutation_of_a_body_is_an_error_of_ours(
    client: FlaskClient, changes: list[tuple[int, int, bytes]], form: str, table: str
) -> None:
    rows = [GOOD, {"type": "Like", "actor": "a", "object": "b", "published": 1767323045}] * 3
    lines = [json.dumps(row) for row in rows]
    body = ("\n".join(lines) if "nd" in form else f"[{','.join(lines)}]").encode()
    for place, gone, come in changes:
        at = place % (len(body) + 1)
        body = body[:at] + come + body[at + gone :]
    answer = client.post(f"/v1/{table}", data=body, content_type=form)
    assert answer.status_code in (200, 400, 415, 422)
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json"
