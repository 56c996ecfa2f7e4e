"""Keys, scopes and limits: closed by default, ended soon, told in headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from api.http import access
from engine.operations.keys import SCOPES, create_key, prefix_of, replace_key, revoke_key
from engine.store.catalog import Catalog
from engine.store.home import Home
from tests.api import organised
from tests.api.conftest import Asker

SEGMENTS = "/v1/products/product-003/segments"
ERASURE = "/v1/users/user-00001"
PLANS = "/v1/plans"
HANDED_IN = ("events", "results", "users", "products", "accounts", "follows")
CAMPAIGN = f"/v1/campaigns/{organised.NOBODY}"
READ = tuple(f"{CAMPAIGN}/{what}" for what in ("audit", "lift", "report"))
DONE = tuple(f"{CAMPAIGN}/{verb}" for verb in ("plan", "approve", "start", "finish", "cancel"))
ROUTES = {
    SEGMENTS: "segments:read",
    "/v1/products/product-003/audience?size=5": "audiences:read",
    "/v1/products/product-003/curve": "audiences:read",
    "/v1/products/product-003/advocates": "audiences:read",
    "/v1/users/user-00001/segments": "segments:read",
    "/v1/users:segments": "segments:read",
    "/v1/users/user-00001/consent": "events:write",
    ERASURE: "events:write",
    PLANS: "campaigns:write",
    "/v1/products/product-003/channels": "segments:read",
    "/v1/products/product-003/schedule": "segments:read",
    "/v1/products/product-003/word": "segments:read",
    **{f"/v1/{rows}": "events:write" for rows in HANDED_IN},
    **organised.ROUTES,
    "/v1/campaigns": "campaigns:write",
    **dict.fromkeys((CAMPAIGN, *READ, *DONE), "campaigns:write"),
    "/v1/products/product-003/accounts": "audiences:read",
}
OPEN = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/start.js")


def _send(ask: Asker, path: str, authorization: str | None) -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    nothing: list[str] = []
    body: Any = {"user_ids": ["user-00001"]} if path.endswith(":segments") else None
    body = {"goal": "sales", "budget": 9, "days": 2} if path == PLANS else body
    body = nothing if path.removeprefix("/v1/") in HANDED_IN else body
    method = "DELETE" if path == ERASURE else "GET" if body is None else "POST"
    if path in organised.ROUTES:
        method, body = organised.sent(path)
    if path in DONE:
        method, body = "POST", {}
    return ask.client.open(path, method=method, headers=headers, json=body).status_code


@pytest.fixture(scope="module")
def scoped(common: Asker) -> dict[str, str]:
    """A key of each scope."""
    home = organised.home_of(common)
    return {scope: replace_key(home, name=scope, scopes=[scope]) for scope in SCOPES}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("scope", SCOPES)
def test_only_the_scope_of_a_route_opens_it(
    common: Asker, scoped: dict[str, str], path: str, scope: str
) -> None:
    if path == ERASURE and scope == ROUTES[path]:
        return  # it would open, and the home is everybody's
    missing = path.startswith(CAMPAIGN) or path.endswith("/week")
    by_a_person = path.endswith(("/approve", "/cancel"))  # no program's role may, whatever its key
    opened = 403 if by_a_person else 404 if missing else 200
    found = _send(common, path, f"Bearer {scoped[scope]}")
    assert found == (opened if scope == ROUTES[path] else 403)


def test_every_route_is_named_here_or_open(ask: Asker) -> None:
    rules = {rule.rule for rule in ask.app.url_map.iter_rules()}
    known = [re.escape(path.split("?")[0]) for path in (*ROUTES, *OPEN)]
    shapes = {re.sub(r"<[^>]+>", "X", rule) for rule in rules} - {"/docs/files/X"}
    asked = {
        re.sub(r"product-003|user-00001|nobody-00001", "X", path.replace("\\", ""))
        for path in known
    }
    assert shapes == asked


def test_a_route_that_names_no_scope_is_closed_to_every_key(ask: Asker) -> None:
    ask.app._got_first_request = False
    ask.app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    assert ask.client.get("/forgotten").status_code == 401
    assert ask.get("/forgotten").status_code == 403


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer mk_", "Basic bWU6bWU=", "Bearer mk_" + "x" * 43],
)
def test_without_a_known_key_every_route_is_closed(
    common: Asker, path: str, authorization: str | None
) -> None:
    assert _send(common, path, authorization) == 401


@pytest.mark.parametrize("path", OPEN)
def test_what_is_open_needs_no_key(ask: Asker, path: str) -> None:
    assert _send(ask, path, None) == 200


def test_closed_answers_say_how_to_ask(ask: Asker, planted_home: Home) -> None:
    response = ask.client.get(SEGMENTS)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="mokhatab"'
    wrong = ask.get(SEGMENTS, headers={"Authorization": "Bearer mk_" + "x" * 43})
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]
    other = replace_key(planted_home, name="other", scopes=["models:write"])
    lacking = ask.get(SEGMENTS, headers={"Authorization": f"Bearer {other}"})
    assert 'scope="segments:read"' in lacking.headers["WWW-Authenticate"]
    for each in (response, wrong, lacking):
        assert each.mimetype == "application/problem+json"


@pytest.mark.parametrize("sent", ["é" * 40, "mk_é", "mk_" + "x" * 5000, "mk_\x00", "mk_ mk_"])
def test_a_strange_key_is_only_unknown(ask: Asker, sent: str) -> None:
    encoded = sent.encode().decode("latin-1")
    environ = {"HTTP_AUTHORIZATION": f"Bearer {encoded}"}
    assert ask.client.get(SEGMENTS, environ_overrides=environ).status_code == 401


def test_a_revoked_key_ends_within_the_seconds_that_are_set(own: Callable[..., Asker]) -> None:
    now = [0.0]
    ask = own("[keys]\ncache_seconds = 2.0\n", clock=lambda: now[0])
    assert ask.get(SEGMENTS).status_code == 200
    home = ask.app.extensions["mokhatab.holder"]._home
    revoke_key(home, prefix_of(ask.key))
    now[0] = 1.9
    assert ask.get(SEGMENTS).status_code == 200
    now[0] = 2.1
    assert ask.get(SEGMENTS).status_code == 401


def test_a_known_key_is_not_looked_up_at_every_request(
    ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str | None] = []
    found = Catalog.find_keys

    def counted(self: Catalog, prefix: str | None = None) -> list[object]:
        looked.append(prefix)
        return found(self, prefix)  # type: ignore[return-value]

    monkeypatch.setattr(Catalog, "find_keys", counted)
    for _ in range(20):
        assert ask.get(SEGMENTS).status_code == 200
        assert ask.client.get(SEGMENTS, headers={"Authorization": "Bearer mk_no"}).status_code
    assert len(looked) == 2


def test_what_a_ring_remembers_is_bounded(
    planted_home: Home, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "REMEMBERED", 50)
    ring = access.KeyRing(planted_home, cache_seconds=100.0, clock=lambda: 0.0)
    for number in range(300):
        assert ring.find(f"mk_{number:043d}") is None
    assert len(ring._known) <= 50
    assert ring.find(key) is not None


def test_the_limit_is_told_and_kept(own: Callable[..., Asker]) -> None:
    ask = own("[limits]\nrequests_per_minute = 3\n")
    left = []
    for _ in range(3):
        response = ask.get(SEGMENTS)
        assert response.status_code == 200
        assert response.headers["RateLimit-Policy"] == '"key";q=3;w=60'
        left.append(re.fullmatch(r'"key";r=(\d+);t=(\d+)', response.headers["RateLimit"]))
    assert [int(found[1]) for found in left if found] == [2, 1, 0]
    over = ask.get(SEGMENTS)
    assert over.status_code == 429
    assert over.mimetype == "application/problem+json"
    assert over.json["type"].endswith("#quota-exceeded")
    assert over.json["violated-policies"] == ["key"]
    wait = int(re.search(r"t=(\d+)", over.headers["RateLimit"])[1])  # type: ignore[index]
    assert 1 <= wait <= 60
    assert int(over.headers["Retry-After"]) >= wait


def test_one_key_does_not_use_up_the_limit_of_another(own: Callable[..., Asker]) -> None:
    ask = own("[limits]\nrequests_per_minute = 1\n")
    assert [ask.get(SEGMENTS).status_code for _ in range(2)] == [200, 429]
    home = ask.app.extensions["mokhatab.holder"]._home
    other = create_key(home, name="other", scopes=["segments:read"])
    assert ask.get(SEGMENTS, headers={"Authorization": f"Bearer {other}"}).status_code == 200


def test_processes_share_the_limit(own: Callable[..., Asker]) -> None:
    ask = own("[limits]\nrequests_per_minute = 6\n", workers=3)
    assert [ask.get(SEGMENTS).status_code for _ in range(3)] == [200, 200, 429]


def test_a_new_minute_is_a_new_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(access.time, "monotonic", lambda: now[0])
    meter = access.Meter("key", 2, share=1.0)
    assert [meter.count("a")[0] for _ in range(3)] == [True, True, False]
    now[0] += 61
    assert meter.count("a")[0]


def test_guessing_keys_is_slowed_but_known_keys_go_on(own: Callable[..., Asker]) -> None:
    ask = own("[limits]\nfailures_per_minute = 2\n")
    guesses = [
        ask.get(SEGMENTS, headers={"Authorization": f"Bearer mk_{number:043d}"}).status_code
        for number in range(4)
    ]
    assert guesses == [401, 401, 429, 429]
    assert ask.get(SEGMENTS).status_code == 200
