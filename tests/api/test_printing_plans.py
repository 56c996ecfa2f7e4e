"""A plan in a terminal: within its columns, whole without colour, names letter by letter."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from api.printing_plans import CHOSEN, SHADES, plan
from tests.api.planned import an_answer

NAMES = ["[red]", "[/]", ":smile:", "کالای ۳", "😀", "[link=http://x]y[/link]"]


def drawn(answer: dict[str, Any], width: int = 80) -> str:
    file = io.StringIO()
    Console(file=file, width=width, color_system=None, markup=False, emoji=False).print(
        plan(answer)
    )
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_cut(width: int) -> None:
    answer = an_answer(budget=1_680_000.0, currency="EUR")
    text = drawn(answer, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "…" not in text
    for row in answer["allocation"]:
        assert f"{row['spend']:,.2f}" in text


def test_the_proof_and_the_sums_are_told() -> None:
    text = drawn(an_answer())
    assert "16,800.00 EUR over 14 days from 2026-11-23, for sales" in text
    assert "1,392 sales expected" in text
    assert "rows add up to 16,800.00 of 16,800.00, to the cent" in text
    assert "no split of this money brings more than 1,393, 1,392 was found" in text
    assert "gap 0.040%: no more than that" in text
    less = an_answer()
    less["allocation"][0]["spend"] -= 100.0
    assert "16,700.00 of 16,800.00; 100.00 not spent" in drawn(less)


def test_bars_are_as_long_as_the_money_and_fuller_hours_respond_more() -> None:
    text = drawn(an_answer())
    lines = [line for line in text.splitlines() if "optimum" in line]
    bars = [line.count("█") for line in lines]
    assert bars[0] == 8
    assert bars == sorted(bars, reverse=True)
    week = text[text.index("When to post on instagram") :]
    friday = next(line for line in week.splitlines() if line.startswith("Fri"))
    assert friday[5 + 2 * 20] == CHOSEN
    assert friday[5 + 2 * 19 : 5 + 2 * 20] == SHADES[-1] * 2
    assert friday[5 + 2 * 9 : 5 + 2 * 10] == SHADES[0] * 2


def test_the_chosen_budget_is_marked_once() -> None:
    text = drawn(an_answer())
    assert [line.split()[0] for line in text.splitlines() if "◀ this plan" in line] == ["16,800.00"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_letter_by_letter(name: str) -> None:
    text = drawn(an_answer(name=name, notes=[name]), 300)
    assert text.count(name) >= 2 * 12 + 6 + 3 + 1


def test_signs_that_turn_a_line_around_are_spelled_out() -> None:
    assert "\u202e" not in drawn(an_answer(name="\u202ex", notes=["\u202e"]))


def test_a_plan_of_nothing_is_printed_all_the_same() -> None:
    answer = an_answer(
        allocation=[], curve=[], pacing=[], schedule=[], hours=[], channels=[], notes=[],
        expected=0.0, lower=0.0, upper=0.0, bound=0.0, value=0.0, gap=0.0, currency=None,
        model_version=None, as_of=None,
    )  # fmt: skip
    text = drawn(answer)
    assert "0.00 of 16,800.00; 16,800.00 not spent" in text
    assert "None" not in text


def test_of_many_placements_the_largest_are_shown_and_the_others_counted() -> None:
    answer = an_answer()
    row = answer["allocation"][0]
    many = [row | {"segment_id": f"s{number}", "spend": 16.8} for number in range(1000)]
    text = drawn(answer | {"allocation": many})
    assert len(text.splitlines()) < 140
    assert "980 more placements with 16,464.00 together" in text


def test_days_are_drawn_where_they_differ_by_more_than_cents() -> None:
    assert "a day from 2026-11-23" in drawn(an_answer())
    even = [{"date": f"2026-11-{day}", "spend": 71.42 + day % 2 / 100} for day in range(23, 30)]
    assert "a day from" not in drawn(an_answer(pacing=even))
