"""Texts as evidence: praise, complaints and wishes to buy become acts; ratings are not touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from engine.frames import EVENTS
from engine.settings import load, load_rows
from engine.signals.evidence import weigh_events
from engine.signals.readings import Reading, categorise, judge_texts, read_evidence
from engine.signals.text_lexicon import load_lexicon

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = load("text")
READING = Reading(load_lexicon(load_rows), SETTINGS)
PRAISE = ("I love it, excellent!", "عالی بود، خیلی راضی هستم")
BLAME = ("Terrible, it broke at once.", "افتضاح بود، اصلا نخرید")
WISH = ("Where can I buy this?", "می‌خوام بخرم، قیمتش چنده؟")


def events(*rows: dict[str, object]) -> pl.LazyFrame:
    full = [
        {"event_id": f"e{at}", "user_id": f"u{at}", "product_id": "p", "action": "review",
         "occurred_at": NOW - timedelta(days=1)} | row
        for at, row in enumerate(rows)
    ]  # fmt: skip
    return pl.DataFrame(full, schema=EVENTS.columns).lazy()


def acts(frame: pl.LazyFrame) -> dict[str, str]:
    found, _ = read_evidence(frame, now=NOW, reading=READING)
    return dict(found.collect().select("event_id", "action").rows())


@pytest.mark.parametrize("language", [0, 1])
def test_praise_is_a_like_a_complaint_a_dislike_and_a_question_about_buying_a_save(language):
    frame = events(
        {"text": PRAISE[language]},
        {"text": BLAME[language], "action": "comment"},
        {"text": WISH[language], "action": "question"},
        {"text": "It was delivered by the post on a day."},
    )
    assert acts(frame) == {"e0": "like", "e1": "dislike", "e2": "save", "e3": "review"}


def test_who_hates_a_product_does_not_wish_to_buy_it():
    hated = "Where can I buy a better phone than this garbage? I hate it"
    frame = events({"text": hated}, {"text": "A bit slow. Where can I buy this?"})
    assert acts(frame) == {"e0": "dislike", "e1": "save"}
    assert judge_texts(pl.Series([hated]), READING).rows() == [(-1, False)]


def test_a_rating_an_act_without_a_text_and_other_actions_stay():
    frame = events(
        {"text": BLAME[0], "value": 5.0},
        {},
        {"text": BLAME[0], "action": "like"},
        {"text": "das ist nicht gut und sehr schlecht"},
        {"text": PRAISE[0], "product_id": None},
    )
    assert set(acts(frame).values()) == {"review", "like"}
    assert acts(frame)["e0"] == acts(frame)["e4"] == "review"


def test_where_nobody_writes_the_very_frame_comes_back():
    silent = events({}, {"action": "view"})
    same, market = read_evidence(silent, now=NOW, reading=READING)
    assert same is silent
    assert market.is_empty()
    bare = silent.drop("text")
    assert read_evidence(bare, now=NOW, reading=READING)[0] is bare


def test_what_is_taken_back_leaves_nothing():
    frame = events(
        {"text": PRAISE[0], "user_id": "a"},
        {"text": WISH[0], "user_id": "b"},
        {"action": "undo", "user_id": "a", "object_id": "e0"},
        {"action": "undo", "user_id": "b", "object_id": "e1"},
    )
    found, market = read_evidence(frame, now=NOW, reading=READING)
    assert weigh_events(found, actions=load_rows("actions"), now=NOW).collect().is_empty()
    assert market.is_empty()


def test_evidence_follows_the_text():
    frame = events({"text": PRAISE[1]}, {"text": BLAME[1]})
    found, _ = read_evidence(frame, now=NOW, reading=READING)
    pairs = weigh_events(found, actions=load_rows("actions"), now=NOW).collect()
    assert dict(pairs.select("user_id", "polarity").rows()) == {"u0": 1, "u1": -1}


def test_a_wish_lasts_as_long_as_settings_say():
    days = SETTINGS["evidence"].in_market_days
    frame = events(
        {"text": WISH[0], "occurred_at": NOW - timedelta(days=days - 1)},
        {"text": WISH[0], "occurred_at": NOW - timedelta(days=days + 1)},
    )
    found, market = read_evidence(frame, now=NOW, reading=READING)
    assert dict(found.collect().select("event_id", "action").rows()) == {
        "e0": "save",
        "e1": "review",
    }
    assert market["user_id"].to_list() == ["u0"]
    assert market["until"].item() == NOW + timedelta(days=1)


def test_people_are_in_market_for_a_category_that_they_name():
    products = pl.DataFrame({"product_id": ["p", "q"], "tags": [["bikes"], ["phone", "new"]]})
    frame = events(
        {"text": "I want to buy a new phone", "product_id": None, "action": "post"},
        {"text": WISH[0]},
        {"text": "I want to buy a boat", "product_id": None, "action": "post"},
    )
    _, market = read_evidence(frame, now=NOW, reading=READING)
    named = categorise(market, products, longest=100).select("user_id", "product_id", "category")
    assert named.rows()[1] == ("u1", "p", "bikes")
    assert named.rows()[0][:2] == ("u0", None)
    assert named.rows()[0][2] in {"phone", "new"}
    assert named.height == 2
    assert categorise(market, products.drop("tags"), longest=100).height == 1


def test_people_are_in_market_for_a_product_that_they_name():
    products = pl.DataFrame(
        {
            "product_id": ["g24", "g25", "i15", "mi", "twin", "twin2"],
            "name": ["Galaxy S24", "Galaxy S25", "Fone 15", "Boat", "Red Kite", "red  kite"],
            "tags": [["phone"], ["phone"], ["phone"], ["sea"], ["toy"], ["toy"]],
        }
    )
    said = ["a Galaxy S25 phone", "a Fone 14", "a boat", "a red kite", "a galaxy"]
    frame = events(*({"text": f"I want to buy {what}", "product_id": None} for what in said))
    _, market = read_evidence(frame, now=NOW, reading=READING)
    named = categorise(market, products, longest=100).select("user_id", "product_id", "category")
    assert named.rows() == [("u0", "g25", "phone")]
    named = categorise(market, products.drop("tags"), longest=100)
    assert named.select("product_id", "category").rows() == [("g25", None)]


def test_what_is_not_read_says_nothing():
    judged = judge_texts(pl.Series(["sehr schlecht und nicht gut", None, "", "привет"]), READING)
    assert judged["opinion"].to_list() == [0, 0, 0, 0]
    assert not judged["wants"].any()
