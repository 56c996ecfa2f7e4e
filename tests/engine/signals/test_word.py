"""Word of mouth: what acts say, whose texts they carry on, and of which aspects they speak."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from engine.frames import EVENTS
from engine.settings import load, load_rows
from engine.signals.readings import Reading
from engine.signals.text_lexicon import load_lexicon
from engine.signals.word import (
    BEFORE,
    NOW,
    Word,
    carry_texts,
    heard_by,
    in_windows,
    keep_readable,
    read_word,
    word_actions,
)

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
ACTIONS = load_rows("actions")
READING = Reading(load_lexicon(load_rows), load("text"))
BLAME = ("Terrible, the battery broke at once.", "افتضاح بود، بسته بندی پاره شده بود")
PRAISE = ("I love it, excellent battery!", "عالی بود، خیلی راضی هستم")


def acts(*rows: dict[str, object]) -> pl.DataFrame:
    full = [
        {"event_id": f"e{at}", "user_id": f"u{at}", "product_id": "p", "action": "review",
         "occurred_at": UNTIL - timedelta(days=1)} | row
        for at, row in enumerate(rows)
    ]  # fmt: skip
    return pl.DataFrame(full, schema=EVENTS.columns)


def read(*rows: dict[str, object]) -> Word:
    return read_word(in_windows(acts(*rows), until=UNTIL, days=28), ACTIONS, READING)


def opinions(*rows: dict[str, object]) -> list[tuple[int, bool]]:
    return read(*rows).said.sort("event_id").select("opinion", "read").rows()


@pytest.mark.parametrize("language", [0, 1])
def test_texts_speak_well_or_ill_and_neither_is_neither(language: int) -> None:
    found = opinions(
        {"text": PRAISE[language]},
        {"text": BLAME[language], "action": "comment"},
        {"text": "It was delivered by the post on a day.", "action": "post"},
    )
    assert found == [(1, True), (-1, True), (0, True)]


def test_shares_of_many_hear_milder_words_than_evidence_of_one_does() -> None:
    mild = {"text": "It was a bit slow for that."}
    given = in_windows(acts(mild), until=UNTIL, days=28)
    assert read_word(given, ACTIONS, READING).said["opinion"].to_list() == [0]
    softer = heard_by(READING, load("word")["read"])
    assert read_word(given, ACTIONS, softer).said["opinion"].to_list() == [-1]
    assert READING.settings["evidence"].complaint == load("text")["evidence"].complaint


def test_stars_speak_louder_than_texts() -> None:
    found = opinions(
        {"text": PRAISE[0], "value": 1.0},
        {"text": BLAME[0], "value": 5.0},
        {"text": BLAME[0], "value": 3.0},
        {"value": 2.0},
        {"text": BLAME[0], "value": 5.0, "action": "comment"},
    )
    assert found == [(-1, True), (1, True), (0, True), (-1, True), (-1, True)]


def test_a_share_is_for_its_product_unless_its_text_is_against() -> None:
    found = opinions(
        {"action": "share"},
        {"action": "share", "text": "look at this"},
        {"action": "share", "text": BLAME[0]},
    )
    assert found == [(1, True), (1, True), (-1, True)]


def test_what_holds_nothing_to_read_is_not_read() -> None:
    found = opinions(
        {"text": "das ist nicht gut und sehr schlecht"},
        {"text": None, "action": "comment"},
        {"text": "   ", "action": "mention"},
        {"text": "", "action": "post"},
    )
    assert found == [(0, False)] * 4


def test_long_and_mixed_texts_are_read() -> None:
    long = BLAME[0] + " and the" * 100_000
    mixed = "این گوشی terrible بود، اصلا نخرید، do not buy"
    assert opinions({"text": long}, {"text": mixed}) == [(-1, True), (-1, True)]


def test_who_shares_a_complaint_complains() -> None:
    given = acts(
        {"action": "share", "object_id": "e9"},
        {"action": "share", "object_id": "gone"},
        {"action": "share", "object_id": "e9", "text": PRAISE[0]},
        {"action": "share", "object_id": "e9", "text": " "},
    )
    carried = carry_texts(given, pl.DataFrame({"event_id": ["e9"], "text": [BLAME[0]]}))
    assert carried["text"].to_list() == [BLAME[0], None, PRAISE[0], BLAME[0]]
    word = read_word(in_windows(carried, until=UNTIL, days=28), ACTIONS, READING)
    assert word.said.sort("event_id")["opinion"].to_list() == [-1, 1, 1, -1]


def test_aspects_are_blamed_and_praised_by_their_own_clauses() -> None:
    word = read(
        {"text": "Terrible quality, but the staff was friendly and great."},
        {"text": "Excellent, love it. The delivery was awful."},
        {"text": BLAME[1]},
    )
    rows = set(word.spoken.select("user_id", "aspect", "sign").rows())
    assert ("u0", "quality", -1) in rows
    assert ("u0", "staff", 1) in rows
    assert ("u1", "delivery", -1) in rows
    assert ("u2", "packaging", -1) in rows
    assert not {(user, aspect) for user, aspect, sign in rows if sign > 0} & {
        ("u0", "quality"), ("u1", "delivery"), ("u2", "packaging")
    }  # fmt: skip


def test_a_phrase_is_a_few_words_of_a_list_and_nothing_else_of_the_text() -> None:
    word = read({"text": "Terrible battery, call me at 0912 345 or mina@example.com"})
    assert word.spoken["phrase"].to_list() == ["battery"]
    assert "text" not in word.said.columns


def test_windows_end_at_their_moment_and_begin_after_their_days() -> None:
    ages = [0, 1, 28 * 86_400, 28 * 86_400 + 1, 56 * 86_400, 56 * 86_400 + 1, -5]
    given = acts(*({"occurred_at": UNTIL - timedelta(seconds=age)} for age in ages))
    found = in_windows(given, until=UNTIL, days=28)
    assert dict(found.select("event_id", "window").rows()) == {
        "e1": NOW, "e2": NOW, "e3": BEFORE, "e4": BEFORE
    }  # fmt: skip


def test_of_one_person_the_newest_acts_are_read() -> None:
    given = acts(
        *(
            {"user_id": "loud", "occurred_at": UNTIL - timedelta(hours=at + 1), "text": f"t{at}"}
            for at in range(100)
        ),
        {"text": "calm"},
    )
    kept, share = keep_readable(in_windows(given, until=UNTIL, days=28), each=20, most=1000)
    assert share == 1.0
    assert kept["acts"].sum() == 101
    assert sorted(kept["event_id"]) == sorted([*(f"e{at}" for at in range(20)), "e100"])


def test_a_sample_is_of_people_with_all_that_they_said() -> None:
    given = acts(*({"user_id": f"u{at // 2}", "text": f"t{at}"} for at in range(4000)))
    kept, share = keep_readable(in_windows(given, until=UNTIL, days=28), each=20, most=1000)
    assert share == 0.25
    counts = kept.group_by("user_id").len()["len"]
    assert counts.unique().to_list() == [2]
    assert 400 < counts.len() < 600


def test_nothing_said_is_nothing_read() -> None:
    word = read()
    assert word.said.is_empty()
    assert word.spoken.is_empty()


def test_word_is_what_settings_name_of_the_known_actions() -> None:
    usual = word_actions(load("word")["read"], ACTIONS)
    assert "review" in usual
    assert not {"view", "click", "purchase", "save", "hide", "like", "report"} & set(usual)
