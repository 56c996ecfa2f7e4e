"""What the command prints of members and teams.

In: the answers of verbs, as plain dicts. Out: rich renderables.
Never: a figure that the answer does not hold.
"""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.errors import counted

Answer = dict[str, Any]
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table


def members(answer: Answer) -> RenderableType:
    """Members by name."""
    if not answer["members"]:
        return Text("no member yet: run `mokhatab members add NAME --role owner`")
    table = _table("name", "called", "role", "teams", "e-mail", "removed")
    for one in answer["members"]:
        table.add_row(
            one["name"],
            one["display"],
            one["role"],
            ", ".join(one["teams"]),
            one["email"] or "",
            one["removed_at"] or "",
        )
    return table


def teams(answer: Answer) -> RenderableType:
    """Teams by name."""
    if not answer["teams"]:
        return Text("no team yet: run `mokhatab teams create NAME`")
    table = _table("team", "members", "products", "hours", "time zone")
    for one in answer["teams"]:
        products, hours = len(one["products"]), _week(one["hours"], None)
        table.add_row(one["name"], ", ".join(one["members"]), f"{products:,}", hours, one["zone"])
    return table


def team(answer: Answer) -> RenderableType:
    """One team, line by line."""
    table = Table.grid(padding=(0, 2))
    lines = {
        "name": answer["name"],
        "members": ", ".join(answer["members"]) or "–",
        "products": "; ".join(answer["products"]) or "–",
        "time zone": answer["zone"],
        "hours": _week(answer["hours"], None) or "–",
    }
    own = dict.fromkeys(one["member"] for one in answer["hours"] if one["member"])
    lines |= {f"hours of {name}": _week(answer["hours"], name) for name in own}
    for name, value in lines.items():
        table.add_row(Text(name, style="bold"), Text(value))
    return table


def _week(hours: list[Answer], member: str | None) -> str:
    """Windows in words, weekdays with the same ones together."""
    days: dict[int, list[str]] = {}
    for one in hours:
        if one["member"] == member:
            days.setdefault(one["weekday"], []).append(f"{one['from']}–{one['to']}")
    alike: dict[str, list[str]] = {}
    for day, windows in sorted(days.items()):
        alike.setdefault(", ".join(windows), []).append(DAYS[day])
    return "; ".join(f"{' '.join(names)} {windows}" for windows, names in alike.items())


def week(answer: Answer) -> RenderableType:
    """Who posts what when, then what nobody posts."""
    given = _table("when", "who", "channel", "segment")
    for one in answer["assigned"]:
        given.add_row(_when(one["at"]), one["member"], one["channel"], one["segment_id"] or "")
    parts: list[RenderableType] = [given] if answer["assigned"] else []
    if answer["unassigned"]:
        left = _table("when", "nobody, because", "channel", "segment", "nearest")
        for one in answer["unassigned"]:
            near = one["nearest"]
            instead = f"{near['starts_at']} ({near['member']})" if near else "–"
            segment = one["segment_id"] or ""
            left.add_row(_when(one["at"]), one["reason"], one["channel"], segment, instead)
        parts.append(left)
    shared = ", ".join(
        f"{name} {counted(posts, 'post')}" for name, posts in answer["posts"].items()
    )
    return Group(*parts, f"{answer['team']}, {answer['zone']}: {shared or 'nobody promotes'}")


def _when(moment: str) -> str:
    return moment[:16].replace("T", " ")
