"""What the command prints of campaigns: how they stand, who did what, what they changed.

In: the answers of verbs, as plain dicts. Out: rich renderables.
Never: a figure that the answer does not hold.
"""

from __future__ import annotations

from calendar import day_abbr
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Answer = dict[str, Any]
SHOWN = 6


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def campaign(answer: Answer) -> RenderableType:
    """How a campaign stands: its frame, each step as recommended and as chosen, and warnings."""
    money = f"{answer['budget']} {answer['currency']}"
    head = (
        f"{answer['id']}: {answer['name']} — {answer['status']}, version {answer['version']}\n"
        f"{answer['goal']} of {answer['product_id']} ({answer['market']}), {money}, "
        f"{answer['start']} to {answer['end']}\n"
        f"author {answer['author']}, team {answer['team'] or 'none'}"
        + (f", approved by {answer['approved_by']}" if answer["approved_by"] else "")
    )
    table = _table("", "step", "recommended", "chosen")
    for step in answer["steps"]:
        mark = " *" if step["overridden"] else ""
        table.add_row(
            step["step"] + mark, *(_told(step[side]) for side in ("recommended", "chosen"))
        )
    parts: list[RenderableType] = [Text(head), table]
    if answer["audience"]:
        parts.append(Text(_people(answer["audience"])))
    parts += [Text(f"! {warning}", style="yellow") for warning in answer["warnings"]]
    parts.append(Text(f"next: {', '.join(answer['next']) or 'nothing'}"))
    return Group(*parts)


def _told(side: Answer | None) -> str:
    """One side of a step in a few words; reasons are left to JSON."""
    if not side:
        return "plan first"
    words = []
    for name, value in side.items():
        if name == "why" or value in ({}, []):
            continue
        words.append(f"{name}: {_short(value)}")
    return "\n".join(words) or "-"


def _short(value: Any) -> str:
    if isinstance(value, dict) and {"channel", "weekday", "hour"} <= set(value):
        return f"{value['channel']} {day_abbr[value['weekday']]} {value['hour']:02d}:00"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(one)}" for key, one in value.items())
    if isinstance(value, list):
        more = f" and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
        return ", ".join(_short(one) for one in value[:SHOWN]) + more
    if isinstance(value, float):
        return f"{value:,.4g}"
    return str(value)


def _people(told: Answer) -> str:
    least = told["detectable"]
    seen = "no effect could be told" if least is None else f"an effect of {least:.2%} can be told"
    split = ""
    if told.get("held_out") is not None:
        split = f": {told['assigned']:,} addressed, {told['held_out']:,} held out"
    return f"{told['people']:,} people{split}; {seen}, {told['expected_effect']:.2%} is expected"


def campaigns(answer: Answer) -> RenderableType:
    """Campaigns, newest first."""
    names = ("id", "name", "status", "product_id", "goal", "budget", "start", "end", "team")
    table = _table("", *names)
    for row in answer["campaigns"]:
        told = row | {"budget": f"{row['budget']} {row['currency']}", "team": row["team"] or ""}
        table.add_row(*(str(told[name]) for name in names))
    return table


def audit(answer: Answer) -> RenderableType:
    """Lines of a campaign's log, oldest first."""
    table = _table(answer["campaign_id"], "when", "who", "what", "changed")
    for line in answer["lines"]:
        changed = [
            f"{name}: {_cut(line['before'].get(name))} → {_cut(after)}"
            for name, after in line["after"].items()
        ]
        told = "\n".join(changed) if line["what"] != "create" else ""
        table.add_row(line["at"][:19], line["who"], line["what"], told)
    return table


def _cut(value: Any) -> str:
    text = "-" if value is None else _short(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def lift(answer: Answer) -> RenderableType:
    """What a campaign changed, and how sure that is."""
    one, other = answer["exposed"], answer["held_out"]
    low, high = answer["lower"], answer["upper"]
    if low is None or high is None:
        interval = "too little was seen to say more"
    else:
        interval = f"between {low:+.3%} and {high:+.3%} ({answer['level']:.0%})"
    looks = "at every look" if answer["kind"] == "sequential" else "at the end"
    verdict = {
        "up": "more people acted because of it",
        "down": "fewer people acted because of it",
        "open": "an effect cannot be told from chance",
    }[answer["decided"]]
    lines = [
        f"{answer['campaign_id']}: {', '.join(answer['outcomes'])} of {answer['product_id']}",
        f"addressed {one['people']:,}: {one['rate']:.3%} acted; "
        f"held out {other['people']:,}: {other['rate']:.3%}",
        f"effect {answer['effect']:+.3%}, {interval}; holds {looks}",
        f"{verdict}: {answer['moved']['people']:+,.0f} people",
    ]
    if not answer["complete"]:
        lines.append(f"outcomes count until {answer['until'][:10]}")
    return Text("\n".join(lines))
