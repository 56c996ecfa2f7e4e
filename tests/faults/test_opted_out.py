"""People who object while a server runs: none of its processes names them in any next answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import quote

import pytest

from engine.operations.keys import SCOPES, create_key
from engine.store import artefacts
from engine.store.home import Home
from tests.api.conftest import save_version
from tests.benchmarks.served import Served, served

PURPOSES = dict.fromkeys(("store", "profile", "select", "measure"), True)
SAID = {
    "an objection by GPC": {"gpc": True},
    "no selection": {"purposes": PURPOSES | {"select": False}},
    "nothing at all": {"purposes": dict.fromkeys(PURPOSES, False)},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("opted-out"))
    save_version(home, "v1")
    return home


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Served]:
    with served(home) as running:
        yield running


@pytest.fixture(scope="module")
def key(home: Home) -> str:
    return create_key(home, name="tests", scopes=SCOPES)


def ask(
    server: Served, key: str, path: str, said: dict[str, object] | None = None
) -> tuple[int, str]:
    """Status and text, over a connection of its own; `said` is put there."""
    host, port = server.address.removeprefix("http://").split(":")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = None if said is None else json.dumps({"source": "test"} | said)
    with closing(HTTPConnection(host, int(port), timeout=120)) as connection:
        connection.request("GET" if body is None else "PUT", path, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


@pytest.mark.parametrize("how", SAID)
def test_who_objects_is_in_no_answer_from_the_next_on(
    home: Home, server: Served, key: str, how: str
) -> None:
    model = artefacts.open_model(home)
    user = model.users["user_id"][70 + len(how)]
    products = [quote(product, safe="") for product in model.products["product_id"]]
    audiences = [f"/v1/products/{p}/audience?share=1&include_known=true" for p in products]
    told, consent = f"/v1/users/{user}/segments", f"/v1/users/{user}/consent"
    assert ask(server, key, told)[0] == 200
    for path in audiences:  # kept by now, where answers are kept
        assert f'"{user}"' in ask(server, key, path)[1]
    assert ask(server, key, consent, SAID[how])[0] == 200
    began = time.monotonic()
    # Several times each: there are two processes, and who answers is up to the kernel.
    assert {ask(server, key, told)[0] for _ in range(6)} == {404}
    first = time.monotonic() - began
    answers = [ask(server, key, path) for path in audiences * 2]
    assert {status for status, _ in answers} == {200}
    named = sum(f'"{user}"' in text for _, text in answers)
    print(f"{how}: named in {named} of {len(answers)} answers, six of them after {first:.3f} s")
    assert named == 0
    assert ask(server, key, consent, {"purposes": PURPOSES})[0] == 200
    assert {ask(server, key, told)[0] for _ in range(6)} == {200}
