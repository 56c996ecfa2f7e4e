"""Consent over HTTP and in the command: withdrawn people are gone from the next answer on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from api.app import create_app
from engine.store import artefacts
from engine.store.home import Home
from tests.api.conftest import Asker, Said, of

ALL = {"store": True, "profile": True, "select": True, "measure": True}
OBJECTS = ALL | {"select": False}


@pytest.fixture
def many(own: Callable[..., Asker], tmp_path: Path) -> list[Asker]:
    """Three processes over one home would each have such an application."""
    first = own()
    apps = [create_app(Home(tmp_path), log_to=first.log) for _ in range(2)]
    return [first, *(Asker(app, Client(app), first.key, first.log) for app in apps)]


def put(asker: Asker, user: str, **body: Any) -> Any:
    return asker._send("PUT", f"/v1/users/{of(user)}/consent", {"json": {"source": "t"} | body})


def test_what_was_recorded_is_told(own: Callable[..., Asker]) -> None:
    ask, user = own(), "کاربر/۱ 🌸"
    before = ask.get(f"/v1/users/{of(user)}/consent").json
    assert not before["recorded"]
    assert put(ask, user, purposes=OBJECTS, at="2026-01-01T00:00:00+03:30").status_code == 200
    after = ask.get(f"/v1/users/{of(user)}/consent").json
    assert after["purposes"] == OBJECTS
    assert (after["recorded"], after["source"]) == (True, "t")
    assert after["at"] == "2025-12-31T20:30:00+00:00"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"purposes": {"store": True}},
        {"purposes": ALL | {"sell": True}},
        {"purposes": ALL | {"select": 1}},
        {"purposes": ALL, "gpc": True},
        {"gpc": False},
        {"tcf": "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"},
        {"purposes": ALL, "at": "yesterday"},
        {"purposes": ALL, "at": "2026-01-01T00:00:00"},
        {"purposes": ALL, "at": "9999-01-01T00:00:00+00:00"},
        {"purposes": ALL, "source": ""},
    ],
)
def test_what_is_not_clear_is_refused(common: Asker, body: dict[str, Any]) -> None:
    response = put(common, "u", **body)
    assert response.status_code == 422
    assert response.json["fields"]
    assert not common.get("/v1/users/u/consent").json["recorded"]


def test_a_withdrawal_holds_from_the_next_answer_of_every_process(
    many: list[Asker], tmp_path: Path
) -> None:
    model = artefacts.open_model(Home(tmp_path))
    paths = [
        f"/v1/products/{of(product)}/{what}"
        for product in model.products["product_id"]
        for what in ("audience?share=1&include_known=true", "segments", "curve")
    ]
    for user in model.users["user_id"][[3, 70, 401]]:
        found = many[1].get(f"/v1/users/{of(user)}/segments")
        assert found.json["users"][user]
        for asker in many:  # answers are kept by now
            assert f'"{user}"' in asker.get(paths[0]).text
        assert put(many[0], user, gpc=True).status_code == 200
        for asker in reversed(many):
            assert asker.get(f"/v1/users/{of(user)}/segments").status_code == 404
            for path in paths:
                response = asker.get(path)
                assert response.status_code == 200
                assert f'"{user}"' not in response.text
        assert put(many[2], user, purposes=ALL).status_code == 200
        for asker in many:
            assert asker.get(f"/v1/users/{of(user)}/segments").status_code == 200


def test_kept_answers_speak_of_nobody_who_withdrew(many: list[Asker], tmp_path: Path) -> None:
    model = artefacts.open_model(Home(tmp_path))
    product = model.products["product_id"][1]
    path = f"/v1/products/{of(product)}/segments?limit=100"
    before = many[2].get(path).json["segments"]
    named = next(one for one in before if one["kind"] != "top")
    place = model.segments.table["segment_id"].to_list().index(named["segment_id"])
    first = model.segments.members[model.segments.offsets[place]]
    put(many[0], model.users["user_id"][int(first)], purposes=OBJECTS)
    after = many[2].get(path).json["segments"]
    sizes = {one["segment_id"]: one["size"] for one in after}
    assert sizes[named["segment_id"]] == named["size"] - 1


def test_an_erased_person_is_in_no_answer_of_any_process(many: list[Asker], tmp_path: Path) -> None:
    model = artefacts.open_model(Home(tmp_path))
    user = model.users["user_id"][70]
    path = f"/v1/products/{of(model.products['product_id'][2])}/audience?share=1"
    path += "&include_known=true"
    for asker in many[:2]:
        assert f'"{user}"' in asker.get(path).text
    receipt = many[0]._send("DELETE", f"/v1/users/{of(user)}", {})
    assert receipt.status_code == 200
    assert list(receipt.json["removed"]["models"]) == ["v1"]
    for asker in many:
        assert f'"{user}"' not in asker.get(path).text
        assert asker.get(f"/v1/users/{of(user)}/segments").status_code == 404
        assert asker.get(f"/v1/users/{of(user)}/consent").json["erased"]
        assert put(asker, user, purposes=ALL).status_code == 422
    event = {"user_id": user, "product_id": "p", "action": "like", "occurred_at": 1_700_000_000}
    assert many[1].post("/v1/events", json=[event]).status_code in (200, 202, 422)
    assert all(user.encode() not in path.read_bytes() for path in tmp_path.glob("catalog*"))


def test_the_command_erases(
    own: Callable[..., Asker], run: Callable[..., Said], tmp_path: Path
) -> None:
    own()
    home = Home(tmp_path)
    user = artefacts.open_model(home).users["user_id"][3]
    done = run(home, "erase", user, "--json")
    assert list(done.json["removed"]["models"]) == ["v1"]
    assert user not in done.out
    assert user not in artefacts.open_model(home).users["user_id"]


def test_the_command_records_and_heeds_what_people_said(
    own: Callable[..., Asker], run: Callable[..., Said], tmp_path: Path
) -> None:
    own()
    home = Home(tmp_path)
    users = artefacts.open_model(home).users["user_id"].to_list()
    file = tmp_path / "consents.csv"
    lines = [f"{user},true,true,false,true,form" for user in users[:3]]
    file.write_text("\n".join(["user_id,store,profile,select,measure,source", *lines]))
    assert run(home, "consent", "import", str(file), "--json").json["stored"] == 3
    file.write_text(file.read_text() + "\nu,true,true,maybe,true,form\nv,1,1,,1,form")
    told = run(home, "consent", "import", str(file))
    assert told.code == 0
    assert "row 4: select: is neither true nor false" in told.out
    done = run(home, "consent", "object", users[3], "--source", "letter", "--json")
    assert not done.json["in_force"]["select"]
    words = ("--store", "--profile", "--select", "--measure", "--source", "form")
    run(home, "consent", "set", users[0], *words)
    assert run(home, "consent", "show", users[0], "--json").json["purposes"] == ALL
    out = tmp_path / "audience.ndjson"
    told = run(
        home, "audience", "product-003", "--share", "1", "--include-known", "--out", str(out),
        "--json",
    )  # fmt: skip
    text = out.read_text()
    assert told.json["rows"] == len(users) - 3
    assert f'"{users[0]}"' in text
    assert not any(f'"{user}"' in text for user in users[1:4])
    missing = run(home, "consent", "import", str(tmp_path / "none.csv"))
    assert missing.code == 1
    assert "does not exist" in missing.err
