"""The production server itself: paths as they travel, several processes, stopping."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.serve import _address, command
from engine.operations.keys import create_key
from engine.store import versions
from engine.store.home import Home
from tests.api.conftest import of, save_version
from tests.api.planted import FIRST
from tests.benchmarks.served import Served, served


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("served"))
    save_version(home, "v1")
    save_version(home, "v2", seed=2, champion=False)
    (home.root / "configs").mkdir()
    (home.root / "configs" / "serving.toml").write_text(
        "[models]\npointer_check_seconds = 0.05\n[server]\nheader_read_seconds = 1.0\n"
    )
    return home


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Served]:
    with served(home) as running:
        yield running


@pytest.fixture(scope="module")
def key(home: Home) -> str:
    return create_key(home, name="tests", scopes=["segments:read", "audiences:read"])


def _get(server: Served, path: str, key: str | None = None, body: bytes | None = None) -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    asked = urllib.request.Request(server.address + path, headers=headers, data=body)
    try:
        return urllib.request.urlopen(asked, timeout=10)
    except urllib.error.HTTPError as error:
        return error


def test_two_processes_serve(server: Served) -> None:
    assert len(server.workers()) == 2


@pytest.mark.parametrize("id", [FIRST, "product-003"])
def test_ids_travel_through_the_server_as_they_are(server: Served, key: str, id: str) -> None:
    with _get(server, f"/v1/products/{of(id)}/segments", key) as response:
        assert json.load(response)["product_id"] == id


@pytest.mark.parametrize("id", ["/a", "a//b", "a%2Fb", "🌸", "a b+c"])
def test_unknown_ids_come_back_as_they_were_sent(server: Served, key: str, id: str) -> None:
    with _get(server, f"/v1/products/{of(id)}/segments", key) as response:
        assert response.status == 404
        assert json.load(response)["id"] == id


def test_bodies_and_streams_travel(server: Served, key: str) -> None:
    with _get(server, "/v1/users:segments", key, b'{"user_ids": ["user-00001"]}') as response:
        assert list(json.load(response)["users"]) == ["user-00001"]
    path = "/v1/products/product-003/audience?share=1&include_known=true"
    with _get(server, f"{path}&format=csv", key) as response:
        assert len(response.read().splitlines()) == 601
    with _get(server, "/v1/products/product-003/segments") as response:
        assert response.status == 401


def _connection(server: Served) -> http.client.HTTPConnection:
    host, port = server.address.removeprefix("http://").split(":")
    return http.client.HTTPConnection(host, int(port), timeout=20)


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server: Served, key: str) -> None:
    with closing(_connection(server)) as connection:
        connection.putrequest("POST", "/v1/users:segments")
        connection.putheader("Authorization", f"Bearer {key}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(1 << 30))
        connection.endheaders()
        with connection.getresponse() as response:
            assert response.status == 413


def test_a_body_without_a_length_is_bounded_too(server: Served, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    pieces = (b" " * 65536 for _ in range(24))
    with closing(_connection(server)) as connection:
        try:
            connection.request("POST", "/v1/users:segments", pieces, headers, encode_chunked=True)
        except ConnectionError:
            return  # cut off while it sent: as good
        with connection.getresponse() as response:
            assert response.status == 413


def test_figures_add_up_over_the_processes(server: Served, key: str) -> None:
    for _ in range(40):
        _get(server, "/v1/products/product-005/curve", key).close()
    with _get(server, "/metrics") as response:
        text = response.read().decode()
    (line,) = [
        line
        for line in text.splitlines()
        if line.startswith("mokhatab_requests_total") and "/curve" in line
    ]
    assert float(line.split()[-1]) == 40


def test_both_processes_follow_the_pointer(server: Served, home: Home, key: str) -> None:
    versions.promote(home, "v2")
    until, in_a_row = time.monotonic() + 20, 0
    while time.monotonic() < until and in_a_row < 30:
        with _get(server, "/v1/products/product-003/segments", key) as response:
            assert response.status == 200
            in_a_row = in_a_row + 1 if json.load(response)["model_version"] == "v2" else 0
    assert in_a_row == 30


def test_a_client_that_sends_its_headers_too_slowly_is_cut_off(server: Served) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        began = time.monotonic()
        connection.recv(1024)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(("host", "why"), [("127.0.0.1", "in use"), ("no.such.host.invalid", "")])
def test_a_place_that_cannot_be_listened_on_is_told_in_one_line(
    tmp_path: Path, host: str, why: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        asked = [*command(Home(tmp_path)), "--host", host, "--port", port]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"mokhatab: cannot listen on {host}:{port}: ")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_name_is_listened_on_as_its_address() -> None:
    assert _address("localhost", 0) == "127.0.0.1"


@pytest.mark.slow
def test_a_request_that_runs_is_finished_when_the_server_stops(home: Home, key: str) -> None:
    with served(home) as running:
        path = "/v1/products/product-003/audience?share=1&include_known=true"
        statuses: list[int] = []

        def ask() -> None:
            for _ in range(50):
                try:
                    with _get(running, path, key) as response:
                        assert len(response.read().splitlines()) == 600
                        statuses.append(response.status)
                except OSError:
                    return  # the door is closed: no answer was begun

        thread = threading.Thread(target=ask)
        thread.start()
        while len(statuses) < 3:
            time.sleep(0.01)
        running.process.send_signal(signal.SIGTERM)
        thread.join(20)
        assert running.process.wait(20) == 0
    assert set(statuses) == {200}


@pytest.mark.slow
def test_serve_replaces_the_process_that_calls_it(tmp_path: Path) -> None:
    save_version(Home(tmp_path), "v1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = (
        "import sys; from pathlib import Path; import sklearn\n"
        "from api.serve import serve; from engine.store.home import Home\n"
        f"serve(Home(Path(sys.argv[1])), port={port}, workers=1)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        running = Served(f"http://127.0.0.1:{port}", process)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                _get(running, "/readyz").close()
                break
            except urllib.error.URLError:
                time.sleep(0.05)
        assert len(running.workers()) == 1
        for pid in (process.pid, *running.workers()):
            assert "sklearn" not in Path(f"/proc/{pid}/maps").read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
