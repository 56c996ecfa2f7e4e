"""What is shown of a report, whether on a page, in Markdown or in a terminal.

In: the answer of `report`, the words of a language. Out: rows, sums by day, steps in few words.
Never: a figure that the answer does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from api.pages.sheet import a_day, apart, seen
from api.pages.wording import Wording

Answer = dict[str, Any]
NAMED = 6
APART = dict.fromkeys((0x2068, 0x2069))


def placements(answer: Answer, *, most: int) -> dict[str, Any]:
    """The placements with most money, and what the others did together."""
    rows = answer["results"]["placements"]
    rest = rows[most:]
    shown_rows = rows[:most]
    return {
        "rows": shown_rows,
        "rest": _together(rest) if rest else None,
        "most_spend": max([row[name] for row in rows for name in ("spend", "planned_spend")] or [0])
        or 1,
        "most": max([row[n] or 0 for row in shown_rows for n in ("upper", "actual")] or [0]) or 1,
    }


def _together(rows: list[Answer]) -> Answer:
    names = ("spend", "planned_spend", "actual")
    return {"count": len(rows)} | {name: sum(row[name] for row in rows) for name in names}


def money_by_day(answer: Answer) -> tuple[list[tuple[float, float, float]], list[float]]:
    """Money up to each day of the plan: planned three times, and spent as far as is known."""
    planned = accumulate(day["spend"] for day in answer["plan"]["pacing"])
    return [(sum_, sum_, sum_) for sum_ in planned], _actual(answer, "spend")


def outcome_by_day(answer: Answer) -> tuple[list[tuple[float, float, float]], list[float]]:
    """Outcomes up to each day: planned with interval where the plan promised any, and actual."""
    plan, whole = answer["plan"], answer["pacing"]["goal"]["whole"]
    total = sum(day["spend"] for day in plan["pacing"])
    planned: list[tuple[float, float, float]] = []
    if whole and total:
        parts = [sum_ / total for sum_ in accumulate(day["spend"] for day in plan["pacing"])]
        ends = plan["expected"], plan["lower"], plan["upper"]
        planned = [(ends[0] * part, ends[1] * part, ends[2] * part) for part in parts]
    return planned, _actual(answer, "actual")


def _actual(answer: Answer, name: str) -> list[float]:
    """Sums up to each day from the plan's first to the last with results."""
    through = answer["results"]["through"]
    if through is None:
        return []
    by_day = {row["date"]: row[name] for row in answer["results"]["days"]}
    first = answer["plan"]["pacing"][0]["date"]
    early = sum(value for day, value in by_day.items() if day < first)
    known = [day["date"] for day in answer["plan"]["pacing"] if day["date"] <= through]
    return [early + sum_ for sum_ in accumulate(by_day.get(day, 0.0) for day in known)]


def foreseen(side: Answer) -> tuple[float, float, float] | None:
    """What is projected with its interval, if anything is."""
    if side["projected"] is None:
        return None
    return side["projected"], side["lower"], side["upper"]


def together(text: str) -> str:
    """A text without the marks that set names apart, for where nothing reads them."""
    return text.translate(APART)


def step_lines(step: str, side: Mapping[str, Any] | None, words: Wording) -> list[str]:
    """One side of a step in a few lines; reasons are left out."""
    if not side:
        return []
    told = STEPS[step](side, words)
    return [line for line in told if line]


def _names(names: list[str], words: Wording) -> str:
    listed = words.texts["between"].join(apart(seen(name)) for name in names[:NAMED])
    more = len(names) - NAMED
    return words.say("steps.more", names=listed, count=words.count(more)) if more > 0 else listed


def _channels(side: Mapping[str, Any], words: Wording) -> list[str]:
    return [_names(list(side.get("channels", ())), words)]


def _budget(side: Mapping[str, Any], words: Wording) -> list[str]:
    lines = []
    if side.get("amount") is not None:
        lines.append(words.money(float(side["amount"]), side["currency"]))
    if side.get("expected") is not None:
        lines.append(
            words.say(
                "steps.expected",
                expected=words.number(side["expected"]),
                outcome=words.choose("outcomes", side["unit"]),
            )
        )
    if side.get("locks"):
        lines.append(words.say("steps.locks", count=words.count(len(side["locks"]))))
    return lines


def _team(side: Mapping[str, Any], words: Wording) -> list[str]:
    return [
        words.say("steps.does", step=words.choose("steps_of", step), name=apart(seen(name)))
        for step, name in side.items()
        if isinstance(name, str)
    ]


def _audience(side: Mapping[str, Any], words: Wording) -> list[str]:
    lines = [_names(list(side.get("segments", ())), words)]
    if side.get("exclusions"):
        lines.append(words.say("steps.without", names=_names(side["exclusions"], words)))
    return lines


def _promotion(side: Mapping[str, Any], words: Wording) -> list[str]:
    counts: dict[str, int] = {}
    for slot in side.get("schedule", ()):
        counts[slot["channel"]] = counts.get(slot["channel"], 0) + 1
    posts = [
        words.say("steps.posts", channel=apart(seen(channel)), count=words.count(count))
        for channel, count in sorted(counts.items(), key=lambda one: -one[1])
    ]
    return posts[:NAMED] or [words.say("steps.no_posts")]


def _results(side: Mapping[str, Any], words: Wording) -> list[str]:
    if "until" not in side:
        return []
    until = words.day(a_day(side["until"]), year=True)
    share = words.percent(side["holdout_share"], decimals=1)
    return [words.say("steps.held", share=share), words.say("steps.until", day=until)]


STEPS = {
    "channels": _channels,
    "budget": _budget,
    "team": _team,
    "audience": _audience,
    "promotion": _promotion,
    "results": _results,
}
