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
    columns = _columns(answer)
    for name in ("", "advocate", *columns):
        table.add_column(name, justify="left" if name == "advocate" else "right")
    found = answer["seeds"]
    for place, (id, *figures) in enumerate(
        list(zip(found, *columns.values(), strict=True))[:ROWS], 1
    ):
        table.add_row(str(place), Text(shown(id)), *figures)
    left = len(found) - ROWS
    more = [Text(f"and {counted(left, 'advocate')} more (--json)")] if left > 0 else []
    return Group(table, *more, *(Text(line) for line in (*_about(answer), *_proof(answer))))


def _columns(answer: Answer) -> dict[str, list[str]]:
    """What is told of each advocate, by the heads of columns."""
    columns = {"adds": [f"{gain:,.1f}" for gain in answer["gains"]]}
    if "probabilities" in answer:
        columns["P(like)"] = [f"{chance:.0%}" for chance in answer["probabilities"]]
    if "costs" in answer:
        columns["asks for"] = [f"{cost:,.2f}" for cost in answer["costs"]]
    return columns


def _about(answer: Answer) -> list[str]:
    """How far the word goes."""
    interval = f"({answer['level']:.0%} interval {answer['lower']:,.0f} to {answer['upper']:,.0f})"
    reached = f"{answer['expected_reach']:,.0f}"
    if "product_id" not in answer:
        return [f"together they reach {reached} of {answer['people']:,} people {interval}"]
    likes = counted(round(answer["expected_reach"]), "like")
    lines = [f"together their word brings {likes} {interval}"]
    if answer["as_paid"] is not None:
        lines.append(f"that is what ads bring that touch {answer['as_paid']:,.0f} of the audience")
    lines.append(
        f"{answer['listeners']:,} of the audience of {answer['audience']:,} are among the "
        f"{answer['people']:,} people of the network; {answer['detractors']:,} would rather "
        "dislike it and count below zero"
    )
    return lines


def _source(answer: Answer) -> str:
    """Where the ties are from."""
    return (
        "those who follow each other" if answer["source"] == "follows" else shown(answer["source"])
    )


def _proof(answer: Answer) -> list[str]:
    """What is proven of the choice, and what it costs."""
    paid = answer.get("budget") is not None
    best = f"{'any' if paid else 'the best'} {counted(answer['asked'], 'advocate')}"
    best += " for the money" if paid else ""
    part = int(100 * answer["proven"])  # rounded it might say more than is proven
    lines = [f"proven: at least {part}% of what {best} could reach, by ties of {_source(answer)}"]
    if "spent" in answer:
        of = "" if answer["budget"] is None else f" of {answer['budget']:,.2f}"
        lines.append(f"they ask for {answer['spent']:,.2f}{of} together")
    return lines
