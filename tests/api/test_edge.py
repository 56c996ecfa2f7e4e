"""Around requests: ids, headers, the log, figures, health, errors that nobody expected."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.serve import _environment
from engine.errors import SegmentTooSmall
from engine.operations import audiences
from engine.store import versions
from engine.store.home import Home
from tests.api.conftest import Asker, of, save_version

SEGMENTS = "/v1/products/product-003/segments"


def _lines(ask: Asker) -> list[dict[str, object]]:
    return [json.loads(line) for line in ask.log.getvalue().splitlines()]


@pytest.mark.parametrize("path", [SEGMENTS, "/healthz", "/nowhere", "/docs", "/openapi.json"])
def test_every_answer_carries_an_id_and_safe_headers(ask: Asker, path: str) -> None:
    for response in (ask.get(path), ask.get(path)):
        assert response.headers["X-Request-Id"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert len(response.headers.getlist("Content-Security-Policy")) == 1
        assert len(response.headers.getlist("Cache-Control")) == 1


def test_ids_of_requests_differ_unless_they_are_given(ask: Asker) -> None:
    ids = {ask.get(SEGMENTS).headers["X-Request-Id"] for _ in range(50)}
    assert len(ids) == 50
    given = ask.get("/nowhere", headers={"X-Request-Id": "abc-1"})
    assert given.headers["X-Request-Id"] == given.json["request_id"] == "abc-1"
    assert ask.get("/healthz", headers={"X-Request-Id": "a b\x7f"}).headers["X-Request-Id"] != "a b"


def test_the_log_has_one_line_for_each_request_and_no_ids(ask: Asker) -> None:
    ask.get(SEGMENTS)
    ask.get(SEGMENTS)
    ask.get("/v1/users/user-00003/segments")
    ask.get(f"/v1/products/{of('کتاب')}/segments?channel=secret")
    ask.post("/v1/users:segments", json={"user_ids": ["user-00004"]})
    ask.get("/v1/products/product-003/audience?size=5").get_data()
    lines = _lines(ask)
    assert [line["status"] for line in lines] == [200, 200, 200, 404, 200, 200]
    assert lines[0]["route"] == lines[1]["route"] == "/v1/products/<id:product_id>/segments"
    text = ask.log.getvalue().decode()
    for secret in ("product-003", "user-0000", "کتاب", "secret", ask.key, ask.key[3:11]):
        assert secret not in text


def test_figures_count_requests_by_route(ask: Asker) -> None:
    for _ in range(3):
        ask.get(SEGMENTS)
    ask.client.get(SEGMENTS)
    response = ask.client.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = response.text
    route = 'method="GET",route="/v1/products/<id:product_id>/segments"'
    assert f'mokhatab_requests_total{{{route},status="200"}} 3.0' in text
    assert f'mokhatab_requests_total{{{route},status="401"}} 1.0' in text
    assert "mokhatab_request_seconds_bucket" in text
    assert "product-003" not in text


def test_an_error_that_nobody_expected_tells_nothing(
    ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("user-00001 lives at /var/secret")

    monkeypatch.setattr(audiences, "best_segments", broken)
    response = ask.get(SEGMENTS)
    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    for text in (response.text, ask.log.getvalue().decode()):
        assert "user-00001" not in text
        assert "/var/secret" not in text
    assert response.json["request_id"] == response.headers["X-Request-Id"]
    (noted,) = [line for line in _lines(ask) if line["event"] == "unexpected"]
    assert noted["error"] == "RuntimeError"
    assert noted["request_id"] == response.json["request_id"]


def test_too_few_people_is_forbidden(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(*_: object, **__: object) -> None:
        raise SegmentTooSmall(25)

    monkeypatch.setattr(audiences, "audience", small)
    response = ask.get("/v1/products/product-003/audience?size=5")
    assert (response.status_code, response.json["minimum"]) == (403, 25)


def test_without_a_model_answers_say_which_command_to_run(own: Callable[..., Asker]) -> None:
    ask = own(model=False)
    for path in (SEGMENTS, "/readyz", "/v1/users/a/segments"):
        response = ask.get(path)
        assert response.status_code == 503
        assert response.json["command"] == "mokhatab retrain"
        assert "mokhatab retrain" in response.json["detail"]
        assert int(response.headers["Retry-After"]) > 0
    assert ask.get("/healthz").status_code == 200


def test_a_first_model_is_served_without_a_restart(own: Callable[..., Asker]) -> None:
    ask = own("[models]\npointer_check_seconds = 0.0\n", model=False)
    assert ask.get(SEGMENTS).status_code == 503
    holder = ask.app.extensions["mokhatab.holder"]
    save_version(holder._home, "v1")
    ask.get(SEGMENTS)
    holder.wait()
    assert ask.get(SEGMENTS).json["model_version"] == "v1"


def test_a_refused_champion_is_told_in_readyz_log_and_figures(own: Callable[..., Asker]) -> None:
    ask = own("[models]\npointer_check_seconds = 0.0\n")
    holder = ask.app.extensions["mokhatab.holder"]
    assert ask.get("/readyz").json["status"] == "ready"
    save_version(holder._home, "v2", champion=False)
    (holder._home.models / "v2" / "users.arrow").write_bytes(b"ARROW1")
    versions.promote(holder._home, "v2")
    ask.get(SEGMENTS)
    holder.wait()
    state = ask.get("/readyz").json
    assert (state["status"], state["model_version"], state["champion"]) == ("degraded", "v1", "v2")
    assert "users.arrow" in state["refused"]["v2"]
    assert ask.get(SEGMENTS).json["model_version"] == "v1"
    text = ask.get("/metrics").text
    assert "mokhatab_models_refused_total 1.0" in text
    assert "mokhatab_model_degraded 1.0" in text
    (noted,) = [line for line in _lines(ask) if line["event"] == "model_refused"]
    assert noted["version"] == "v2"


def test_answers_are_valid_from_a_promotion_on_kept_ones_too(own: Callable[..., Asker]) -> None:
    ask = own("[models]\npointer_check_seconds = 0.0\nvalid_hours = 1.0\n")
    holder = ask.app.extensions["mokhatab.holder"]
    save_version(holder._home, "v2", seed=2, champion=False)
    for hour, version in enumerate(("v1", "v2", "v1", "v1")):
        versions.promote(holder._home, version)
        at = 1_900_000_000 + 3600 * hour
        os.utime(holder._home.champion, (at, at))
        ask.get(SEGMENTS)
        holder.wait()
        until = datetime.fromtimestamp(at + 3600, UTC).isoformat().replace("+00:00", "Z")
        for _ in range(2):
            said = ask.get(SEGMENTS).json
            assert (said["model_version"], said["valid_until"]) == (version, until)


def test_where_no_version_is_sound_the_path_is_not_told(own: Callable[..., Asker]) -> None:
    ask = own("[models]\npointer_check_seconds = 0.0\n", model=False)
    holder = ask.app.extensions["mokhatab.holder"]
    save_version(holder._home, "v1")
    (holder._home.models / "v1" / "users.arrow").unlink()
    ask.get(SEGMENTS)
    holder.wait()
    response = ask.get(SEGMENTS)
    assert response.status_code == 503
    assert str(holder._home.root) not in response.text


def test_kept_answers_stay_within_their_bounds(own: Callable[..., Asker]) -> None:
    ask = own("[answers]\nentries = 3\n")
    for limit in range(1, 9):
        ask.get(f"{SEGMENTS}?limit={limit}")
    answers = ask.app.extensions["mokhatab.answers"]
    assert len(answers) == 3
    assert answers.size == sum(len(ask.get(f"{SEGMENTS}?limit={n}").data) for n in (6, 7, 8))


def test_no_answers_are_kept_where_none_shall_be(own: Callable[..., Asker]) -> None:
    ask = own("[answers]\nentries = 0\n")
    assert ask.get(SEGMENTS).data == ask.get(SEGMENTS).data
    assert len(ask.app.extensions["mokhatab.answers"]) == 0


def test_the_page_loads_nothing_from_elsewhere_and_nothing_inline(ask: Asker) -> None:
    page = ask.client.get("/docs").text
    sources = [part.split('"')[0] for part in page.replace('href="', 'src="').split('src="')[1:]]
    assert sources
    for source in sources:
        assert source.startswith("/docs/")
        assert ask.client.get(source).status_code == 200
    assert page.count("<script") == page.count("<script src=")
    assert ask.client.get("/docs/files/../../../../app.py").status_code == 404


def test_serving_does_not_import_what_trains() -> None:
    script = (
        "import sys, api.serve, api.app\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "print(*sorted(loaded & {'sklearn', 'lightfm', 'optuna', 'training', 'pandas', 'typer'}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert found.stdout.split() == []


def test_what_workers_share_starts_no_thread_that_a_fork_would_miss(tmp_path: Path) -> None:
    script = (
        "import importlib, os, pathlib\n"
        "from api import serve\n"
        "for module in serve.SHARED: importlib.import_module(module)\n"
        "for name in pathlib.Path('/proc/self/task').glob('*/comm'): print(name.read_text())"
    )
    alone = os.environ | _environment(Home(tmp_path), 2, str(tmp_path))
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=alone
    )
    started = {name for name in found.stdout.split() if not name.startswith("python")}
    assert started <= {"polars-ooc-clea"}
