"""A plan as one page: what goes where, what it should bring, when, and the proof of it.

In: the answer of `make_plan`, a language. Out: HTML that holds everything it shows.
Never: a script, a request to any place, or a name of somebody else that is not escaped.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.pages import charts, digest
from api.pages.digest import Answer
from api.pages.wording import Wording, wording
from engine.errors import shown

HERE = Path(__file__).parent
MOST_ROWS = 200
MOST_WEEKS = 6
MOST_SLOTS = 60
SHADES = 8
LONGEST_SENTENCE = 2000
NAMED_DAYS = 7


def page(answer: Answer, language: str = "en") -> str:
    """The page of a plan, in `en` or `fa`.

    Raises:
        InvalidValue: the language is none of these.
    """
    words, style = wording(language), _style()
    return (
        _environment()
        .get_template("plan.html")
        .render(
            w=words,
            plan=answer,
            outcome=words.choose("outcomes", answer["unit"]),
            end=_day(answer["start"]) + timedelta(answer["days"] - 1),
            allocation=digest.allocation(answer, most=MOST_ROWS),
            curve=_curve(answer, words),
            points=digest.curve(answer),
            pacing=_pacing(answer, words),
            weeks=digest.weeks(answer, shades=SHADES, most=MOST_WEEKS),
            style=Markup(style),
            style_hash=_hash(style),
            charts=charts,
            most_slots=MOST_SLOTS,
            most_fit=max((one["upper"] for one in answer["channels"]), default=1) or 1,
        )
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
    rows = [{"date": _day(row["date"]), "spend": row["spend"]} for row in answer["pacing"]]
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


def _day(day: str | date) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day[:10])


def _seen(name: object) -> str:
    """An id or a name as a page may repeat it; what cannot be seen is spelled out."""
    return shown(str(name))


def _seen_whole(sentence: object) -> str:
    """The same of a sentence, which is shown to its end."""
    return shown(str(sentence), LONGEST_SENTENCE)


def _apart(name: str) -> str:
    """A name within a sentence, whose direction does not turn what stands around it."""
    return f"\u2068{name}\u2069"


def _hash(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@cache
def _style() -> str:
    return (HERE / "templates" / "plan.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "seen": _seen,
        "seen_whole": _seen_whole,
        "apart": _apart,
        "day": _day,
        "hours": range,
    }
    return made
