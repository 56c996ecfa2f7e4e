"""Rows in over HTTP: judged one by one, durable when acknowledged, answered once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from engine.frames import EVENTS
from engine.operations.intake import compact
from engine.operations.keys import replace_key
from engine.store.eventlog import scan_table
from engine.store.inbox import Inbox
from engine.store.results import newest
from tests.api.conftest import Asker
from tests.api.handed import NDJSON, act, home_of, kept


@pytest.fixture
def ask(own: Callable[..., Asker]) -> Asker:
    return own(model=False)


def test_good_rows_are_kept_and_bad_ones_come_back(ask: Asker) -> None:
    rows = [act(0), act(1, action="lick"), 7, act(2, user_id=""), act(3), {"user_id": ["x"]}]
    answer = ask.post("/v1/events", json=rows)
    assert answer.status_code == 200
    assert answer.json["received"] == 6
    assert answer.json["accepted"] == 2
    assert answer.json["refused"] == [
        {"index": 1, "field": "action", "reason": "action is unknown"},
        {"index": 2, "field": "", "reason": "is no object"},
        {"index": 3, "field": "user_id", "reason": "user_id is missing"},
        {"index": 5, "field": "user_id", "reason": "user_id is not text"},
    ]
    assert [row["user_id"] for row in kept(ask)] == ["u0", "u3"]


@pytest.mark.parametrize("half", [r"\ud800", r"\udc00x", r"\udc00\ud800"])
def test_half_of_a_character_costs_its_row_alone(ask: Asker, half: str) -> None:
    rows = json.dumps([act(0), act(1, user_id="HERE"), act(2, user_id="\U0001f600")])
    body = rows.replace("HERE", half).encode()
    answer = ask.post("/v1/events", data=body, content_type="application/json")
    assert answer.json["accepted"] == 2
    assert [row["index"] for row in answer.json["refused"]] == [1]
    assert "half of a character" in answer.json["refused"][0]["reason"]
    broken = body.replace(b'"value"', b'"value": NaN, "value"') if b'"value"' in body else body[:-1]
    assert ask.post("/v1/events", data=broken, content_type="application/json").status_code == 400


def test_an_id_of_blanks_is_none(ask: Asker) -> None:
    answer = ask.post("/v1/events", json=[act(0), act(1, user_id=" ")])
    assert answer.json["refused"] == [
        {"index": 1, "field": "user_id", "reason": "user_id is blank"}
    ]


def test_none_good_is_a_problem(ask: Asker) -> None:
    answer = ask.post("/v1/events", json=[act(action="lick")])
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json["refused"] == [
        {"index": 0, "field": "action", "reason": "action is unknown"}
    ]
    assert (answer.json["received"], answer.json["accepted"]) == (1, 0)
    assert ask.post("/v1/events", json=[]).json == {"received": 0, "accepted": 0, "refused": []}


def test_strict_keeps_all_or_none(ask: Asker) -> None:
    strict = {"Prefer": "respond-async, handling=strict"}
    answer = ask.post("/v1/events", json=[act(0), act(1, action="lick")], headers=strict)
    assert (answer.status_code, answer.json["accepted"]) == (422, 0)
    assert answer.json["refused"][0]["index"] == 1
    assert answer.headers["Preference-Applied"] == "handling=strict"
    assert kept(ask) == []
    assert ask.post("/v1/events", json=[act(0)], headers=strict).json["accepted"] == 1
    assert len(kept(ask)) == 1


def test_lines_are_judged_one_by_one_too(ask: Asker) -> None:
    lines = [
        json.dumps(act(0)).encode(),
        b"",
        b"{",
        b'{"user_id": "a", "user_id": "b"}',
        json.dumps(act(1, value=float("nan"))).encode(),
        b"\xff",
        json.dumps(act(2, text='says "x": and "y":')).encode() + b"\r",
        b"[" * 5000,
        json.dumps(act(3, value=10**400)).encode(),
    ]
    answer = ask.post("/v1/events", data=b"\n".join(lines), content_type=NDJSON)
    assert answer.status_code == 200
    refused = {row["index"]: row["reason"] for row in answer.json["refused"]}
    assert refused == {
        1: "is malformed JSON",
        2: "names a key twice",
        3: "is malformed JSON",
        4: "is malformed JSON",
        6: "is malformed JSON",
        7: "value is not finite",
    }
    assert [row["user_id"] for row in kept(ask)] == ["u0", "u2"]


def test_activities_need_no_translation(ask: Asker) -> None:
    like = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": "https://x.example/1",
        "type": "Like",
        "actor": "https://x.example/alice",
        "object": "https://shop.example/7",
        "published": "2026-01-02T03:04:05Z",
    }
    undo = like | {"id": "https://x.example/2", "type": "Undo", "object": like}
    bad = like | {"type": "Dance"}
    one = ask.post("/v1/events", data=json.dumps(like), content_type="application/activity+json")
    assert (one.status_code, one.json["accepted"]) == (200, 1)
    more = ask.post("/v1/events", json=[undo, bad, act(1)])
    assert [(row["index"], row["field"]) for row in more.json["refused"]] == [(1, "type")]
    assert [(row["action"], row["event_id"], row["object_id"]) for row in kept(ask)][:2] == [
        ("like", "https://x.example/1", None),
        ("undo", "https://x.example/2", "https://x.example/1"),
    ]


def test_a_kept_row_is_what_was_sent(ask: Asker) -> None:
    text = "é e\u0301 \u202eRTL \u200d میخوام؟"
    row = act(1, user_id=17, event_id="e", text=text, value=-0.1, channel="x", language="fa")
    assert ask.post("/v1/events", json=[row]).json["accepted"] == 1
    (found,) = kept(ask)
    assert set(found) == set(EVENTS.columns)
    assert (found["user_id"], found["text"], found["value"]) == ("17", text, -0.1)


def test_the_same_act_counts_once_however_often_it_is_sent(ask: Asker) -> None:
    for _ in range(3):
        assert ask.post("/v1/events", json=[act(1), act(1), act(2)]).json["accepted"] == 3
    compact(home_of(ask))
    ask.post("/v1/events", json=[act(1)])
    assert [row["user_id"] for row in kept(ask)] == ["u1", "u2"]


@pytest.mark.parametrize(
    ("path", "row", "columns"),
    [
        ("users", {"user_id": "a", "city": "شیراز", "age": 34, "beta": True}, ["user_id", "age"]),
        ("products", {"product_id": "p", "name": "Shoe", "tags": ["a", "b"]}, ["tags"]),
        ("follows", {"follower_id": "a", "followee_id": "b"}, ["follower_id", "followee_id"]),
        (
            "results",
            {
                "date": "2026-01-02",
                "channel": "x",
                "impressions": 9,
                "clicks": 1,
                "spend": 0.5,
            },
            ["impressions", "spend"],
        ),
    ],
)
def test_tables_are_handed_in_the_same_way(
    ask: Asker, path: str, row: dict[str, Any], columns: list[str]
) -> None:
    bad = {name: [1] if name == columns[0] else value for name, value in row.items()}
    bad = {} if path == "products" else bad
    answer = ask.post(f"/v1/{path}", json=[row, bad])
    assert answer.status_code == 200, answer.text
    assert [one["index"] for one in answer.json["refused"]] == [1]
    assert compact(home_of(ask)) == {path: 1}
    (found,) = scan_table(home_of(ask), path).collect().to_dicts()
    assert {name: found[name] for name in columns} == {name: row[name] for name in columns}
    assert compact(home_of(ask)) == {}


def test_what_is_said_later_of_a_user_is_put_over_what_was_known(ask: Asker) -> None:
    for city in ("Shiraz", "Tabriz", "Rasht"):
        ask.post("/v1/users", json=[{"user_id": "a", "city": city, f"in_{city}": 1}])
        if city == "Shiraz":
            compact(home_of(ask))
    compact(home_of(ask))
    found = scan_table(home_of(ask), "users").collect().to_dicts()
    assert found == [
        {"user_id": "a", "city": "Rasht", "in_Shiraz": 1, "in_Tabriz": 1, "in_Rasht": 1}
    ]


def test_a_request_of_results_replaces_what_was_known_of_its_days(ask: Asker) -> None:
    row = {"date": "2026-01-02", "channel": "x", "impressions": 9, "clicks": 1, "spend": 0.5}
    first = ask.post("/v1/results", json=[row, row]).json  # two advertisements of one day
    again = ask.post("/v1/results", json=[row, row]).json
    other = ask.post("/v1/results", json=[row | {"clicks": 2}]).json
    assert [(one["known"], one["correction"]) for one in (first, again, other)] == [
        (0, 0),
        (2, 0),
        (0, 1),
    ]
    assert compact(home_of(ask)) == {"results": 3}
    assert newest(home_of(ask))["clicks"].to_list() == [2]
    assert ask.post("/v1/results", json=[row | {"clicks": 2}]).json["known"] == 1


def test_results_drawn_up_before_those_that_are_known_are_refused(ask: Asker) -> None:
    row = {"date": "2026-01-02", "channel": "x", "impressions": 9, "clicks": 1, "spend": 0.5}
    new, old = "2026-01-05T00:00:00Z", "2026-01-04T00:00:00Z"
    ask.post("/v1/results", json=[row | {"reported_at": new}])
    for _ in range(2):  # while the first waits, and when it is in the log
        late = ask.post("/v1/results", json=[row | {"clicks": 2, "reported_at": old}])
        assert late.status_code == 422
        (told,) = late.json["refused"]
        assert told["field"] == "reported_at"
        assert "2026-01-05" in told["reason"]
        assert "2026-01-04" in told["reason"]
        compact(home_of(ask))
    assert newest(home_of(ask))["clicks"].to_list() == [1]


@pytest.mark.parametrize("name", ["a b", "x" * 65, "", "a\x00", "User_ID", "\x1frow", "a;b"])
def test_attributes_that_no_table_could_hold_are_refused(ask: Asker, name: str) -> None:
    answer = ask.post("/v1/users", json=[{"user_id": "a", name: 1}, {"user_id": "b", "ok": 1}])
    assert [row["index"] for row in answer.json["refused"]] == [0]
    assert compact(home_of(ask)) == {"users": 1}


def test_columns_do_not_grow_without_end(ask: Asker) -> None:
    rows = [{"user_id": str(n), f"c{n}": 1} for n in range(400)]
    answer = ask.post("/v1/users", json=rows)
    assert (answer.json["accepted"], len(answer.json["refused"])) == (255, 145)


@pytest.mark.parametrize(
    ("body", "form", "status"),
    [
        (b"{", "application/json", 400),
        (b"7", "application/json", 400),
        (b"[NaN]", "application/json", 400),
        (b'[{"a": 1, "a": 2}]', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'[{"value": ' + b"9" * 1_000_000 + b"}]", "application/json", 400),
        (b'["\xff"]', "application/json", 400),
        (b'["\\ud800"]', "application/json", 422),
        (b"[]", "text/plain", 415),
        (b"[]", "application/json; charset=utf-16", 415),
        (b"", "", 415),
        (b"[" + b" " * (17 << 20) + b"]", "application/json", 413),
        (b"[" + b"{}," * 10_000 + b"{}]", "application/json", 413),
        (b"{}\n" * 10_001, NDJSON, 413),
    ],
)
def test_bodies_that_are_none_are_refused_whole(
    common: Asker, body: bytes, form: str, status: int
) -> None:
    answer = common.post("/v1/events", data=body, content_type=form)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert kept(common) == []


def test_packed_bodies_are_refused(ask: Asker) -> None:
    headers = {"Content-Encoding": "gzip"}
    answer = ask.post("/v1/events", data=b"\x1f\x8b", headers=headers, content_type=NDJSON)
    assert answer.status_code == 415


def test_activities_are_events_alone(ask: Asker) -> None:
    form = "application/activity+json"
    assert ask.post("/v1/users", data=b"{}", content_type=form).status_code == 415


def test_writing_needs_its_scope(ask: Asker) -> None:
    ask.key = replace_key(home_of(ask), name="poor", scopes=["segments:read"])
    answer = ask.post("/v1/events", json=[act()])
    assert answer.status_code == 403
    assert 'scope="events:write"' in answer.headers["WWW-Authenticate"]


def test_nothing_is_acknowledged_that_could_not_be_kept(
    ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("engine.store.inbox._batch", full)
        answer = ask.post("/v1/events", json=[act()], headers={"Idempotency-Key": "k"})
    assert answer.status_code >= 500
    assert ask.post("/v1/events", json=[act()], headers={"Idempotency-Key": "k"}).status_code == 200
    assert len(kept(ask)) == 1


def test_neither_log_nor_figures_name_a_person(ask: Asker) -> None:
    ask.post("/v1/events", json=[act(0, user_id="canary-user", text="canary-text")])
    ask.post("/v1/events", json=[act(0, user_id="canary-user", action="canary-act")])
    text = ask.log.getvalue().decode() + ask.client.get("/metrics").text
    assert "canary" not in text


def test_rows_that_wait_are_counted_and_forgotten_by_person(ask: Asker) -> None:
    from engine.store.catalog import open_catalog

    ask.post("/v1/events", json=[act(0), act(1), act(2, target_user_id="u1")])
    ask.post("/v1/follows", json=[{"follower_id": "u3", "followee_id": "u1"}])
    ask.post("/v1/users", json=[{"user_id": "u1", "city": "Yazd"}, {"user_id": "u0"}])
    with open_catalog(home_of(ask)) as catalog:
        inbox = Inbox(home_of(ask), catalog)
        assert inbox.waiting() == {"events": 3, "follows": 1, "users": 2}
        assert inbox.events_of(["u1"])["user_id"].to_list() == ["u1"]
        assert inbox.forget("u1") == 3
        assert inbox.waiting() == {"events": 2, "users": 1}
    files = list(home_of(ask).root.glob("catalog*"))
    assert len(files) >= 2
    assert not [file for file in files if b"Yazd" in file.read_bytes()]
    assert [(row["user_id"], row["target_user_id"]) for row in kept(ask)] == [
        ("u0", None),
        ("u2", None),
    ]
    assert pl.concat([scan_table(home_of(ask), "users").collect()])["user_id"].to_list() == ["u0"]


def test_rows_of_people_who_do_not_allow_storing_do_not_reach_the_log(ask: Asker) -> None:
    rows = [act(0), act(1), act(2)]
    assert ask.post("/v1/events", json=rows).json["accepted"] == 3
    purposes = dict.fromkeys(("store", "profile", "select", "measure"), False)
    refusal = {"json": {"source": "test", "purposes": purposes}}
    assert ask._send("PUT", "/v1/users/u1/consent", refusal).status_code == 200
    strict = {"Prefer": "handling=strict"}
    again = ask.post("/v1/events", json=[act(1, event_id="e"), act(3)], headers=strict)
    assert again.json == {"received": 2, "accepted": 2, "refused": []}
    assert [row["user_id"] for row in kept(ask)] == ["u0", "u2", "u3"]
