"""Word of a home: whose counts, what is told where nobody spoke, and that no person is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from api.pages.report import page
from engine.errors import ArtefactCorrupt, InvalidValue, UnknownEntity
from engine.frames import EVENTS
from engine.operations.consent import record_consent
from engine.operations.erasure import erase_user
from engine.operations.integrity import release
from engine.operations.members import LOCAL, Actor, Card, put_member
from engine.operations.reports import Wish, report
from engine.operations.teams import TeamChange, change_team, create_team
from engine.operations.word_health import word_of, word_of_all
from engine.operations.word_heard import span_of
from engine.store import suspects
from engine.store.catalog import open_catalog
from engine.store.eventlog import add_follows, append_events, upsert
from engine.store.home import Home
from tests.engine.operations.reported import OWNER, open_campaign

SARA = Actor("sara", "owner")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BLAME, PRAISE = "Terrible, the battery broke at once.", "عالی بود، خیلی راضی هستم"
MIXED = "این گوشی terrible بود، اصلا نخرید، do not buy"


def put(home: Home, *rows: dict[str, Any]) -> None:
    """Rows of events; each has an id of its own unless it names one."""
    before = len(list(home.log.glob("events/*.parquet"))) if home.log.exists() else 0
    full = [
        {
            "event_id": f"e{before}-{at}",
            "user_id": f"u{at}",
            "product_id": "p",
            "action": "review",
            "occurred_at": NOW - timedelta(days=1, seconds=at),
            "text": BLAME,
        }
        | row
        for at, row in enumerate(rows)
    ]
    append_events(home, pl.DataFrame(full, schema=EVENTS.columns))


def crowd(ill: int, well: int, *, days_ago: float = 1, name: str = "u") -> list[dict[str, Any]]:
    at = NOW - timedelta(days=days_ago)
    texts = [BLAME] * ill + [PRAISE] * well
    return [
        {"user_id": f"{name}{n}", "text": text, "occurred_at": at} for n, text in enumerate(texts)
    ]


def told(home: Home, product: str = "p", **asked: Any) -> dict[str, Any]:
    return word_of(home, product, span_of(home, now=NOW, **asked))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_planted_burst_of_complaints_alerts_and_says_of_what(home: Home) -> None:
    put(home, *crowd(5, 60, days_ago=40, name="b"), *crowd(40, 60))
    found = told(home)
    assert found["state"] == "alert"
    assert (found["word"]["negative"], found["before"]["negative"]) == (40, 5)
    rules = {one["rule"]: one["says"] for one in found["reasons"]}
    assert "rose from" in rules["more"]
    assert rules["aspect"].startswith(
        "40 of 100 people who spoke blame quality; before it was 5 of 65"
    )
    assert "about" not in rules
    assert "strangers" not in rules  # the others did nothing else either
    assert found["change"]["lower"] > 0
    assert found["blamed"][0]["phrase"] == "battery"
    assert [part["people"] for part in found["series"]][-1] == 100


def test_one_person_alone_alerts_nobody(home: Home) -> None:
    put(home, *({"user_id": "loud"} for _ in range(100)))
    found = told(home)
    assert (found["state"], found["word"]["people"], found["word"]["acts"]) == ("calm", 1, 100)
    assert found["reasons"][0]["says"] == "1 spoke; a product is judged from 10 on."
    assert found["negative_share"]["value"] < 0.5


def test_nobody_spoke_is_not_zero_percent(home: Home) -> None:
    put(home, {"action": "view", "text": None}, {"occurred_at": NOW - timedelta(days=100)})
    found = told(home)
    assert found["state"] == "silent"
    assert [found[name] for name in ("negative_share", "net", "change", "chance")] == [None] * 4
    assert found["reasons"][0]["says"] == (
        "Nobody who may be heard spoke in 28 days; the last word was on 2025-11-21."
    )
    assert found["last_word_at"].startswith("2025-11-21")
    assert all(part["negative_share"] is None for part in found["series"])


def test_what_cannot_be_read_is_neither_good_nor_bad(home: Home) -> None:
    put(home, {"text": ""}, {"text": "das ist nicht gut und sehr schlecht"}, {"text": None})
    found = told(home)
    assert (found["state"], found["word"]["people"], found["word"]["unread"]) == ("silent", 0, 3)
    assert found["reasons"][0]["says"] == "3 acts said nothing that can be read."


def test_private_acts_and_likes_are_no_word_unless_settings_say_so(home: Home) -> None:
    put(home, *({"action": name, "text": None} for name in ("like", "dislike", "purchase", "hide")))
    assert told(home)["state"] == "silent"
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs" / "word.toml").write_text('[read]\nactions = "review like dislike"\n')
    word = told(home)["word"]
    assert (word["positive"], word["negative"]) == (1, 1)


def test_held_accounts_move_no_alert_and_released_ones_do(home: Home) -> None:
    put(home, *crowd(40, 5))
    assert told(home)["state"] == "alert"
    held = pl.DataFrame({"user_id": [f"u{n}" for n in range(45)], "reason": ["burst"] * 45})
    with open_catalog(home) as catalog:
        suspects.hold(catalog, held.head(38))
    assert (told(home)["state"], told(home)["word"]["people"]) == ("calm", 7)
    with open_catalog(home) as catalog:
        suspects.hold(catalog, held)
    found = told(home)
    assert (found["state"], found["reasons"][0]["rule"]) == ("silent", "nobody")
    release(home, "u0")
    assert told(home)["word"]["people"] == 1


def test_who_agreed_to_no_profile_is_not_read_and_who_was_erased_is_gone(home: Home) -> None:
    put(home, *crowd(3, 1))
    record_consent(home, "u0", source="test", now=NOW, gpc=True)
    assert told(home)["word"]["people"] == 3
    erase_user(home, "u1", now=NOW)
    assert told(home)["word"]["people"] == 2


def test_what_was_taken_back_is_unsaid(home: Home) -> None:
    put(home, {"event_id": "a"}, {"event_id": "b", "text": PRAISE})
    undo = {"action": "undo", "object_id": "a", "user_id": "u0", "text": None, "product_id": None}
    put(home, undo | {"event_id": "c", "occurred_at": NOW - timedelta(hours=2)})
    assert told(home)["word"]["negative"] == 0
    before = NOW - timedelta(hours=3)
    assert told(home, as_of=before)["word"]["negative"] == 1


def test_who_shares_an_older_complaint_complains_and_of_the_same(home: Home) -> None:
    put(home, {"event_id": "old", "occurred_at": NOW - timedelta(days=200)})
    share = {"action": "share", "text": None, "object_id": "old"}
    put(home, *(share | {"user_id": f"s{n}"} for n in range(4)))
    found = told(home)
    assert (found["word"]["negative"], found["word"]["positive"]) == (4, 0)
    assert found["blamed"][0]["aspect"] == "quality"
    erase_user(home, "u0", now=NOW)
    assert told(home)["word"]["positive"] == 4  # what they passed on is not known any more


def test_no_person_and_no_text_of_theirs_is_told(home: Home) -> None:
    secret = {"text": "Terrible! My number is 5551234, mina.k@example.com, battery mina_k"}
    put(home, *({"user_id": f"mina_k{n}"} | secret for n in range(12)))
    add_follows(home, pl.DataFrame({"follower_id": ["omid_x"], "followee_id": ["mina_k1"]}))
    for answer in (told(home), word_of_all(home, span_of(home, now=NOW))):
        text = json.dumps(answer)
        assert "mina" not in text
        assert "omid" not in text
        assert "555" not in text


def test_followers_of_those_who_spoke_are_counted_once(home: Home) -> None:
    put(home, {"user_id": "a"}, {"user_id": "b"}, {"user_id": "c", "text": PRAISE})
    ties = [("x", "a"), ("x", "b"), ("y", "b"), ("y", "c"), ("z", "nobody")]
    add_follows(home, pl.DataFrame(ties, schema=["follower_id", "followee_id"], orient="row"))
    follow = {"action": "follow", "text": None, "product_id": None, "user_id": "w"}
    put(home, follow | {"target_user_id": "a", "event_id": "f"})
    undone = {"action": "undo", "object_id": "f", "user_id": "w", "text": None, "product_id": None}
    assert told(home)["followers"] == {"positive": 1, "negative": 3, "neutral": 0}
    put(home, undone | {"occurred_at": NOW - timedelta(hours=1), "event_id": "g"})
    assert told(home)["followers"]["negative"] == 2


def test_who_came_only_to_speak_ill_is_told_apart_from_who_does_other_things(home: Home) -> None:
    put(home, *crowd(60, 20))
    busy = {"action": "view", "text": None, "product_id": "q"}
    put(home, *({"user_id": f"u{n}", "event_id": f"v{n}"} | busy for n in range(57, 78)))
    found = told(home)
    assert found["strangers"] == {"negative": 57, "others": 2}
    assert found["reasons"][-1]["says"] == (
        "57 of the 60 who spoke ill did nothing else in 56 days, of the others 2 of 20: "
        "look whether they are customers."
    )


def test_texts_in_two_languages_and_huge_ones_are_read(home: Home) -> None:
    put(home, {"text": MIXED}, {"text": BLAME + " and the" * 50_000}, {"text": "😡😡😡"})
    assert told(home)["word"]["negative"] >= 2


@pytest.mark.slow
def test_a_trained_reader_of_the_home_is_asked(home: Home) -> None:
    from engine.operations.readers import save_reader
    from engine.settings import load, load_rows
    from engine.signals.text_lexicon import load_lexicon
    from training.text import fit_reader

    words = [("the zorbig of it", "negative"), ("it is the flimkar", "positive")] * 60
    table = pl.DataFrame(words, schema=["text", "label"], orient="row")
    save_reader(
        home, fit_reader(table, "sentiment", load_lexicon(load_rows), settings=load("text"))
    )
    put(home, {"text": "the zorbig of it"}, {"text": "the zorbig, it is the zorbig of it"})
    assert told(home)["word"]["negative"] == 2


def test_an_unknown_product_is_told_with_those_near_it(home: Home) -> None:
    put(home, {"product_id": "phone-12"})
    upsert(home, "products", pl.DataFrame({"product_id": ["phone-13"], "name": ["Thirteen"]}))
    with pytest.raises(UnknownEntity) as raised:
        told(home, "phone-14")
    assert set(raised.value.near) == {"phone-12", "phone-13"}
    assert told(home, "phone-13")["name"] == "Thirteen"
    assert word_of(home, "phone-14", span_of(home, now=NOW), also={"phone-14"})["state"] == "silent"


@pytest.mark.parametrize("days", [0, -1, 367, 10**9])
def test_a_window_that_cannot_be_meant_is_refused(home: Home, days: int) -> None:
    with pytest.raises(InvalidValue, match="not within 1 to 366"):
        span_of(home, now=NOW, days=days)


def test_the_future_is_not_known_but_later_today_is_now(home: Home) -> None:
    with pytest.raises(InvalidValue, match="ahead of the clock"):
        span_of(home, now=NOW, as_of=NOW + timedelta(days=1))
    assert span_of(home, now=NOW, as_of=NOW + timedelta(hours=3)).until == NOW


def test_all_products_stand_the_worst_first_and_agree_with_each_alone(home: Home) -> None:
    put(home, *crowd(60, 20), *crowd(5, 60, days_ago=40, name="b"))
    put(home, *({"product_id": "q"} | row for row in crowd(2, 30)))
    put(home, *({"product_id": "gone"} | row for row in crowd(1, 1, days_ago=50)))
    found = word_of_all(home, span_of(home, now=NOW))
    assert [row["product_id"] for row in found["products"]] == ["p", "q", "gone"]
    assert [row["state"] for row in found["products"]] == ["alert", "calm", "silent"]
    assert (found["alerts"], found["watched"]) == (1, 0)
    assert found["products"][0]["about"] == "quality"
    for row in found["products"]:
        alone = told(home, row["product_id"])
        same = ("state", "word", "before", "negative_share", "net", "change", "chance")
        assert {name: row[name] for name in same} == {name: alone[name] for name in same}


def test_an_empty_home_has_no_products_to_tell_of(home: Home) -> None:
    found = word_of_all(home, span_of(home, now=NOW))
    assert (found["products"], found["alerts"]) == ([], 0)
    with pytest.raises(UnknownEntity):
        told(home)


def test_beyond_what_is_read_a_sample_speaks_for_all(home: Home) -> None:
    rows = [row | {"text": f"{row['text']} {at}"} for at, row in enumerate(crowd(150, 350))]
    put(home, *rows)
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs" / "word.toml").write_text("[read]\ntexts = 200\n")
    found = told(home)
    assert found["read_share"] == pytest.approx(0.4)
    assert 150 < found["word"]["people"] < 250
    assert found["negative_share"]["lower"] < 0.3 < found["negative_share"]["upper"]


def test_the_report_of_a_running_campaign_says_that_word_turned_bad(home: Home) -> None:
    open_campaign(home)
    burst = [*crowd(40, 30), *crowd(5, 60, days_ago=40, name="b")]
    put(home, *({"product_id": "product-7"} | row for row in burst))
    found = report(home, OWNER, "c", Wish(NOW, measured=False))
    told_of = [one for one in found["alerts"] if one["kind"] == "word"]
    assert ["spoke ill" in one["says"] for one in told_of] == [True, False, False]
    assert told_of[0]["value"] > 0.4 > told_of[0]["against"]
    persian = page(found, "fa")
    assert "بد گفتند" in persian
    assert "سهم بدگویان" in persian
    assert "از کیفیت گله دارند" in persian
    calm = report(home, OWNER, "c", Wish(NOW - timedelta(days=30), measured=False))
    assert "word" not in {one["kind"] for one in calm["alerts"]}


def test_a_damaged_reader_hides_no_results_of_a_campaign(home: Home) -> None:
    open_campaign(home)
    put(home, *({"product_id": "product-7"} | row for row in crowd(40, 10)))
    home.readers.mkdir(parents=True)
    (home.readers / "sentiment.json").write_text("{}")
    with pytest.raises(ArtefactCorrupt):
        told(home, "product-7")
    assert report(home, OWNER, "c", Wish(NOW, measured=False))["results"] is not None


def test_word_of_a_product_of_another_team_is_in_no_report(home: Home) -> None:
    open_campaign(home, team="books")
    put(home, *({"product_id": "product-7"} | row for row in crowd(40, 10)))
    for name, role in (("sara", "owner"), ("ada", "viewer")):
        put_member(home, LOCAL if name == "sara" else SARA, name, Card(role))
    for team, change in (
        ("books", TeamChange(join=("ada",))),
        ("phones", TeamChange(own=("product-7",))),
    ):
        create_team(home, SARA, team)
        change_team(home, SARA, team, change)
    kinds = [
        {one["kind"] for one in report(home, actor, "c", Wish(NOW, measured=False))["alerts"]}
        for actor in (SARA, Actor("ada", "viewer", ("books",)))
    ]
    assert ["word" in found for found in kinds] == [True, False]


@pytest.mark.slow
def test_of_many_products_the_planted_one_alerts_and_no_other(home: Home) -> None:
    rng = np.random.default_rng(5)
    texts = {True: [BLAME, "Awful, rude staff.", MIXED], False: [PRAISE, "I love it, great!"]}
    rows = []
    for product in range(300):
        ill = rng.random(int(rng.integers(10, 200))) < rng.uniform(0.02, 0.3)
        rows += [
            {
                "event_id": f"{product}-{at}",
                "user_id": f"u{rng.integers(0, 20_000)}",
                "product_id": f"p{product:03}",
                "occurred_at": NOW - timedelta(days=float(rng.uniform(0, 56))),
                "text": str(rng.choice(texts[bool(bad)])),
            }
            for at, bad in enumerate(ill)
        ]
    late = {"product_id": "p150", "text": "Late delivery, terrible."}
    burst = [{"user_id": f"b{n}", "event_id": f"b{n}"} | late for n in range(40)]
    put(home, *rows, *burst)
    found = word_of_all(home, span_of(home, now=NOW))
    assert [row["product_id"] for row in found["products"] if row["state"] == "alert"] == ["p150"]
    assert found["products"][0]["about"] == "delivery"
    assert found["watched"] <= 0.1 * 300
