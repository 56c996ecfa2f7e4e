"""A request that is sent again under its key: one effect, one answer."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

import pytest

from engine.operations.keys import replace_key
from tests.api.conftest import Asker
from tests.api.handed import act, home_of, kept


@pytest.fixture
def ask(own: Callable[..., Asker]) -> Asker:
    return own(model=False)


@pytest.mark.parametrize("status", [200, 422])
def test_the_same_key_gets_the_first_answer_byte_for_byte(ask: Asker, status: int) -> None:
    rows = [act(0), act(1, action="lick")] if status == 200 else [act(1, action="lick")]
    headers = {"Idempotency-Key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}
    first, again = (ask.post("/v1/events", json=rows, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == status
    assert first.data == again.data
    assert first.content_type == again.content_type
    assert len(kept(ask)) == (status == 200)
    bare = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
    assert ask.post("/v1/events", json=rows, headers=bare).data == first.data


def test_another_request_under_the_same_key_is_refused(ask: Asker) -> None:
    headers = {"Idempotency-Key": "k"}
    assert ask.post("/v1/events", json=[act(0)], headers=headers).status_code == 200
    others = [
        ask.post("/v1/events", json=[act(1)], headers=headers),
        ask.post("/v1/users", json=[act(0)], headers=headers),
        ask.post("/v1/events", json=[act(0)], headers=headers | {"Prefer": "handling=strict"}),
    ]
    assert [answer.status_code for answer in others] == [422, 422, 422]
    assert "make a new one" in others[0].json["detail"]
    assert [row["user_id"] for row in kept(ask)] == ["u0"]


def test_keys_of_two_callers_are_two(ask: Asker) -> None:
    headers = {"Idempotency-Key": "k"}
    ask.post("/v1/events", json=[act(0)], headers=headers)
    ask.key = replace_key(home_of(ask), name="other", scopes=["events:write"])
    assert ask.post("/v1/events", json=[act(1)], headers=headers).status_code == 200
    assert len(kept(ask)) == 2


def test_answers_are_forgotten_in_time(own: Callable[..., Asker]) -> None:
    ask = own("[intake]\nreplay_hours = 0.001\n", model=False)
    headers = {"Idempotency-Key": "k"}
    ask.post("/v1/events", json=[act(0)], headers=headers)
    with sqlite3.connect(home_of(ask).catalog) as records:
        records.execute("UPDATE replies SET until = until - 10")
    records.close()
    assert ask.post("/v1/events", json=[act(1)], headers=headers).status_code == 200


@pytest.mark.parametrize("key", ["", '""', "a b", "é", "k" * 256, '"' + "k" * 256 + '"'])
def test_what_is_no_key_is_refused(common: Asker, key: str) -> None:
    answer = common.post("/v1/events", json=[act()], headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert kept(common) == []


def test_fifty_at_once_under_one_key_have_one_effect(ask: Asker) -> None:
    headers = {"Idempotency-Key": "once"}
    answers: list[tuple[int, bytes]] = []
    start = threading.Barrier(50)

    def send() -> None:
        start.wait()
        answer = ask.app.test_client().post(
            "/v1/events",
            json=[{"user_id": "a", "product_id": "p", "action": "view", "occurred_at": 1767323045}],
            headers=headers | {"Authorization": f"Bearer {ask.key}"},
        )
        answers.append((answer.status_code, answer.data))

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} <= {200, 409}
    assert len({data for status, data in answers if status == 200}) == 1
    with sqlite3.connect(home_of(ask).catalog) as records:
        assert records.execute("SELECT sum(rows) FROM inbox").fetchone() == (1,)
    records.close()
