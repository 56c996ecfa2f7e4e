"""A plan as one page: what goes where, what it should bring, when, and the proof of it.

In: the answer of `make_plan`, a language. Out: HTML that holds everything it shows.
Never: a script, a request to any place, or a name of somebody else that is not escaped.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from api.pages import charts, digest
from api.pages.digest import Answer
from api.pages.sheet import a_day, render
from api.pages.wording import Wording, wording

MOST_ROWS = 200
MOST_WEEKS = 6
MOST_SLOTS = 60
SHADES = 8
NAMED_DAYS = 7


def page(answer: Answer, language: str = "en") -> str:
    """The page of a plan, in `en` or `fa`.

    Raises:
        InvalidValue: the language is none of these.
    """
    words = wording(language)
    return render(
        "plan.html",
        ("plan.css",),
        w=words,
        plan=answer,
        outcome=words.choose("outcomes", answer["unit"]),
        end=a_day(answer["start"]) + timedelta(answer["days"] - 1),
        allocation=digest.allocation(answer, most=MOST_ROWS),
        curve=_curve(answer, words),
        points=digest.curve(answer),
        pacing=_pacing(answer, words),
        weeks=digest.weeks(answer, shades=SHADES, most=MOST_WEEKS),
        charts=charts,
        most_slots=MOST_SLOTS,
        most_fit=max((one["upper"] for one in answer["channels"]), default=1) or 1,
    )


def _curve(answer: Answer, words: Wording) -> charts.Curve | None:
    if len(answer["curve"]) < 2:
        return None
    return charts.curve(
        answer["curve"],
        budget=answer["budget"],
        reached=(answer["expected"], answer["lower"], answer["upper"]),
        mirrored=words.right_to_left,
    )


def _pacing(answer: Answer, words: Wording) -> dict[str, Any] | None:
    rows = [{"date": a_day(row["date"]), "spend": row["spend"]} for row in answer["pacing"]]
    if not rows:
        return None
    frame, bars = charts.columns(rows, "spend", named=NAMED_DAYS, mirrored=words.right_to_left)
    spends = [row["spend"] for row in rows]
    return {
        "rows": rows,
        "frame": frame,
        "bars": bars,
        "lowest": min(spends),
        "highest": max(spends),
        "alike": max(spends) - min(spends) < digest.CENTS_APART,
    }
