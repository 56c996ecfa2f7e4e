"""Words, numbers and dates as people of each language write them."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages import charts, sheet
from api.pages.wording import wording
from engine.operations.plan_request import PlanRequest
from engine.operations.plans import make_plan
from engine.store.home import Home
from tests.api.test_plan_command import past


def test_both_languages_say_the_same_things() -> None:
    def keys(part: dict[str, Any], above: str = "") -> dict[str, set[str] | int]:
        found: dict[str, set[str] | int] = {}
        for key, value in part.items():
            if isinstance(value, dict):
                found |= keys(value, f"{above}{key}.")
            elif isinstance(value, str):
                found[above + key] = set(re.findall(r"\{(\w+)\}", value))
            elif isinstance(value, list):
                found[above + key] = len(value)
        return found

    words = Path(sheet.HERE) / "words"
    english, persian = (
        keys(tomllib.loads((words / f"{name}.toml").read_text())) for name in ("en", "fa")
    )
    extra = {key for key in persian if key.split(".")[0] in ("currencies", "terms", "sentences")}
    assert english == {key: value for key, value in persian.items() if key not in extra}


def test_no_word_is_left_that_nobody_says() -> None:
    texts = tomllib.loads((Path(sheet.HERE) / "words" / "en.toml").read_text())
    chosen = {"status", "goals", "outcomes", "basis", "currencies"}
    chosen |= {"states", "paces", "decisions", "steps_of", "acts"}
    places = [*Path(sheet.HERE).rglob("*.html"), *Path(sheet.HERE).glob("*.py")]
    places.append(Path(sheet.HERE).parent / "printing_plans.py")
    said = "".join(file.read_text() for file in places)
    for group, words in texts.items():
        if isinstance(words, dict) and group not in chosen | {"short"}:
            assert not [word for word in words if f"{group}.{word}" not in said], group


@pytest.mark.parametrize(
    ("value", "english", "persian"),
    [
        (16800.4, "16,800", "۱۶٬۸۰۰"),
        (0, "0", "۰"),
        (99.96, "100", "۱۰۰"),
        (1.25, "1.2", "۱٫۲"),
        (0.9999, "1.0", "۱٫۰"),
        (0.0214, "0.021", "۰٫۰۲۱"),
        (-0.5, "-0.50", "-۰٫۵۰"),
        (None, "–", "–"),
        (float("nan"), "–", "–"),
        (float("inf"), "–", "–"),
    ],
)
def test_figures_are_as_fine_as_their_size_deserves(
    value: float | None, english: str, persian: str
) -> None:
    assert wording("en").number(value) == english
    assert wording("fa").number(value) == persian


def test_money_is_told_to_the_cent_with_its_currency() -> None:
    assert wording("en").money(1234567.891, "EUR") == "1,234,567.89 EUR"
    assert wording("fa").money(1234567.891, "EUR") == "۱٬۲۳۴٬۵۶۷٫۸۹ یورو"
    assert wording("fa").money(2, "XBT") == "۲٫۰۰ XBT"
    assert wording("en").money(None, "EUR") == "–"


@pytest.mark.parametrize(
    ("value", "english"),
    [
        (0, "0"),
        (500, "500"),
        (1500, "1.5k"),
        (2000, "2k"),
        (1234, "1,234"),
        (2.5e6, "2.5M"),
        (4e9, "4bn"),
    ],
)
def test_axes_tell_thousands_and_millions_by_name(value: float, english: str) -> None:
    assert wording("en").short(value) == english


def test_dates_follow_the_calendar_of_the_language() -> None:
    assert wording("en").day(date(2026, 3, 21), year=True) == "21 Mar 2026"
    assert wording("fa").day(date(2026, 3, 21), year=True) == "۱ فروردین ۱۴۰۵"
    assert wording("fa").day(date(2025, 3, 20), year=True) == "۳۰ اسفند ۱۴۰۳"
    assert wording("fa").day(date(2999, 1, 2)) == "۲۹۹۹-۰۱-۰۲"


def test_a_week_begins_where_people_begin_it() -> None:
    assert [day for day, _, _ in wording("en").weekdays()] == [0, 1, 2, 3, 4, 5, 6]
    assert next(name for _, name, _ in wording("fa").weekdays()) == "شنبه"


@given(st.floats(1e-9, 1e12))
def test_the_ticks_of_an_axis_are_few_round_and_on_it(most: float) -> None:
    ticks = charts.steps(most)
    assert ticks[0] == 0
    assert 3 <= len(ticks) <= 6
    assert ticks[-1] <= most * 1.002
    step = f"{ticks[1]:.6e}"
    assert re.fullmatch(r"[125]\.0+e[+-]\d+", step)


def test_a_sentence_of_the_engine_is_told_with_its_figures() -> None:
    told = wording("fa").told
    assert (
        told("12 of 40 placements have no results yet.")
        == "۱۲ جایگاه از ۴۰ جایگاه هنوز نتیجه‌ای ندارند."
    )
    both = told("Friday 20:00 is 1.90 times an average hour, from 1,234 acts; a holiday: Nowruz")
    assert both.startswith("جمعه ساعت ۲۰:۰۰، ۱٫۹۰ برابر")
    assert "۱٬۲۳۴ کنش؛ روز تعطیل" in both
    assert "Nowruz" in both
    assert told("another thing; a holiday: Yalda") == "another thing؛ روز تعطیل: \u2068Yalda\u2069"
    seen = "983 of the audience seen there"
    spent = "1,863 conversions for 17,297 spent, 1.35 times all channels together"
    assert told(f"{spent}; {seen}") == f"{told(spent)}؛ {told(seen)}"
    assert "conversions" not in told(spent)
    assert told("{x} 100%; nobody knows it") == "{x} 100%; nobody knows it"
    assert wording("en").told("12 of 40 placements have no results yet.").startswith("12 of 40")


def test_every_form_of_a_sentence_fits_what_it_becomes() -> None:
    for form in wording("fa").texts["sentences"]:
        blanks = re.findall(r"\{(\w+)\}", form["says"])
        assert sorted(blanks) == sorted(re.findall(r"\{(\w+)\}", form["told"]))


def test_what_the_planner_says_is_told_in_persian(
    tmp_path: Path,
) -> None:
    """Whole plans are asked, so that a sentence that was changed is missed here."""
    home, now = Home(tmp_path), datetime(2027, 3, 1, tzinfo=UTC)
    asked: dict[str, Any] = {"budget": 40.0, "days": 7, "now": now}
    answers = [
        make_plan(home, PlanRequest(goal="awareness", risk=0.2, **asked)),
        make_plan(home, PlanRequest(goal="sales", results=past(), maxima={"x": 1.0}, **asked)),
        make_plan(home, PlanRequest(goal="sales", results=past().drop("sales"), **asked)),
        make_plan(home, PlanRequest(goal="traffic", results=past().drop("clicks"), **asked)),
    ]
    said = [
        sentence
        for answer in answers
        for sentence in (
            *answer["notes"],
            *(slot["reason"] for slot in answer["schedule"]),
            *(one["reason"] for one in answer["channels"]),
            *(caution for one in answer["channels"] for caution in one["cautions"]),
        )
    ]
    assert len(set(said)) > 20
    for sentence in said:
        own = re.sub("\u2068[^\u2069]*\u2069", "", wording("fa").told(sentence))
        assert not re.search("[a-zA-Z0-9]", own), sentence
