"""What the command prints of reports and of results: how a campaign does, and what was known.

In: the answers of `report`, `known_results` and `results_history`. Out: rich renderables.
Never: a figure that the answer does not hold, or something that only its colour tells.
"""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.pages.report_digest import Answer, placements, step_lines, together
from api.pages.wording import Wording, wording
from engine.errors import counted, shown

MOST_ROWS, MOST_ALERTS, MOST_RESULTS = 20, 20, 40
LONGEST = 2000


def report(answer: Answer) -> RenderableType:
    """The whole report, from where the campaign stands to who did what."""
    words = wording("en")
    parts: list[RenderableType] = [_head(answer, words)]
    parts += _alerts(answer)
    if answer["results"] is not None:
        parts += [_going(answer, words), _placements(answer, words)]
    parts += [_steps(answer, words), *_lift(answer, words), *_audit(answer)]
    return Group(*parts)


def _head(answer: Answer, words: Wording) -> Text:
    campaign = answer["campaign"]
    through = (answer["pacing"] or {}).get("through")
    said = f"results up to {through}" if through else words.say("report.no_results")
    if answer["pacing"] is None:
        said = words.say("report.no_plan")
    return Text.assemble(
        (shown(campaign["name"]), "bold"),
        f" ({campaign['id']}), {campaign['status']}\n",
        f"{campaign['goal']} of {shown(campaign['product_id'])}, "
        f"{campaign['start']} to {campaign['end']}, {campaign['budget']} {campaign['currency']}\n",
        (said, "dim"),
    )


def _alerts(answer: Answer) -> list[RenderableType]:
    told = [*answer["campaign"]["warnings"]]
    for alert in answer["alerts"]:
        place = " · ".join(shown(alert[n]) for n in ("channel", "segment_id") if alert[n])
        told.append(f"{place}: {alert['says']}" if place else alert["says"])
    lines = [Text(f"! {shown(one, LONGEST)}", style="yellow") for one in told[:MOST_ALERTS]]
    more = len(told) - MOST_ALERTS
    return [*lines, *([Text(f"! and {more} more: --json")] if more > 0 else [])]


def _going(answer: Answer, words: Wording) -> RenderableType:
    """Money and goal: so far, planned by then, at the end."""
    pacing = answer["pacing"]
    spend, goal = pacing["spend"], pacing["goal"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "spend", words.choose("outcomes", goal["outcome"])):
        table.add_column(name, justify="right" if name else "left")
    sides = ((spend, spend["budget"], words.money), (goal, goal["whole"], words.number))
    table.add_row("so far", *(write(side["actual"]) for side, _, write in sides))
    table.add_row("planned by then", *(write(side["planned"]) for side, _, write in sides))
    table.add_row("against the plan", *(side["status"] or "–" for side, *_ in sides))
    table.add_row("at the end", *(write(side["projected"]) for side, _, write in sides))
    ends = (f"{write(side['lower'])}–{write(side['upper'])}" for side, _, write in sides)
    table.add_row(f"in {words.percent(pacing['interval'])} of cases", *ends)
    table.add_row("planned in all", *(write(whole) for _, whole, write in sides))
    said = f"a day spends {words.percent(pacing['pace']['value'])} of its plan"
    if spend["ends_on"]:
        latest = spend["latest"] or "never"
        said += f"; the budget is used up on {spend['ends_on']} ({spend['earliest']} to {latest})"
    return Group(table, Text(said, style="dim"))


def _placements(answer: Answer, words: Wording) -> RenderableType:
    told = placements(answer, most=MOST_ROWS)
    outcome = words.choose("outcomes", answer["results"]["outcome"])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("placement", ratio=1, overflow="fold")
    for name in ("spend", "planned", outcome, "to expect", ""):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in told["rows"]:
        name = shown(row["name"] or row["segment_id"] or words.say("plan.nobody"))
        table.add_row(
            Text.assemble(name, (f" · {shown(row['channel'])}", "dim")),
            words.money(row["spend"]),
            words.money(row["planned_spend"]),
            words.number(row["actual"]),
            f"{words.number(row['lower'])}–{words.number(row['upper'])}",
            row["lies"] or "",
        )
    if not told["rest"]:
        return table
    rest = told["rest"]
    said = f"{counted(rest['count'], 'more placement')}, {words.money(rest['spend'])} together"
    return Group(table, Text(said, style="dim"))


def _steps(answer: Answer, words: Wording) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("step", "recommended", "chosen"):
        table.add_column(name, overflow="fold")
    for step in answer["steps"]:
        mark = " *" if step["overridden"] else ""
        sides = (step_lines(step["step"], step[n], words) for n in ("recommended", "chosen"))
        table.add_row(step["step"] + mark, *(together("\n".join(lines)) or "–" for lines in sides))
    return Group(table, Text("* chosen by hand", style="dim"))


def _lift(answer: Answer, words: Wording) -> list[RenderableType]:
    lift = answer["lift"]
    if not lift:
        return []
    if "reason" in lift:
        return [Text(f"lift: {shown(lift['reason'], LONGEST)}", style="dim")]
    ends = [lift[name] for name in ("lower", "upper")]
    between = "too early for an interval"
    if None not in ends:
        between = " to ".join(words.percent(one, decimals=2) for one in ends)
    effect = words.percent(lift["effect"], decimals=2)
    said = words.choose("decisions", lift["decided"])
    return [Text.assemble(("\nLift", "bold"), f"  {effect} more acted ({between}). {said}")]


def _audit(answer: Answer) -> list[RenderableType]:
    if not answer["audit"]:
        return []
    table = Table.grid(padding=(0, 2))
    for line in answer["audit"]:
        table.add_row(line["at"][:16], Text(shown(line["who"])), line["what"])
    return [Text("\nWho did what", style="bold"), table]


def results(answer: dict[str, Any]) -> RenderableType:
    """Rows that hold, or all that were ever known, the last ones."""
    rows = answer["results"][-MOST_RESULTS:]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    names = ["date", "channel", "segment_id", "impressions", "clicks", "spend", "recorded_at"]
    names += ["holds"] if "replaced" in answer else []
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = [row[name] for name in names]
        table.add_row(*(Text("" if one is None else shown(str(one))) for one in cells))
    said = counted(answer["rows"], "row")
    if "replaced" in answer:
        said += f", {answer['replaced']:,} of them replaced since"
    if len(rows) < answer["rows"]:
        said += f"; the last {len(rows)} are shown, all with --json"
    return Group(table, Text(said, style="dim"))


def imported(answer: dict[str, Any]) -> RenderableType:
    """What became of a file of results."""
    tally, refused = answer["results"], answer["results"]["quarantined"]
    lines = [
        f"{counted(tally['read'], 'row')} read: {tally['stored']:,} stored, "
        f"{tally['corrected']:,} of them corrections; {tally['duplicates']:,} changed nothing; "
        f"{sum(refused.values()):,} refused"
    ]
    if not tally["stored"] and not refused:
        lines.append("nothing changed: all of it was known")
    lines += [f"  {count:,} × {shown(reason, LONGEST)}" for reason, count in refused.items()]
    lines += [shown(notice, LONGEST) for notice in tally["notices"]]
    if answer["quarantine"]:
        lines.append(f"refused rows: {answer['quarantine']}")
    return Text("\n".join(lines))
