"""The built-in reader: languages, spelling, sentiment, intent, aspects, in English and Persian."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.settings import load, load_rows
from engine.signals.text import SIGNS, detect_languages, find_aspects, read_texts
from engine.signals.text_lexicon import load_lexicon, phrases_of
from engine.signals.text_normal import normalise
from engine.signals.text_tokens import tokenise

LEXICON = load_lexicon(load_rows)
SETTINGS = load("text")


def read(*texts: str | None) -> pl.DataFrame:
    return read_texts(pl.Series(texts, dtype=pl.String), LEXICON, SETTINGS)


def feeling(text: str) -> float:
    return read(text)["sentiment"].item()


def intent(text: str) -> float:
    return read(text)["intent"].item()


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("كتاب‌هاي", "کتاب های"),
        ("۱۲ و ٣٤", "12 و 34"),
        ("عاااااالی", "عاالی"),
        ("soooo GOOD", "soo good"),
        ("کـــیفیت", "کیفیت"),
        ("مُحَمَّد", "محمد"),
    ],
)
def test_persian_words_have_one_spelling(written, spelled):
    assert normalise(pl.Series([written])).item() == spelled


@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), max_size=8))
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_read_and_proved_by_its_own_words(texts):
    frame = read(*texts)
    assert frame.height == len(texts)
    assert frame["sentiment"].drop_nulls().is_between(-1, 1).all()
    assert frame["intent"].drop_nulls().is_between(0, 1).all()
    for text, row in zip(texts, frame.iter_rows(named=True), strict=True):
        for name in ("sentiment_phrase", "intent_phrase"):
            assert row[name] is None or row[name] in text


@given(st.lists(st.text(max_size=40), max_size=6))
@settings(max_examples=100, deadline=None)
def test_no_letter_is_lost_when_texts_are_cut(texts):
    tokens = tokenise(pl.Series(texts, dtype=pl.String), longest=1000)
    count = np.bincount(tokens.text, minlength=len(texts)).astype(int)
    first = np.cumsum(count) - count
    some = count > 0
    whole = tokens.spans(np.where(some, first, -1), np.where(some, first + count - 1, -1))
    for text, span in zip(texts, whole.to_list(), strict=True):
        stripped = pl.Series([text]).str.strip_chars().item()
        assert (span or "") == stripped


def test_reading_many_texts_is_reading_each():
    texts = ["I love it", "not good", "خیلی خوب بود", None, "", "where can I buy one?"] * 7
    small = dict(SETTINGS)
    small["reading"] = type(SETTINGS["reading"])("r", {"texts_at_once": 4, "longest": 5000})
    together = read(*texts)
    assert together.equals(pl.concat([read(text) for text in texts]))
    assert together.equals(read_texts(pl.Series(texts), LEXICON, small))
    alone = find_aspects(pl.Series(["good food", "bad price"] * 5), LEXICON, small)
    assert alone.equals(find_aspects(pl.Series(["good food", "bad price"] * 5), LEXICON, SETTINGS))


@pytest.mark.parametrize(
    "text",
    [
        "I don't like this phone",
        "I did not like the hotel at all",
        "کیفیتش خوب نمی‌باشد",
        "دوستش ندارم",
        "از رنگش خوشم نمیاد",
        "به درد نمی خوره",
        "به درد نمی‌خوره",
    ],
)
def test_what_somebody_does_not_like_is_a_complaint(text):
    assert feeling(text) <= SETTINGS["evidence"].complaint


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("This is a good phone", "en"),
        ("Great!", "en"),
        ("این گوشی خوب است", "fa"),
        ("عالی", "fa"),
        ("❤️❤️ :)", SIGNS),
        ("Das ist nicht gut und sehr teuer", None),
        ("c'est très bien mais pas pour moi", None),
        ("هذا المنتج جيد جدا ولكن السعر ليس مناسبا", None),
        ("یہ بہت اچھا ہے اور میں خوش ہوں", None),
        ("очень хорошо", None),
        ("", None),
        (None, None),
    ],
)
def test_english_and_persian_are_read_and_others_pass_unread(text, language):
    assert (
        detect_languages(pl.Series([text], dtype=pl.String), LEXICON, SETTINGS).item() == language
    )
    row = read(text).row(0, named=True)
    assert row["language"] == language
    assert (row["sentiment"] is None) == (row["intent"] is None) == (language is None)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("good", "not good"),
        ("very good", "good"),
        ("good", "a bit good"),
        ("bad but I love it", "I love it but bad"),
        ("no problem", "a problem"),
        ("خوب بود", "خوب نبود"),
        ("خیلی خوب بود", "خوب بود"),
        ("مشکلی نداشت", "مشکل داشت"),
        ("قیمت بالاست ولی عالی است", "عالی است ولی افتضاح بود"),
        ("بی‌نظیره", "افتضاحه"),
        ("بي نظير", "معمولی"),
        ("پیشنهاد می‌کنم", "پیشنهاد نمی‌کنم"),
        ("👍", "👎"),
        ("soooo goooood", "so baaaad"),
    ],
)
def test_words_beside_a_word_change_what_it_says(better, worse):
    assert feeling(better) > feeling(worse)


def test_the_phrase_holds_what_turned_the_word():
    frame = read("The room was not very clean.", "غذا اصلا خوب نبود", "nothing said of it")
    assert frame["sentiment_phrase"].to_list()[1] == "اصلا خوب نبود"
    assert "not" in frame["sentiment_phrase"][0]
    assert frame["sentiment"][0] < 0


@pytest.mark.parametrize(
    "text",
    ["where can I buy this?", "I want to buy a new phone", "should I get the blue one?",
     "می‌خوام بخرم، قیمتش چنده؟", "از کجا میتونم بخرم", "ميخواهم بخرم"],
)  # fmt: skip
def test_questions_and_wishes_about_buying_are_intent(text):
    row = read(text).row(0, named=True)
    assert row["intent"] > 0.6
    assert row["intent_phrase"]


@pytest.mark.parametrize(
    "text",
    ["I don't want to buy it", "never buy this", "I bought it last year", "the weather is fine",
     "I want to return this", "I want my money back", "I need a refund", "I need to send it back",
     "how do i get rid of it", "می‌خوام پسش بدم", "پولم رو پس بدید", "میخوام مرجوع کنم",
     "نمی‌خوام", "دیروز باران آمد", "پارسال خریدم"],
)  # fmt: skip
def test_refusals_and_other_talk_are_no_intent(text):
    assert intent(text) < 0.3


def test_aspects_carry_the_tone_of_their_clauses():
    texts = pl.Series(
        ["The staff was friendly but the food was terrible.", "اتاق تمیز بود، قیمت گران", "hello"]
    )
    found = find_aspects(texts, LEXICON, SETTINGS)
    tone = {(row, aspect): value for row, aspect, value, _ in found.rows()}
    assert tone[0, "staff"] > 0 > tone[0, "food"]
    assert tone[1, "cleanliness"] > 0 > tone[1, "price"]
    assert 2 not in found["row"].to_list()
    for row, _, _, phrase in found.rows():
        assert phrase in texts[row]


def test_a_half_space_may_be_a_gap_or_nothing():
    assert phrases_of(["بی‌نظیر"]) == [[("بی", "نظیر"), ("بینظیر",)]]


def test_a_home_may_change_what_a_list_says(tmp_path):
    folder = tmp_path / "configs" / "lexicon"
    folder.mkdir(parents=True)
    (folder / "aspects.toml").write_text('[rows.food]\nen = "zorb"\n', encoding="utf-8")
    changed = load_lexicon(lambda name: load_rows(name, tmp_path))
    found = find_aspects(pl.Series(["a fine zorb"]), changed, SETTINGS)
    assert "food" in found["aspect"].to_list()
    assert find_aspects(pl.Series(["a fine zorb"]), LEXICON, SETTINGS).is_empty()
