"""What the command prints of a plan: where the money goes, when to post, and the proof.

In: the answer of `make_plan`. Out: rich renderables for a terminal of 80 columns or more.
Never: a figure that the answer does not hold, or something that only its colour tells.
"""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.pages.digest import CENTS_APART, Answer, allocation, curve, weeks
from api.pages.wording import Wording, wording
from engine.errors import counted, shown

MOST_ROWS, MOST_WEEKS, MOST_SLOTS, MOST_CHANNELS = 20, 3, 20, 5
BAR, WIDE_BAR = 8, 24
LONGEST_NOTE = 2000
EIGHTHS = " ▏▎▍▌▋▊▉█"
SHADES = " ·░▒▓█"
LEVELS = "▁▂▃▄▅▆▇█"
CHOSEN = "◆"
SHORT_STATUS = {
    "free": "optimum",
    "at minimum": "min",
    "at maximum": "max",
    "locked": "lock",
    "exploration": "explore",
}


def plan(answer: Answer) -> RenderableType:
    """The whole plan, from the sum to the proof."""
    words = wording("en")
    parts: list[RenderableType] = [_head(answer, words)]
    parts += [Text(f"• {shown(note, LONGEST_NOTE)}", style="bold") for note in answer["notes"]]
    parts += [_rows(answer, words), *_curve(answer, words), *_pacing(answer, words)]
    parts += [*_hours(answer, words), *_channels(answer, words)]
    parts += [_proof(answer, words)]
    return Group(*parts)


def _head(answer: Answer, words: Wording) -> Text:
    outcome = words.choose("outcomes", answer["unit"])
    money = words.money(answer["budget"], answer["currency"])
    goal = words.choose("goals", answer["goal"])
    model = f"\nmodel {answer['model_version']}" if answer["model_version"] else ""
    return Text.assemble(
        (money, "bold"),
        f" over {counted(answer['days'], 'day')} from {answer['start']}, for {goal}\n",
        (f"{words.number(answer['expected'])} {outcome}", "bold"),
        f" expected, {_between(answer, words)} in {_cases(answer)}\n",
        (words.choose("basis", answer["basis"]) + model, "dim"),
    )


def _rows(answer: Answer, words: Wording) -> RenderableType:
    told = allocation(answer, most=MOST_ROWS)
    unit = words.choose("outcomes", answer["unit"])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("placement", ratio=1, overflow="fold")
    for name in ("spend", "", unit, "next", "by"):
        table.add_column(name, justify="left" if name in ("", "by") else "right", no_wrap=True)
    for row in told["rows"]:
        name = shown(row.get("name") or row["segment_id"] or words.say("plan.nobody"))
        table.add_row(
            Text.assemble(name, (f" · {shown(row['channel'])}", "dim")),
            words.money(row["spend"]),
            _bar(row["spend"] / told["most_spend"], BAR),
            f"{words.number(row['expected'])} ({_between(row, words)})" if row["spend"] else "",
            words.number(row["marginal"]),
            SHORT_STATUS.get(row["status"], row["status"]),
        )
    below = [f"next: {words.choose('outcomes', answer['unit'])} by one more unit of money"]
    if told["rest"]:
        count, spend = told["rest"]["count"], words.money(told["rest"]["spend"])
        below.insert(
            0, f"{counted(count, 'more placement')} with {spend} together: --json or --out"
        )
    if told["without"]:
        below.append(f"{counted(told['without'], 'placement')} without money")
    return Group(table, Text("\n".join(below), style="dim"))


def _curve(answer: Answer, words: Wording) -> list[RenderableType]:
    points = curve(answer)
    if not points:
        return []
    table = Table.grid(padding=(0, 2))
    most = max(point["upper"] for point in points) or 1
    for point in points:
        table.add_row(
            Text(words.money(point["budget"]), justify="right"),
            _whisker(point, most),
            Text(words.number(point["expected"]), justify="right"),
            f"({_between(point, words)})",
            "◀ this plan" if point["chosen"] else "",
        )
    return [Text(f"\n{words.say('curve.title')}", style="bold"), table]


def _pacing(answer: Answer, words: Wording) -> list[RenderableType]:
    spends = [row["spend"] for row in answer["pacing"]]
    if len(spends) < 2 or max(spends) - min(spends) < CENTS_APART:
        return []
    most = max(spends)
    drawn = "".join(LEVELS[round((len(LEVELS) - 1) * spend / most)] for spend in spends)
    head = f"\n{words.money(min(spends))} to {words.money(most)} a day from {answer['start']}"
    return [Text(head, style="bold"), Text(drawn)]


def _hours(answer: Answer, words: Wording) -> list[RenderableType]:
    slots = answer["schedule"]
    if not slots:
        return []
    drawn: list[RenderableType] = []
    for week in weeks(answer, shades=len(SHADES), most=MOST_WEEKS):
        drawn += [
            Text(f"\nWhen to post on {shown(week['channel'])}", style="bold"),
            _week(week, words),
        ]
    legend = f"{CHOSEN} a post; the fuller, the more response: {'  '.join(SHADES[1:])}"
    table = Table.grid(padding=(0, 2))
    for slot in slots[:MOST_SLOTS]:
        table.add_row(
            f"{words.texts['weekdays_short'][slot['weekday']]} {words.time(slot['hour'])}",
            Text(shown(slot["channel"])),
            Text(shown(slot.get("name") or slot["segment_id"] or ""), overflow="fold"),
            f"{words.number(slot['expected'])} ({_between(slot, words)})",
        )
    more = len(slots) - MOST_SLOTS
    rest = [Text(f"{counted(more, 'more post')}: --json or --out", style="dim")] if more > 0 else []
    return [*drawn, Text(legend, style="dim"), table, *rest]


def _channels(answer: Answer, words: Wording) -> list[RenderableType]:
    fitting = answer["channels"][:MOST_CHANNELS]
    if not fitting:
        return []
    table = Table.grid(padding=(0, 2))
    for one in fitting:
        table.add_row(
            Text(shown(one["channel"])),
            f"{words.number(one['score'])} ({_between(one, words)})",
            Text(shown(one["reason"], LONGEST_NOTE), style="dim"),
        )
    head = "\nWhich networks fit, against the average network, which is 1"
    return [Text(head, style="bold"), table]


def _week(week: dict[str, Any], words: Wording) -> Text:
    hours = "".join(f"{hour:02d}    " for hour in range(0, 24, 3))
    lines = [Text(f"     {hours.rstrip()}", style="dim")]
    for weekday, _, short in words.weekdays():
        cells = (_cell(week, (weekday, hour)) for hour in range(24))
        lines.append(Text.assemble((f"{short:<5}", "dim"), *cells))
    return Text("\n").join(lines)


def _cell(week: dict[str, Any], place: tuple[int, int]) -> tuple[str, str]:
    if place in week["chosen"]:
        return f"{CHOSEN} ", "bold yellow"
    return SHADES[week["shades"].get(place, 0)] * 2, "blue"


def _proof(answer: Answer, words: Wording) -> Text:
    told = allocation(answer, most=0)
    gap = words.percent(answer["gap"], decimals=3)
    left = f"; {words.money(told['unspent'])} not spent" if told["unspent"] else ", to the cent"
    careful = "" if answer["objective"] == "mean" else f" ({answer['objective']})"
    return Text.assemble(
        ("\nProof", "bold"),
        f"  rows add up to {words.money(told['sum'])} of {words.money(answer['budget'])}{left}\n",
        f"       no split of this money brings more than {words.number(answer['bound'])}{careful}, "
        f"{words.number(answer['value'])} was found;\n"
        f"       gap {gap}: no more than that of it is left on the table",
    )


def _between(figure: dict[str, Any], words: Wording) -> str:
    return f"{words.number(figure['lower'])}–{words.number(figure['upper'])}"


def _cases(answer: Answer) -> str:
    """The chance that the truth lies within the interval, as people say it."""
    share = answer["interval"]
    return "4 cases of 5" if share == 0.8 else f"{100 * share:g} cases of 100"


def _bar(part: float, wide: int) -> str:
    eighths = round(8 * wide * min(1.0, part))
    return "█" * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")


def _whisker(point: dict[str, float], most: float) -> str:
    """A bar to what is expected, and a thin line on to the upper end."""
    middle, upper = (round(WIDE_BAR * point[name] / most) for name in ("expected", "upper"))
    lower = round(WIDE_BAR * point["lower"] / most)
    return "█" * lower + "▓" * (middle - lower) + "░" * (upper - middle)
