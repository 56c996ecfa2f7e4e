"""What people are shown: the figures of the answer, whatever characters names are made of."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from api import printing, printing_word

NAMES = [
    "plain",
    "کالای ۳",
    "😀👨‍👩‍👧",
    "[red]x",
    "[/]",
    "a[/b]c",
    ":smile:",
    "[link=http://x]y[/link]",
    "\\[b",
]


def shown(found: Any, width: int = 2000) -> str:
    file = io.StringIO()
    # as the command prints: names are no markup
    Console(file=file, width=width, color_system=None, markup=False, emoji=False).print(found)
    return file.getvalue()


def segment(name: str) -> dict[str, Any]:
    return {
        "segment_id": "s1",
        "name": name,
        "kind": "community",
        "size": 1234,
        "interest": 0.0321,
        "probability": 0.64,
        "lift": {"value": 2.5, "lower": 2.0, "upper": 3.0},
        "overlap": 0.1,
        "reason": f"they like {name}",
    }


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_letter_by_letter(name):
    answer = {"product_id": name, "model_version": "v1", "segments": [segment(name)]}
    assert shown(printing.segments(answer)).count(name) == 3
    assert name in shown(printing.segments(answer | {"segments": []}))
    points = [{"share": 0.01, "size": 10, "expected": 0.2, "lower": 0.1, "upper": 0.3}]
    assert name in shown(printing.curve({"product_id": name, "points": points}))
    assert name in shown(printing.key({"key": name}))
    assert name in shown(printing.as_lines({"name": name}))
    checks = [{"what": "events", "well": False, "finding": name}]
    assert name in shown(printing.findings({"checks": checks}))
    assert name in shown(printing.written({"rows": 3, "out": name, "model_version": "v1"}))


def test_figures_are_those_of_the_answer():
    text = shown(
        printing.segments({"product_id": "p", "model_version": "v1", "segments": [segment("them")]})
    )
    for figure in ("1,234", "3.21%", "64%", "2.5", "(2.0–3.0)", "10%", "v1"):
        assert figure in text


LONG = "Best 10 % for the exam course of the spring"


@pytest.mark.parametrize("width", [40, 60, 79, 80, 100])
@pytest.mark.parametrize("earned", [None, 0.043])
def test_segments_break_no_figure_and_no_word_at_any_width(width, earned):
    one = segment(LONG) | {"size": 199_800, "earned_reach": earned}
    answer = {"product_id": "p", "model_version": "v1", "segments": [one]}
    text = shown(printing.segments(answer), width)
    figures = ["199,800", "3.21%", "64%", "2.5", "(2.0–3.0)"]
    figures += ["10%"] if earned is None else ["+0.043"]
    for whole in [*figures, *LONG.split()]:
        assert whole in text
    lines = text.splitlines()
    assert len(lines) < 14
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [40, 60, 80])
def test_aspects_of_word_break_no_head_at_any_width(width):
    ill = {"aspect": "cleanliness", "people": 21, "share": 0.67, "lower": -0.17, "upper": 0.39}
    ill |= {"rise": 0.09, "phrase": "it was never clean"}
    answer = {"blamed": [ill], "praised": [{"aspect": "cleanliness", "people": 4, "phrase": None}]}
    text = shown(printing_word._aspects(answer), width).replace("\u00a0", " ")
    for whole in ("cleanliness", "blame", "rise", "praise", "21 (67%)"):
        assert whole in text
    assert "(-17,+39)" in text
    assert max(map(len, text.splitlines())) <= width


def test_a_curve_without_a_like_is_drawn_all_the_same():
    points = [{"share": 0.01, "size": 10, "expected": 0.0, "lower": 0.0, "upper": 0.0}]
    assert "0.00%" in shown(printing.curve({"product_id": "p", "points": points}))
    assert shown(printing.curve({"product_id": "p", "points": []}))


def test_a_study_without_a_better_recipe_says_so():
    answer = {"trials": 4, "pruned": 1, "value": 0.5, "before": 0.5, "changes": {}}
    assert "the recipe stays" in shown(printing.tuned(answer))
    text = shown(printing.tuned(answer | {"changes": {"warp.factors": 48}}))
    assert "warp.factors" in text
    assert "mokhatab retrain" in text


@pytest.mark.parametrize(("number", "words"), [(0, "0 rows"), (1, "1 row"), (2000, "2,000 rows")])
def test_one_is_no_plural(number, words):
    answer = {"rows": number, "out": "a.csv", "model_version": "v1"}
    assert shown(printing.written(answer)).startswith(f"{words} of model v1")


def test_one_trial_is_one():
    answer = {"trials": 1, "pruned": 0, "value": 0.5, "before": 0.5, "changes": {}}
    assert shown(printing.tuned(answer)).startswith("1 trial, 0 of them stopped early;")
