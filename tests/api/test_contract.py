"""The OpenAPI text and the application agree, whatever is sent."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client, TestResponse

from api.app import create_app
from api.http.contract import text_of
from engine.operations.keys import SCOPES, replace_key
from engine.store.home import Home
from engine.store.inbox import Inbox
from tests.api import organised
from tests.api.campaigning import BEFORE, CAMPAIGN, CAMPAIGNS, owners_key, put_campaign
from tests.api.conftest import Asker, save_version
from tests.api.handed import Unsent
from tests.pepper import with_pepper

OPEN = {"/healthz", "/readyz", "/metrics"}
NOT_MEANT = [positive_data_acceptance]
"""A share and a size, each well formed, are still refused together. Rows are judged one by one:
bad ones among good ones are no refusal."""


@pytest.fixture
def text(ask: Asker) -> dict[str, Any]:
    return text_of(ask.app)


def _operations(text: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in text["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_text_is_public_and_of_version_3_1(ask: Asker) -> None:
    response = ask.client.get("/openapi.json")
    assert response.json["openapi"] == "3.1.0"
    assert response.json["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_every_operation_needs_a_scope_and_tells_its_problems(text: dict[str, Any]) -> None:
    assert len(_operations(text)) == len(CODES)
    for path, _, operation in _operations(text):
        if path in OPEN:
            assert not operation.get("security")
        else:
            ((scope,),) = (each["key"] for each in operation["security"])
            assert scope in SCOPES
        assert operation["summary"]
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"]
        assert {"200", "405", "500"} <= set(operation["responses"])


ONE = {
    "product_id": "product-003",
    "user_id": "user-00001",
    "campaign_id": "c1",
    "name": organised.NOBODY,
}
NONE = {"product_id": "fax", "user_id": "fax", "campaign_id": "fax", "name": "fax"}
ROWS: dict[str, dict[str, Any]] = {
    "/v1/events": {"user_id": "a", "action": "post", "occurred_at": "2026-01-02"},
    "/v1/users": {"user_id": "a"},
    "/v1/products": {"product_id": "a"},
    "/v1/accounts": {"account_id": "a"},
    "/v1/follows": {"follower_id": "a", "followee_id": "b"},
    "/v1/results": {
        "date": "2026-01-02",
        "channel": "x",
        "impressions": 1,
        "clicks": 0,
        "spend": 0,
    },
}
PLANS, PLAN = "/v1/plans", {"goal": "sales", "budget": 9, "days": 2}
LONG = {"product_id": "x" * 257, "user_id": "x" * 257, "campaign_id": "x" * 257, "name": "x" * 257}


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """A home with a campaign in every state, each called so, and a member's key to it."""
    home = with_pepper(Home(tmp_path_factory.mktemp("campaigns")))
    save_version(home, "v1")
    for state in ("draft", "planned", "approved", "running", "finished"):
        put_campaign(home, state, state)
    put_campaign(home, "again", "planned")
    app = create_app(home, log_to=io.BytesIO())
    return Asker(app, Client(app), owners_key(home), io.BytesIO())


def _out_of_reach(*_: object) -> None:
    raise OperationalError("INSERT", {}, sqlite3.OperationalError("disk is full"))


TRACELESS = {400, 401, 403, 404, 405, 406, 413, 415, 422}
DONE = (200, "get")
"""Answers after which a home is as it was."""
CHOSEN = {
    408: "[server]\nbody_read_seconds = 0.1\n",
    429: "[limits]\nrequests_per_minute = 1\n",
}


class Breaker:
    """Makes one operation answer with one code, as a caller or a fault would."""

    def __init__(
        self,
        own: Callable[..., Asker],
        patch: pytest.MonkeyPatch,
        records: Asker,
        common: Asker,
    ) -> None:
        self._own, self._patch, self._records, self._common = own, patch, records, common

    def answer(self, path: str, method: str, status: int) -> TestResponse:
        if path.startswith(CAMPAIGNS) and status not in (*CHOSEN, 503):
            ask = replace(self._records)
        elif path not in organised.PATHS and (status in TRACELESS or (status, method) == DONE):
            ask = replace(self._common)
        else:
            ask = self._own(CHOSEN.get(status, ""), model=status != 503)
        state = "draft" if status == 409 else BEFORE.get(path.rpartition("}")[2], "draft")
        ids = {404: NONE, 422: LONG}.get(status, ONE | {"campaign_id": state})
        form: dict[str, Any] = {}
        if path.endswith("/audience"):
            form["query_string"] = {"size": "5"}
        if method == "put":
            form["json"] = {"source": "test", "gpc": True}
        if method == "post":
            form["json"] = {"user_ids": [ids["user_id"]]}
        if path == PLANS:
            form["json"] = PLAN | {"product_id": ids["product_id"]}
        if path.startswith(CAMPAIGNS):
            form = self._campaign(path, method, status)
        if path in organised.PATHS:
            form = organised.form(organised.home_of(ask), path, method, status)
        if path in ROWS:
            form = {"json": [{} if status == 422 else ROWS[path]]}
        if status == 400:
            form |= {"json": None, "data": b"{", "content_type": "application/json"}
        if status == 408:
            form = {"input_stream": Unsent(), "content_type": "application/json"}
            form["environ_overrides"] = {"CONTENT_LENGTH": "9"}
        if status == 413:
            form |= {"json": None, "data": b" " * (17 << 20), "content_type": "application/json"}
        if status == 415:
            form |= {"json": None, "data": b"{}", "content_type": "text/plain"}
        if status == 401:
            ask.key = "mk_unknown"
        if status == 403:
            poor = "events:write" if path in organised.PATHS else "members:write"
            ask.key = replace_key(organised.home_of(ask), name="poor", scopes=[poor])
        if status == 406:
            form["headers"] = {"Accept": "image/png"}
        if status == 429:
            ask.get("/v1/products/product-003/curve")
        if status == 500:
            self._break(ask.app, path, method)
        if path in ROWS and status == 503:
            self._patch.setattr(Inbox, "add", _out_of_reach)
        if status == 409:
            self._patch.setattr(Inbox, "claimed", lambda *_: nullcontext(False))
            form["headers"] = {"Idempotency-Key": "k"}
        if status == 412:
            form["headers"] = {"If-Match": '"99"'}
        asked = "trace" if status == 405 else method
        return ask._send(asked.upper(), path.format(**ids), form)

    def _campaign(self, path: str, method: str, status: int) -> dict[str, Any]:
        """What is sent to a route of campaigns."""
        if path == CAMPAIGNS and method == "post":
            wrong = {404: {"currency": "ZZZ"}, 422: {"product_id": LONG["product_id"]}}
            return {"json": CAMPAIGN | wrong.get(status, {})}
        if path == CAMPAIGNS:
            return {"query_string": {"limit": "0"}} if status == 422 else {}
        if method == "get":
            return {}
        said = {"name": "B"} if method == "patch" else {}
        return {"json": {"accept_undetectable": True} if path.endswith("/approve") else said}

    def _break(self, app: Flask, path: str, method: str) -> None:
        rule = next(
            rule
            for rule in app.url_map.iter_rules()
            if re.sub(r"<id:(\w+)>", r"{\1}", rule.rule) == path
            and method.upper() in (rule.methods or ())
        )

        def broken(**_: object) -> None:
            raise RuntimeError

        self._patch.setitem(app.view_functions, rule.endpoint, broken)


SCOPED = "200 401 403 404 405 422 429 500 503"
RECORDS = "200 401 403 405 422 429 500"
SAID = f"{RECORDS} 400 404 408 409 413 415"
TAKING = "200 400 401 403 405 408 409 413 415 422 429 500 503"
CODES = {
    ("/healthz", "get"): "200 405 500",
    ("/readyz", "get"): "200 405 500 503",
    ("/metrics", "get"): "200 405 500",
    ("/v1/products/{product_id}/segments", "get"): SCOPED,
    ("/v1/products/{product_id}/curve", "get"): SCOPED,
    ("/v1/products/{product_id}/audience", "get"): f"{SCOPED} 406",
    ("/v1/products/{product_id}/channels", "get"): SCOPED,
    ("/v1/products/{product_id}/accounts", "get"): SCOPED,
    ("/v1/products/{product_id}/schedule", "get"): SCOPED,
    ("/v1/users/{user_id}/segments", "get"): SCOPED,
    ("/v1/users:segments", "post"): f"{SCOPED} 400 408 413 415",
    ("/v1/users/{user_id}/consent", "get"): RECORDS,
    ("/v1/users/{user_id}", "delete"): RECORDS,
    ("/v1/users/{user_id}/consent", "put"): f"{RECORDS} 400 408 413 415",
    (PLANS, "post"): f"{SCOPED} 400 408 409 413 415",
    (CAMPAIGNS, "get"): RECORDS,
    (CAMPAIGNS, "post"): f"{RECORDS} 400 404 408 409 413 415",
    (f"{CAMPAIGNS}/{{campaign_id}}", "get"): f"{RECORDS} 404",
    (f"{CAMPAIGNS}/{{campaign_id}}", "patch"): f"{SAID} 412",
    (f"{CAMPAIGNS}/{{campaign_id}}/plan", "post"): f"{SAID} 412 503",
    (f"{CAMPAIGNS}/{{campaign_id}}/approve", "post"): f"{SAID} 412 503",
    (f"{CAMPAIGNS}/{{campaign_id}}/start", "post"): f"{SAID} 412",
    (f"{CAMPAIGNS}/{{campaign_id}}/finish", "post"): f"{SAID} 412",
    (f"{CAMPAIGNS}/{{campaign_id}}/cancel", "post"): f"{SAID} 412",
    (f"{CAMPAIGNS}/{{campaign_id}}/audit", "get"): f"{RECORDS} 404",
    (f"{CAMPAIGNS}/{{campaign_id}}/report", "get"): f"{RECORDS} 404",
    (f"{CAMPAIGNS}/{{campaign_id}}/lift", "get"): f"{RECORDS} 404 409",
    **{(path, "post"): TAKING for path in ROWS},
    **organised.CODES,
}


def test_the_text_tells_the_codes_of_each_operation(text: dict[str, Any]) -> None:
    told = {(path, method): set(found["responses"]) for path, method, found in _operations(text)}
    assert told == {operation: set(codes.split()) for operation, codes in CODES.items()}


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [(*operation, int(code)) for operation, codes in CODES.items() for code in codes.split()],
)
def test_every_code_in_the_text_occurs(
    own: Callable[..., Asker],
    monkeypatch: pytest.MonkeyPatch,
    records: Asker,
    common: Asker,
    path: str,
    method: str,
    status: int,
) -> None:
    response = Breaker(own, monkeypatch, records, common).answer(path, method, status)
    assert response.status_code == status
    if status >= 400:
        assert response.mimetype == "application/problem+json"
        assert response.json["status"] == status
        assert response.json["title"]


def test_every_route_of_version_1_is_in_the_text(ask: Asker, text: dict[str, Any]) -> None:
    served = {
        rule.rule.replace("<id:", "{").replace(">", "}")
        for rule in ask.app.url_map.iter_rules()
        if rule.rule.startswith("/v1")
    }
    assert served == {path for path in text["paths"] if path.startswith("/v1")}


def test_every_reference_leads_somewhere(text: dict[str, Any]) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [found for value in part.values() for found in references(value)]
        if isinstance(part, list):
            return [found for value in part for found in references(value)]
        return []

    found = set(references(text))
    assert found
    for reference in found:
        target: Any = text
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


UNLIMITED = "[limits]\nrequests_per_minute = 1000000\nfailures_per_minute = 1000000\n"
"""Wrong keys are sent too, and what is asked is whether they are told so."""


def _hold(ask: Asker, mode: GenerationMode, examples: int) -> int:
    """Sends generated requests to every operation and lets schemathesis judge the answers."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", ask.app)
    sent = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and operation.path in OPEN:
            continue  # nothing is asked there that could be wrong

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers_as_the_text_says(case: Case) -> None:
            nonlocal sent
            sent += 1
            headers = {"Authorization": f"Bearer {ask.key}"}
            single = [negative_data_rejection] if case.operation.path in ROWS else []
            case.call_and_validate(headers=headers, excluded_checks=NOT_MEANT + single)

        answers_as_the_text_says()
    return sent


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_the_text_says(own: Callable[..., Asker], mode: GenerationMode) -> None:
    assert _hold(own(UNLIMITED), mode, 8) > 150


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_many_answers_are_as_the_text_says(own: Callable[..., Asker], mode: GenerationMode) -> None:
    assert _hold(own(UNLIMITED), mode, 500) > 2000
