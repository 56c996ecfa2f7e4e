"""A campaign's report as one page: how it does against its plan, where it goes, what to look at.

In: the answer of `report`, a language. Out: HTML that holds everything it shows.
Never: a script, a request to any place, or a name of somebody else that is not escaped.
"""

from __future__ import annotations

from typing import Any

from api.pages import charts, report_digest
from api.pages.report_digest import Answer
from api.pages.sheet import a_day, render
from api.pages.wording import Wording, wording

MOST_ROWS = 100
MOST_ALERTS = 30


def page(answer: Answer, language: str = "en") -> str:
    """The page of a report, in `en` or `fa`.

    Raises:
        InvalidValue: the language is none of these.
    """
    words = wording(language)
    known = answer["results"] is not None
    return render(
        "report.html",
        ("plan.css", "report.css"),
        w=words,
        report=answer,
        campaign=answer["campaign"],
        pacing=answer["pacing"],
        outcome=words.choose("outcomes", answer["results"]["outcome"]) if known else "",
        steps=_steps(answer, words),
        placements=report_digest.placements(answer, most=MOST_ROWS) if known else None,
        money=_money(answer, words) if known else None,
        goal=_goal(answer, words) if known else None,
        spots=_spots(answer, words),
        first=a_day(answer["plan"]["pacing"][0]["date"]) if known else None,
        charts=charts,
        most_alerts=MOST_ALERTS,
    )


def _steps(answer: Answer, words: Wording) -> list[dict[str, Any]]:
    return [
        step
        | {
            side: report_digest.step_lines(step["step"], step[side], words)
            for side in ("recommended", "chosen")
        }
        for step in answer["steps"]
    ]


def _money(answer: Answer, words: Wording) -> charts.Track:
    planned, actual = report_digest.money_by_day(answer)
    ahead = report_digest.foreseen(answer["pacing"]["spend"])
    return charts.track(planned, actual, ahead, mirrored=words.right_to_left)


def _goal(answer: Answer, words: Wording) -> charts.Track:
    planned, actual = report_digest.outcome_by_day(answer)
    ahead = report_digest.foreseen(answer["pacing"]["goal"])
    return charts.track(planned, actual, ahead, mirrored=words.right_to_left)


def _spots(answer: Answer, words: Wording) -> dict[str, Any] | None:
    rows = answer["results"]["days"] if answer["results"] else []
    if not rows:
        return None
    frame, marks = charts.spots(rows, mirrored=words.right_to_left)
    return {"frame": frame, "marks": marks, "rows": rows}
