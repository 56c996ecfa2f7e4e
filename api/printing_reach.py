"""What the command prints of advocates.

In: the answer of the verb, as a plain dict. Out: rich renderables.
Never: a figure that the answer does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.errors import counted, shown

Answer = dict[str, Any]
ROWS = 15


@contextmanager
def drawing(console: Console) -> Iterator[Callable[[int, float], None]]:
    """A spinner that says how much is proven by now; silent off a terminal."""
    if not console.is_terminal:
        yield lambda sets, proof: None
        return
    with console.status("choosing advocates") as status:
        yield lambda sets, proof: status.update(
            f"choosing advocates: {proof:.0%} of the best possible proven by {sets:,} sets"
        )


def reach(answer: Answer) -> RenderableType:
    """Advocates with what each adds, and how far their word goes together."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "advocate", "adds"):
        table.add_column(name, justify="left" if name == "advocate" else "right")
    found = list(zip(answer["seeds"], answer["gains"], strict=True))
    for place, (id, gain) in enumerate(found[:ROWS], 1):
        table.add_row(str(place), Text(shown(id)), f"{gain:,.1f}")
    left = len(found) - ROWS
    more = [Text(f"and {counted(left, 'advocate')} more (--json)")] if left > 0 else []
    lines = [
        f"together they reach {answer['expected_reach']:,.0f} of {answer['people']:,} people "
        f"({answer['level']:.0%} interval {answer['lower']:,.0f} to {answer['upper']:,.0f})",
        f"proven: at least {answer['proven']:.0%} of what the best {len(found)} could reach",
    ]
    return Group(table, *more, *(Text(line) for line in lines))
