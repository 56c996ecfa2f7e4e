"""The OpenAPI text and the application agree, whatever is sent."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)
from werkzeug.test import Client

from api.app import create_app
from api.http.contract import text_of
from engine.operations.keys import SCOPES
from engine.store.home import Home
from tests.api import organised
from tests.api.breaking import PLANS, ROWS, Breaker
from tests.api.campaigning import CAMPAIGNS, owners_key, put_campaign
from tests.api.conftest import UNLIMITED, Asker, save_version
from tests.pepper import with_pepper

OPEN = {"/healthz", "/readyz", "/metrics"}
NOT_MEANT = [positive_data_acceptance]
"""A share and a size, each well formed, are still refused together. Rows are judged one by one:
bad ones among good ones are no refusal."""


@pytest.fixture(scope="module")
def text(common: Asker) -> dict[str, Any]:
    return text_of(common.app)


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


@pytest.fixture
def breaker(
    own: Callable[..., Asker],
    standing: Callable[..., Asker],
    records: Asker,
    monkeypatch: pytest.MonkeyPatch,
) -> Breaker:
    return Breaker(own, standing, records, monkeypatch)


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
    ("/v1/products/{product_id}/advocates", "get"): SCOPED,
    ("/v1/products/{product_id}/channels", "get"): SCOPED,
    ("/v1/products/{product_id}/accounts", "get"): SCOPED,
    ("/v1/products/{product_id}/schedule", "get"): SCOPED,
    ("/v1/products/{product_id}/word", "get"): f"{RECORDS} 404",
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
    breaker: Breaker, path: str, method: str, status: int
) -> None:
    response = breaker.answer(path, method, status)
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
            # an empty list in a query is not sent at all, so nothing would be wrong
            assume(all(value not in ([], {}) for value in (case.query or {}).values()))
            sent += 1
            headers = {"Authorization": f"Bearer {ask.key}"}
            answer = case.call(headers=headers)
            # what is too large is refused unread, which schemathesis does not take for a refusal
            single = case.operation.path in ROWS or answer.status_code == 413
            more = [negative_data_rejection] if single else []
            case.validate_response(
                answer,
                headers=headers,
                excluded_checks=NOT_MEANT + more,
                transport_kwargs={"headers": headers},
            )

        answers_as_the_text_says()
    return sent


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_the_text_says(own: Callable[..., Asker], mode: GenerationMode) -> None:
    # wrong keys are sent too, and what is asked is whether they are told so
    assert _hold(own(UNLIMITED), mode, 5) > 150


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_many_answers_are_as_the_text_says(own: Callable[..., Asker], mode: GenerationMode) -> None:
    assert _hold(own(UNLIMITED), mode, 500) > 2000
