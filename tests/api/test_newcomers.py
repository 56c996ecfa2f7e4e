"""People who came after training are answered without a retrain, over HTTP and by the verb."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from api.app import create_app
from engine.frames import AT, EVENT, OBJECT, PRODUCT, USER
from engine.operations.audiences import user_segments
from engine.operations.intake import compact
from engine.operations.keys import create_key
from engine.store.artefacts import open_model
from engine.store.eventlog import append_events
from engine.store.home import Home
from tests.training.planted import events_like, events_of, quick_home, tasteful
from training.flow import retrain

TASTE = {"even": "p00000", "odd": "p00001"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two tastes, a champion, and afterwards one newcomer of each taste."""
    events = events_like(tasteful())
    made = quick_home(Path(tmp_path_factory.mktemp("newcomers") / "home"), events)
    assert retrain(made).promoted
    later = events[AT].max() + timedelta(hours=1)
    for taste, first in (("even", 0), ("odd", 1)):
        liked = [f"p{number:05d}" for number in range(first, 12, 2)]
        acts = events.head(len(liked)).with_columns(
            pl.lit(f"new {taste}").alias(USER),
            pl.Series(PRODUCT, liked),
            pl.lit("like").alias("action"),
            pl.Series(EVENT, [f"{taste} {product}" for product in liked]),
            pl.lit(later).alias(AT),
        )
        append_events(made, acts)
    return made


@pytest.mark.parametrize(("taste", "parity"), [("even", 0), ("odd", 1)])
def test_a_newcomer_is_in_the_best_shares_of_products_of_their_taste(
    home: Home, taste: str, parity: int
) -> None:
    answer = user_segments(open_model(home), [f"new {taste}"], home=home, limit=5)
    assert answer["newcomers"] == [f"new {taste}"]
    products = [segment[PRODUCT] for segment in answer["users"][f"new {taste}"]]
    assert products
    assert all(int(product[1:]) % 2 == parity for product in products)


@pytest.mark.parametrize("days", [-300, -1, 0, 1])
def test_whoever_came_in_after_training_is_folded_in_whenever_they_acted(
    home: Home, days: int
) -> None:
    user, model = f"late {days}", open_model(home)
    acts = [(user, f"p{number:05d}", "like") for number in range(1, 12, 2)]
    at = datetime.fromisoformat(model.as_of) + timedelta(days=days)
    append_events(
        home,
        events_of(acts).with_columns(
            pl.lit(at).alias(AT), pl.format("{} {}", pl.lit(user), EVENT).alias(EVENT)
        ),
    )
    answer = user_segments(model, [user], home=home, limit=5)
    assert answer["newcomers"] == [user]
    products = [segment[PRODUCT] for segment in answer["users"][user]]
    assert products
    assert all(int(product[1:]) % 2 for product in products)


def test_a_model_that_does_not_say_what_it_has_read_finds_newcomers_all_the_same(
    home: Home,
) -> None:
    model = dataclasses.replace(open_model(home), window={})
    assert user_segments(model, ["new even"], home=home)["newcomers"] == ["new even"]


def test_who_took_everything_back_or_knows_no_product_stays_unknown(home: Home) -> None:
    acts = events_of([("undecided", "p00001", "like"), ("undecided", "p00001", "undo")])
    acts = pl.concat([acts, events_of([("elsewhere", "p99999", "like")])])
    append_events(
        home,
        acts.with_columns(
            pl.Series(EVENT, ["un0", "un1", "un2"]), pl.Series(OBJECT, [None, "un0", None])
        ),
    )
    asked = ["undecided", "elsewhere"]
    answer = user_segments(open_model(home), ["u00000", *asked], home=home)
    assert (answer["newcomers"], answer["unknown"]) == ([], asked)


def test_newcomers_are_answered_over_http(home: Home) -> None:
    key = create_key(home, name="test", scopes=["segments:read"])
    client = create_app(home).test_client()
    answer = client.get("/v1/users/new%20odd/segments", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    assert answer.get_json()["newcomers"] == ["new odd"]


def test_who_never_acted_stays_unknown(home: Home) -> None:
    answer = user_segments(open_model(home), ["u00000", "nobody"], home=home)
    assert answer["unknown"] == ["nobody"]


def test_who_came_in_over_http_a_moment_ago_is_a_newcomer_too(home: Home) -> None:
    key = create_key(home, name="writes", scopes=["segments:read", "events:write"])
    client, headers = create_app(home).test_client(), {"Authorization": f"Bearer {key}"}
    act = {"user_id": "just now", "action": "like", "occurred_at": "2026-01-02T03:04:05Z"}
    acts = [act | {"product_id": f"p{number:05d}"} for number in range(1, 12, 2)]
    assert client.post("/v1/events", json=acts, headers=headers).json["accepted"] == 6
    asked = "/v1/users/just%20now/segments?limit=5"
    waiting = client.get(asked, headers=headers).json
    assert waiting["newcomers"] == ["just now"]
    products = [segment[PRODUCT] for segment in waiting["users"]["just now"]]
    assert products
    assert all(int(product[1:]) % 2 for product in products)
    assert compact(home) == {"events": 6}
    assert client.get(asked, headers=headers).json == waiting
