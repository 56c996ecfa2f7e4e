"""Users over HTTP: one by its path, many by their ids."""

from __future__ import annotations

import pytest

from api.http import schemas
from engine.operations import audiences
from engine.store import artefacts
from engine.store.home import Home
from tests.api.conftest import Asker, of

BATCH = "/v1/users:segments"


@pytest.fixture
def ask(common: Asker) -> Asker:
    """Questions leave nothing behind."""
    return common


@pytest.fixture(scope="module")
def ids(planted_home: Home) -> list[str]:
    return artefacts.open_model(planted_home).users["user_id"].to_list()


def test_the_segments_of_a_user_are_those_of_the_engine(
    ask: Asker, planted_home: Home, ids: list[str]
) -> None:
    model = artefacts.open_model(planted_home)
    for id in (ids[0], ids[-1], next(id for id in ids if id.startswith("کاربر"))):
        response = ask.get(f"/v1/users/{of(id)}/segments?limit=5")
        assert response.json["users"] == audiences.user_segments(model, [id], limit=5)["users"]
        schemas.UserSegments.model_validate_json(response.data)


def test_many_users_are_answered_at_once(ask: Asker, ids: list[str]) -> None:
    response = ask.post(BATCH, json={"user_ids": [*ids[:50], "nobody"]})
    assert list(response.json["users"]) == ids[:50]
    assert response.json["unknown"] == ["nobody"]
    schemas.UserSegments.model_validate_json(response.data)
    one = ask.get(f"/v1/users/{of(ids[7])}/segments").json["users"][ids[7]]
    assert response.json["users"][ids[7]] == one


def test_an_unknown_user_is_told_what_is_near(ask: Asker, ids: list[str]) -> None:
    response = ask.get(f"/v1/users/{of(ids[3][:-1])}/segments")
    assert response.status_code == 404
    assert response.json["near"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b'{"user_ids": ["\\ud800"]}', 400),
        (b'{"user_ids": ["\xff"]}', 400),
        (b'{"user_ids": [NaN]}', 400),
        (b"null", 422),
        (b'"user_ids"', 422),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"user_ids": []}', 422),
        (b'{"user_ids": "a"}', 422),
        (b'{"user_ids": [1]}', 422),
        (b'{"user_ids": [null]}', 422),
        (b'{"user_ids": [""]}', 422),
        (b'{"user_ids": ["a"], "limit": "3"}', 422),
        (b'{"user_ids": ["a"], "limit": 1e9}', 422),
        (b'{"user_ids": ["a"], "limit": ' + b"9" * 50 + b"}", 422),
        (b'{"user_ids": ["a"], "limit": ' + b"9" * 500_000 + b"}", 400),
        (b'{"user_ids": ["a"], "more": 1}', 422),
        (b'{"user_ids": [' + b'"a",' * 1000 + b'"a"]}', 422),
        (b'{"user_ids": ["' + "🌸".encode() * 65 + b'"]}', 422),
    ],
)
def test_a_bad_body_is_a_problem(ask: Asker, body: bytes, status: int) -> None:
    response = ask.post(BATCH, data=body, content_type="application/json")
    assert response.status_code == status, response.data
    assert response.mimetype == "application/problem+json"
    assert response.json["status"] == status


def test_another_content_type_is_not_read(ask: Asker) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = ask.post(BATCH, data=b'{"user_ids": ["a"]}', content_type=media_type)
        assert response.status_code == 415


def test_a_body_that_is_too_large_is_not_read(ask: Asker) -> None:
    response = ask.post(BATCH, data=b" " * (1 << 21), content_type="application/json")
    assert response.status_code == 413
    assert response.mimetype == "application/problem+json"


def test_another_method_is_told_which_are_allowed(ask: Asker) -> None:
    response = ask.get(BATCH)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert response.mimetype == "application/problem+json"
