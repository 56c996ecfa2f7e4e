"""What people are shown: the figures of the answer, whatever characters names are made of."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from api import printing

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


def shown(found: Any) -> str:
    file = io.StringIO()
    # as the command prints: names are no markup
    Console(file=file, width=2000, color_system=None, markup=False, emoji=False).print(found)
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
    for figure in ("1,234", "3.21%", "64%", "2.5 (2.0–3.0)", "10%", "v1"):
        assert figure in text


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
