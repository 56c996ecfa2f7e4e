"""What the command prints of accounts: whom to address, and who is like whom.

In: the answers of engine/operations/accounts.py. Out: rich renderables.
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


def _table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _called(one: Answer) -> str:
    told = [one[name] for name in ("industry", "size", "region") if one[name]]
    return " · ".join([one["name"] or one["account_id"], *told])


def ranked(answer: Answer) -> RenderableType:
    """Accounts of a product with their contacts, and the segments that stand out."""
    product, size = answer["product_id"], answer["size"]
    if not answer["accounts"]:
        return Text(f"{product}: no account has enough contacts to address")
    title = f"{product}: {counted(size, 'account')} to address (model {answer['model_version']})"
    table = _table(title, "", "account", "interest", "address", right=("", "interest"))
    for rank, one in enumerate(answer["accounts"], 1):
        who = [
            f"{each['user_id']} ({each['seniority'] or 'title not known'}, "
            f"{each['probability']:.0%})"
            for each in one["address"]
        ]
        name = Text.assemble(_called(one), "\n", (one["reason"], "dim"))
        table.add_row(str(rank), name, f"{one['interest']:.0%}", "\n".join(who))
    return Group(table, _segments(answer["segments"])) if answer["segments"] else table


def _segments(segments: list[Answer]) -> RenderableType:
    right = ("accounts", "interest", "lift")
    table = _table("what the interested have in common", "segment", *right, right=right)
    for one in segments:
        lift = one["lift"]
        table.add_row(
            one["name"],
            f"{one['size']:,}",
            f"{one['interest']:.0%}",
            f"{lift['value']:.1f} ({lift['lower']:.1f}–{lift['upper']:.1f})",
        )
    return table


def alike(answer: Answer) -> RenderableType:
    """Accounts like the seeds, with what speaks for each, in nats."""
    seeds = counted(len(answer["seeds"]), "account")
    title = f"like {seeds}, of {answer['size']:,} others (model {answer['model_version']})"
    table = _table(title, "", "account", "score", "speaks for it", right=("", "score"))
    for rank, one in enumerate(answer["accounts"], 1):
        parts = sorted(one["parts"].items(), key=lambda part: -part[1])
        told = ", ".join(f"{name} {value:+.1f}" for name, value in parts if value > 0)
        table.add_row(str(rank), _called(one), f"{one['score']:+.2f}", told)
    return table
