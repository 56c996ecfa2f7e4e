"""Acts over HTTP that share an id: what agrees counts once, what does not is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from engine.operations.intake import compact
from engine.signals.ties import standing_ties
from engine.store.eventlog import scan_events, scan_table, scan_ties
from tests.api.conftest import Asker
from tests.api.handed import act, home_of


@pytest.fixture
def ask(own: Callable[..., Asker]) -> Asker:
    return own(model=False)


def test_of_acts_under_one_id_the_first_to_come_stands_and_others_are_told(ask: Asker) -> None:
    for user in ("u7", "a"):
        answer = ask.post("/v1/events", json=[act(0, user_id=user, event_id="https://x/1")])
        assert answer.json["accepted"] == 1
    assert compact(home_of(ask)) == {"events": 1, "refused": 1}
    ask.post("/v1/events", json=[act(0, user_id="0", event_id="https://x/1")])
    ask.post("/v1/events", json=[act(0, user_id="u7", event_id="https://x/1")])
    assert compact(home_of(ask)) == {"events": 0, "refused": 1}
    assert scan_table(home_of(ask), "events").collect()["user_id"].to_list() == ["u7"]
    files = sorted(home_of(ask).quarantine.glob("inbox-*.ndjson"))
    told = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    reason = "event_id is that of a known act, which says something else"
    assert [(row["table"], row["reason"]) for row in told] == [("events", reason)] * 2
    assert [json.loads(row["raw"])["user_id"] for row in told] == ["a", "0"]


@pytest.mark.parametrize("form", ["ours", "activities"])
def test_a_row_against_an_earlier_one_of_its_request_comes_back(ask: Asker, form: str) -> None:
    if form == "ours":
        one, other = act(0, event_id="e"), act(0, event_id="e", product_id="q")
    else:
        said = {"type": "Like", "id": "e", "actor": "a", "published": "2026-01-01T00:00:00Z"}
        one, other = said | {"object": "p"}, said | {"object": "q"}
    strict = {"Prefer": "handling=strict"}
    rows = [one, one, other, act(2)]
    for headers, accepted, repeated in ((strict, 0, None), ({}, 3, 1)):
        answer = ask.post("/v1/events", json=rows, headers=headers)
        assert (answer.json["accepted"], answer.json.get("repeated")) == (accepted, repeated)
        reason = "event_id is that of row 0, which says something else"
        assert answer.json["refused"] == [{"index": 2, "field": "event_id", "reason": reason}]
    assert ask.post("/v1/events", json=[one, one], headers=strict).json["repeated"] == 1
    assert compact(home_of(ask)) == {"events": 2}


def test_a_tie_that_was_handed_in_is_taken_back_by_a_later_undo_of_its_follow(ask: Asker) -> None:
    ties = [{"follower_id": "a", "followee_id": name} for name in ("b", "c", "d")]
    ask.post("/v1/follows", json=ties)
    moments = [datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (-3600, 60)]
    for whom, at in zip("bc", moments, strict=True):
        follow = {"type": "Follow", "object": whom, "published": "2025-01-01T00:00:00Z"}
        undo = {"type": "Undo", "actor": "a", "object": follow, "published": at.isoformat()}
        assert ask.post("/v1/events", json=[undo]).json["accepted"] == 1
    compact(home_of(ask))
    found = standing_ties(scan_events(home_of(ask)), scan_ties(home_of(ask)), distinct=True)
    assert found.rows() == [("a", "b"), ("a", "d")], "b was unfollowed before the tie came"
