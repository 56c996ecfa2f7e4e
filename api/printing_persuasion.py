"""What the command prints of whom a campaign moved.

In: the answer of the verb, as a plain dict. Out: rich renderables.
Never: a figure that the answer does not hold.
"""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Answer = dict[str, Any]
ROWS = 15


def uplift(answer: Answer) -> RenderableType:
    """The effect by segment, best first, and the persuadable people beside the rest."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("segment", "addressed", "held out", "effect", ""):
        table.add_column(name, justify="left" if name in ("segment", "") else "right")
    for row in answer["segments"][:ROWS]:
        effect = "too few" if row["effect"] is None else _told(row)
        numbers = (f"{row[side]:,}" for side in ("exposed", "held_out"))
        table.add_row(Text(row["name"]), *numbers, effect, "proven" if row["proven"] else "")
    left = len(answer["segments"]) - ROWS
    more = [Text(f"and {left} segments more (--json)")] if left > 0 else []
    shown = [table, *more] if answer["segments"] else [Text("no segment has enough people of it")]
    return Group(*shown, *(Text(line) for line in _words(answer)))


def _words(answer: Answer) -> list[str]:
    found, qini = answer["persuadable"], answer["qini"]
    lines = [
        f"intervals of {answer['level']:.0%}; those of segments hold for all of them at once",
        f"Qini {qini['qini']:.3f} ({qini['qini_lower']:.3f} to {qini['qini_upper']:.3f})",
        f"worth addressing again: {found['size']:,} people ({found['share']:.0%}), "
        f"effect {_told(found['lift'])}; of the rest {_told(found['rest'])}",
    ]
    if found["segment_id"] is not None:
        lines.append(f"kept as the segment {found['segment_id']} for later plans")
    elif found["share"] > 0:
        lines.append("to hand them to later plans: --keep")
    return lines


def _told(row: dict[str, float] | None) -> str:
    if row is None:
        return "not known"
    return f"{row['effect']:+.2%} ({row['lower']:+.2%} to {row['upper']:+.2%})"
