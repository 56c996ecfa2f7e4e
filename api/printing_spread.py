"""What the command prints of spread: how many are reached, by when, and what of it was paid for.

In: the answers of the verb, as plain dicts. Out: rich renderables, as narrow as the terminal is.
Never: a figure that the answer does not hold, or something that only its colour tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from engine.errors import counted, shown

Answer = dict[str, Any]
WIDEST = 32
DAY = 24


@contextmanager
def trying(console: Console) -> Iterator[Callable[[int, float], None]]:
    """A spinner that says how sure the answer is by now; silent off a terminal."""
    if not console.is_terminal:
        yield lambda tried, width: None
        return
    with console.status("following the word") as status:
        yield lambda tried, width: status.update(
            f"following the word: {tried:,} times, {width:.1%} above or below"
        )


def spread(answer: Answer) -> RenderableType:
    """Reach in sum, then by hours, then what it rests on."""
    paid = "paid" in answer
    head = _of_ads(answer) if paid else _of_starters(answer)
    lines = [*head, "", f"reached {'by ads and word' if paid else 'in all'}, by hours:"]
    return Group(Text("\n".join(lines)), _curve(answer), Text("\n".join(_basis(answer))))


def _of_starters(answer: Answer) -> list[str]:
    level = f"{answer['level']:.0%}"
    lines = [
        f"{answer['expected_reach']:,.0f} of {answer['people']:,} people reached{_end(answer)} "
        f"({level} interval {_between(answer)})",
        f"{answer['earned']['expected']:,.0f} of them by word alone "
        f"({_between(answer['earned'])}), from {counted(answer['starters'], 'starter')}",
        f"{level} of single runs reach {answer['low']:,.0f} to {answer['high']:,.0f}",
    ]
    alone = answer["without_ties"]
    if alone["count"]:
        names = ", ".join(shown(one) for one in alone["examples"])
        more = ", ..." if alone["count"] > len(alone["examples"]) else ""
        count = counted(alone["count"], "starter")
        lines.append(f"! {count} without ties here, who reach only themselves: {names}{more}")
    return lines


def _of_ads(answer: Answer) -> list[str]:
    segment, word = answer["segment"], answer["earned"]
    ratio = 100 * word["expected"] / answer["paid"]
    more = answer["per_touch"]
    return [
        f"{shown(answer['product_id'])}: ads touch {answer['paid_share']:.0%} of "
        f"{shown(segment['name'])} ({segment['size']:,} people, {segment['in_network']:,} of them "
        "with ties)",
        f"  paid      {answer['paid']:>10,.0f}",
        f"  earned    {word['expected']:>10,.1f}  ({_between(word, 1)}), by word alone",
        f"  together  {answer['together']['expected']:>10,.1f}  "
        f"({_between(answer['together'], 1)}){_end(answer)}",
        f"100 touches earn {ratio:,.1f} people more; the next 100 would earn "
        f"{100 * more['expected']:,.1f} ({_scaled(more)})",
    ]


def _end(answer: Answer) -> str:
    hours = answer["horizon_hours"]
    return "" if hours is None else f" within {_hours(hours)}"


def _between(figure: Answer, decimals: int = 0) -> str:
    return f"{figure['lower']:,.{decimals}f} to {figure['upper']:,.{decimals}f}"


def _scaled(figure: Answer) -> str:
    return f"{100 * figure['lower']:,.1f} to {100 * figure['upper']:,.1f}"


def _hours(hours: float) -> str:
    if hours >= 2 * DAY and hours % DAY == 0:
        return f"{hours / DAY:,.0f} days"
    return f"{hours:,.3g} h"


def _curve(answer: Answer) -> RenderableType:
    """By hours; what was paid for is drawn full, what was earned is shaded."""
    points = [(_hours(point["hours"]), point) for point in answer["curve"]]
    if answer["horizon_hours"] is None:
        end = answer.get("together") or {"expected": answer["expected_reach"], **answer}
        points.append(("in the end", end))
    most = max(point["upper"] for _, point in points) or 1
    solid = answer.get("paid", 0.0) / most
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, point in points:
        bar = _Bar(solid, point["expected"] / most, point["upper"] / most)
        table.add_row(name, bar, f"{point['expected']:,.0f}", f"({_between(point)})")
    return table


class _Bar:
    """Full to what was paid for, shaded to what is expected, dotted to the upper end."""

    def __init__(self, solid: float, expected: float, upper: float) -> None:
        self._parts = (solid, expected, upper)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(4, WIDEST)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = min(options.max_width, WIDEST)
        full, middle, upper = (round(wide * part) for part in self._parts)
        yield Text("█" * full + "▓" * (middle - full) + "░" * (upper - middle), no_wrap=True)


def _basis(answer: Answer) -> list[str]:
    delay, uptake = answer["delay"], answer.get("uptake")
    learned = f"{counted(delay['shares'], 'share')} of the log"
    source = f"from {learned}" if delay["shares"] else "as is usual: no share of the log tells"
    lines = [
        "",
        f"half of what is passed on is so within {delay['median_hours']:,.3g} h ({source})",
    ]
    if uptake:
        lines.append(
            f"of those touched {uptake['probability']:.0%} would like it, and "
            f"{uptake['shares_per_like']:.0%} of those who like it pass it on "
            f"(from {counted(uptake['likes'], 'like')} of it in the log)"
        )
    tried = f"{answer['sets']:,} sets" if uptake else f"{answer['runs']:,} runs"
    lines.append(
        f"{answer['law']} over {answer['ties']:,} ties of {answer['people']:,} people, {tried}; "
        "who merely sees what is passed on is not counted"
    )
    return lines
