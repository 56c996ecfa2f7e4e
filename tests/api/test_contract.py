"""The OpenAPI text and the application agree, whatever is sent."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.http.contract import text_of
from tests.api.conftest import Asker

OPEN = {"/healthz", "/readyz"}
NOT_MEANT = [positive_data_acceptance]
"""A share and a size, each well formed, are still refused together."""


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
    assert len(_operations(text)) == 7
    for path, _, operation in _operations(text):
        if path in OPEN:
            assert not operation.get("security")
        else:
            ((scope,),) = (each["key"] for each in operation["security"])
            assert scope.endswith(":read")
        assert operation["summary"]
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"]
        assert {"200", "422", "429", "500", "503"} <= set(operation["responses"])


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
            sent += 1
            headers = {"Authorization": f"Bearer {ask.key}"}
            case.call_and_validate(headers=headers, excluded_checks=NOT_MEANT)

        answers_as_the_text_says()
    return sent


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_the_text_says(ask: Asker, mode: GenerationMode) -> None:
    assert _hold(ask, mode, 15) > 70


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_many_answers_are_as_the_text_says(ask: Asker, mode: GenerationMode) -> None:
    assert _hold(ask, mode, 500) > 2000
