"""A campaign's report as Markdown: for wikis, tickets and mails.

In: the answer of `report`, a language. Out: text of headings, lists and tables.
Never: a name of somebody else that Markdown or HTML would read as its own sign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from api.pages.report_digest import Answer, placements, step_lines, together
from api.pages.sheet import a_day, seen, seen_whole
from api.pages.wording import Wording, wording

MOST_ROWS = 50
SIGNS = re.compile(r"([\\`*_{}\[\]#|~!])")
TAGS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def markdown(answer: Answer, language: str = "en") -> str:
    """The report in `en` or `fa`.

    Raises:
        InvalidValue: the language is none of these.
    """
    words = wording(language)
    lines = [*_head(answer, words), *_alerts(answer, words)]
    if answer["results"] is not None:
        lines += [*_going(answer, words), *_placements(answer, words)]
    lines += [*_steps(answer, words), *_lift(answer, words), *_audit(answer, words)]
    return "\n".join(lines).rstrip() + "\n"


def plain(text: object) -> str:
    """A text in which no sign means anything to Markdown, on one line."""
    told = seen_whole(together(" ".join(str(text).split())))
    return SIGNS.sub(r"\\\1", told).translate(TAGS)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruled = ["---"] * len(heads)
    return [*(f"| {' | '.join(cells)} |" for cells in (heads, ruled, *rows)), ""]


def _head(answer: Answer, words: Wording) -> list[str]:
    campaign = answer["campaign"]
    start, end = (words.day(a_day(campaign[name]), year=True) for name in ("start", "end"))
    made = words.say(
        "report.made_of",
        goal=words.choose("goals", campaign["goal"]),
        product=plain(campaign["product_id"]),
        start=start,
        end=end,
        days=words.count(campaign["days"]),
    )
    pacing = answer["pacing"]
    said = words.say("report.no_plan" if pacing is None else "report.no_results")
    if pacing and pacing["through"]:
        said = words.say("report.through", day=words.day(a_day(pacing["through"]), year=True))
    state = words.choose("states", campaign["status"])
    title = words.say("report.title_of", name=plain(campaign["name"]))
    return [f"# {title}", "", made, "", f"**{state}** · {said}", ""]


def _alerts(answer: Answer, words: Wording) -> list[str]:
    told = [words.told(one) for one in answer["campaign"]["warnings"]]
    for alert in answer["alerts"]:
        place = " · ".join(alert[name] for name in ("channel", "segment_id") if alert[name])
        said = words.told(alert["says"])
        told.append(f"{place}: {said}" if place else said)
    if not told:
        return []
    return [f"## {words.say('report.alerts')}", "", *(f"- {plain(one)}" for one in told), ""]


def _going(answer: Answer, words: Wording) -> list[str]:
    pacing = answer["pacing"]
    spend, goal = pacing["spend"], pacing["goal"]
    outcome = words.choose("outcomes", goal["outcome"])
    rows = []
    for name, side, write in (
        (words.say("tiles.spent"), spend, words.money),
        (outcome, goal, words.number),
    ):
        low, high = write(side["lower"]), write(side["upper"])
        between = words.say("plan.interval", lower=low, upper=high)
        status = words.choose("paces", side["status"]) if side["status"] else "–"
        rows.append(
            [name, write(side["actual"]), write(side["planned"]), status,
             f"{write(side['projected'])} ({between})"]
        )  # fmt: skip
    heads = ["", words.say("track.actual"), words.say("track.planned"),
             words.say("places.lies"), words.say("track.ahead")]  # fmt: skip
    return [f"## {words.say('track.money')}", "", *_table(heads, rows)]


def _placements(answer: Answer, words: Wording) -> list[str]:
    told = placements(answer, most=MOST_ROWS)
    outcome = words.choose("outcomes", answer["results"]["outcome"])
    rows = [
        [
            f"{plain(row['name'] or row['segment_id'] or words.say('plan.nobody'))}"
            f" · {plain(row['channel'])}",
            words.money(row["spend"]),
            words.money(row["planned_spend"]),
            words.number(row["actual"]),
            words.say(
                "plan.interval", lower=words.number(row["lower"]), upper=words.number(row["upper"])
            ),
            words.choose("paces", row["lies"]) if row["lies"] else "–",
        ]
        for row in told["rows"]
    ]
    if told["rest"]:
        rest = told["rest"]
        name = words.say("allocation.rest", count=words.count(rest["count"]))
        sums = [words.money(rest["spend"]), words.money(rest["planned_spend"])]
        rows.append([name, *sums, words.number(rest["actual"]), "", ""])
    heads = [
        words.say("allocation.placement"), words.say("places.spend"), words.say("daily.planned"),
        outcome, words.say("daily.range"), words.say("places.lies"),
    ]  # fmt: skip
    return [f"## {words.say('places.title')}", "", *_table(heads, rows)]


def _steps(answer: Answer, words: Wording) -> list[str]:
    rows = []
    for step in answer["steps"]:
        name = words.choose("steps_of", step["step"])
        by_hand = f" ({words.say('steps.overridden')})" if step["overridden"] else ""
        sides = (step_lines(step["step"], step[n], words) for n in ("recommended", "chosen"))
        rows.append([name + by_hand, *("<br>".join(map(plain, lines)) or "–" for lines in sides)])
    heads = [words.say(f"steps.{name}") for name in ("step", "recommended", "chosen")]
    return [f"## {words.say('steps.title')}", "", *_table(heads, rows)]


def _lift(answer: Answer, words: Wording) -> list[str]:
    lift = answer["lift"]
    if not lift:
        return []
    head = [f"## {words.say('lift.title')}", ""]
    if "reason" in lift:
        return [*head, f"{words.say('lift.unmeasured')} {plain(lift['reason'])}", ""]
    low, high = (words.percent(lift[name], decimals=2) for name in ("lower", "upper"))
    effect = words.percent(lift["effect"], decimals=2)
    between = words.say("plan.interval", lower=low, upper=high)
    said = words.choose("decisions", lift["decided"])
    return [*head, f"{words.say('lift.effect')}: {effect} ({between}). {said}", ""]


def _audit(answer: Answer, words: Wording) -> list[str]:
    rows = [
        [
            words.day(a_day(line["at"]), year=True),
            plain(seen(line["who"])),
            words.choose("acts", line["what"]),
        ]
        for line in answer["audit"]
    ]
    heads = [words.say(f"audit.{name}") for name in ("when", "who", "what")]
    return [f"## {words.say('audit.title')}", "", *_table(heads, rows)] if rows else []
