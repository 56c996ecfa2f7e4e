"""Word of mouth over HTTP: the answer of the verb, dense, and refusals in the one shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from api.http.word import WordHealth
from engine.frames import EVENTS
from engine.operations.keys import create_key
from engine.operations.members import LOCAL, Actor, Card, put_member
from engine.operations.teams import TeamChange, change_team, create_team
from engine.store.eventlog import append_events
from engine.store.home import Home
from tests.api.conftest import UNLIMITED, Asker, asker_of
from tests.api.handed import home_of
from tests.api.test_word_command import said

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """One product of which people spoke yesterday; teams come at the end, the rest reads only."""
    made = asker_of(Home(tmp_path_factory.mktemp("word")), UNLIMITED, model=False)
    rows = pl.DataFrame(said("bad/1", 40, 60), schema=EVENTS.columns)
    moved = pl.lit(NOW - timedelta(days=1), EVENTS.columns["occurred_at"])
    append_events(home_of(made), rows.with_columns(occurred_at=moved))
    return made


def test_the_answer_is_as_the_text_says_and_needs_no_model(ask: Asker) -> None:
    response = ask.get("/v1/products/bad%2F1/word?days=7")
    assert response.status_code == 200
    told = WordHealth.model_validate_json(response.data)
    assert (told.word.people, told.word.negative, told.days) == (100, 40, 7)
    assert told.change is None
    assert told.earlier_share is None
    assert len(told.series) == 14
    assert b": " not in response.data
    assert b"u1-" not in response.data


def test_an_unknown_product_is_404_with_those_near_it(ask: Asker) -> None:
    response = ask.get("/v1/products/bad%2F2/word")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.json["near"] == ["bad/1"]


@pytest.mark.parametrize(
    "query", ["days=0", "days=367", "days=x", "as_of=2999-01-01", "as_of=soon", "as_of=1", "day=3"]
)
def test_what_cannot_be_meant_is_422(ask: Asker, query: str) -> None:
    response = ask.get(f"/v1/products/bad%2F1/word?{query}")
    assert response.status_code == 422
    assert response.json["fields"][0]["field"] == query.split("=")[0]


def test_words_up_to_a_day_hold_that_whole_day(ask: Asker) -> None:
    day = (NOW - timedelta(days=1)).date()
    on = ask.get(f"/v1/products/bad%2F1/word?days=1&as_of={day}").json
    before = ask.get(f"/v1/products/bad%2F1/word?days=1&as_of={day - timedelta(days=1)}").json
    assert (on["word"]["people"], before["word"]["people"]) == (100, 0)
    assert (before["state"], before["negative_share"]) == ("silent", None)


def test_word_of_another_teams_product_is_not_told(ask: Asker) -> None:
    home = home_of(ask)
    put_member(home, LOCAL, "sara", Card("owner"))
    put_member(home, LOCAL, "mina", Card("analyst"))
    sara = Actor("sara", "owner")
    for team, change in (
        ("phones", TeamChange(own=("bad/1",))),
        ("shoes", TeamChange(join=("mina",))),
    ):
        create_team(home, sara, team)
        change_team(home, sara, team, change)
    key = create_key(home, name="m", scopes=["segments:read"], member="mina")
    headers = {"Authorization": f"Bearer {key}"}
    hidden = ask.get("/v1/products/bad%2F1/word", headers=headers)
    missing = ask.get("/v1/products/nothing/word", headers=headers)
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json["near"] == missing.json["near"] == []
