"""A new champion under load: no request fails, and no answer mixes two versions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from engine.operations import audiences
from engine.store import versions
from tests.api.conftest import Asker, of, save_version
from tests.api.planted import FIRST, planted

VERSIONS = {"v1": 1, "v2": 2}
PRODUCTS = (FIRST, "product-003", "product-008")


def _expected(version: str, path: str) -> Any:
    model = planted("v", seed=VERSIONS[version])
    for product in PRODUCTS:
        if path == f"/v1/products/{of(product)}/segments?limit=5":
            return audiences.best_segments(model, product, limit=5)["segments"]
        if path == f"/v1/products/{of(product)}/audience?size=40":
            return audiences.audience(model, product, size=40).ids.to_list()
    return audiences.user_segments(model, ["user-00001"])["users"]


def _paths() -> list[str]:
    paths = [f"/v1/products/{of(product)}/segments?limit=5" for product in PRODUCTS]
    paths += [f"/v1/products/{of(product)}/audience?size=40" for product in PRODUCTS]
    return [*paths, "/v1/users/user-00001/segments"]


def _said(response: Any) -> Any:
    if response.mimetype == "application/x-ndjson":
        return [json.loads(line)["user_id"] for line in response.data.splitlines()]
    return response.json.get("segments", response.json.get("users"))


class Load:
    """Threads that ask all paths in turn until they are told to stop."""

    def __init__(self, ask: Asker, threads: int) -> None:
        self.wrong: list[str] = []
        self.versions: dict[str, int] = {}
        self._expected = {(v, path): _expected(v, path) for v in VERSIONS for path in _paths()}
        self._ask, self._stop = ask, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            for path in _paths():
                response = self._ask.get(path)
                version = response.headers.get("Mokhatab-Model-Version", "none")
                self.versions[version] = self.versions.get(version, 0) + 1
                if response.status_code != 200:
                    self.wrong.append(f"{response.status_code} {path}")
                elif _said(response) != self._expected[version, path]:
                    self.wrong.append(f"{version} {path}")
                elif response.is_json and response.json["model_version"] != version:
                    self.wrong.append(f"body of another version than {version}")


def _swap(own: Callable[..., Asker], *, threads: int, swaps: int) -> Load:
    ask = own("[models]\npointer_check_seconds = 0.0\n[limits]\nrequests_per_minute = 1000000000\n")
    holder = ask.app.extensions["mokhatab.holder"]
    save_version(holder._home, "v2", seed=2, champion=False)
    with Load(ask, threads) as load:
        for number in range(swaps):
            wanted = ("v2", "v1")[number % 2]
            versions.promote(holder._home, wanted)
            until = time.monotonic() + 20
            while holder.held.in_use.model.version != wanted and time.monotonic() < until:
                time.sleep(0.005)
            assert holder.held.in_use.model.version == wanted
    holder.wait()
    return load


def test_no_answer_is_lost_or_mixed_while_versions_swap(own: Callable[..., Asker]) -> None:
    load = _swap(own, threads=3, swaps=10)
    assert load.wrong == []
    assert set(load.versions) == {"v1", "v2"}
    assert min(load.versions.values()) > 5


@pytest.mark.slow
def test_two_hundred_swaps_lose_and_mix_nothing(own: Callable[..., Asker]) -> None:
    load = _swap(own, threads=4, swaps=200)
    assert load.wrong == []
    assert min(load.versions.values()) > 100


def test_the_two_versions_of_this_test_say_different_things() -> None:
    for path in _paths()[:-1]:
        assert _expected("v1", path) != _expected("v2", path)
