"""One request sent many times at once under one key: one effect, and one answer for everybody."""

from __future__ import annotations

import io
import sqlite3
import threading
from pathlib import Path

import pytest
from flask import Flask

from api.app import create_app
from engine.operations.intake import compact
from engine.operations.keys import create_key
from engine.store.eventlog import scan_events
from engine.store.home import Home

ACT = {"user_id": "a", "product_id": "p", "action": "view", "occurred_at": 1767323045}


class Round:
    """Fifty callers, half of them at either of two processes' applications, and one liar."""

    def __init__(self, apps: list[Flask], key: str, number: int) -> None:
        self._apps, self._number = apps, number
        self._headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"round-{number}"}
        self._start = threading.Barrier(51)
        self.answers: list[tuple[int, bytes]] = []
        self.lies: list[tuple[int, bytes]] = []

    def _send(self, caller: int) -> None:
        lie = caller == 50
        rows = [ACT | {"event_id": f"{'lie' if lie else 'act'}-{self._number}"}]
        client = self._apps[caller % 2].test_client()
        self._start.wait()
        answer = client.post("/v1/events", json=rows, headers=self._headers)
        (self.lies if lie else self.answers).append((answer.status_code, answer.data))

    def run(self) -> None:
        threads = [threading.Thread(target=self._send, args=[caller]) for caller in range(51)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    "rounds",
    [3, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
    ids=["few", "many"],
)
def test_each_key_has_one_effect_and_one_answer(tmp_path: Path, rounds: int) -> None:
    home = Home(tmp_path)
    key = create_key(home, name="tests", scopes=["events:write"])
    apps = [create_app(home, log_to=io.BytesIO()) for _ in range(2)]
    for number in range(rounds):
        one = Round(apps, key, number)
        one.run()
        told = {data for status, data in one.answers if status == 200}
        lied = {status for status, _ in one.lies}
        assert {status for status, _ in one.answers} <= {200, 409, 422}
        # Whoever was first has the key: of two different requests only one is ever answered.
        assert len(told) == 1 if 200 not in lied else not told
        assert lied <= {200, 409, 422}
        with sqlite3.connect(home.catalog) as records:
            assert records.execute("SELECT sum(rows) FROM inbox").fetchone() == (number + 1,)
        records.close()
    compact(home)
    assert scan_events(home).collect()["event_id"].n_unique() == rounds
    print(f"one effect in {rounds} of {rounds} rounds of 50")
