"""What the command prints of a running cascade.

In: the answer of the verb, as a plain dict. Out: rich renderables.
Never: a figure that the answer does not hold.
"""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.errors import counted, shown

Answer = dict[str, Any]
SURE = 0.995
MOST = 0.5
TENTH = 0.095
RARE = 0.001


def forecast(answer: Answer) -> RenderableType:
    """How many by now, how many in the end, and who is likely to come with the reason."""
    size, now = answer["size"], answer["adopters"]
    lines = [
        f"{shown(answer['cascade'])}: {now:,} {'has' if now == 1 else 'have'} adopted so far",
        f"expected in the end: {size['expected']:,.0f} "
        f"({size['level']:.0%} interval {size['lower']:,} to {size['upper']:,})",
        f"learned from {counted(answer['learned_from'], 'cascade')} that came as far, "
        f"of {answer['cascades']:,}",
    ]
    if answer["unknown"]:
        lines.append(f"nothing else is known of {answer['unknown']:,} of those who have adopted")
    if answer["known"] < MOST * (size["expected"] - now):
        lines.append(f"most who come will be others than the {answer['candidates']:,} known so far")
    lines += answer["notices"]
    if answer["withheld"]:
        lines.append(f"{answer['withheld']:,} may not be named")
    told = [Text(line) for line in lines]
    if not answer["next"]:
        return Group(*told)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "next", "chance", "because"):
        table.add_column(name, justify="right" if name in ("", "chance") else "left")
    for place, one in enumerate(answer["next"], 1):
        reason = Text(one["reason"], "dim")
        table.add_row(str(place), Text(shown(one["user_id"])), _chance(one["chance"]), reason)
    return Group(*told, table)


def _chance(chance: float) -> str:
    """In percent, without saying that somebody surely will or will not."""
    if chance > SURE:
        return "> 99%"
    if chance < RARE:
        return "< 0.1%"
    return f"{chance:.0%}" if chance >= TENTH else f"{chance:.1%}"
