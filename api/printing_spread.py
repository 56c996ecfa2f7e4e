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
    beside = f"earned beside the {_number(answer['paid'])} paid for" if paid else "reached"
    lines = [*head, "", f"{beside}, by hours:"]
    return Group(Text("\n".join(lines)), _curve(answer), Text("\n".join(_basis(answer))))


def _of_starters(answer: Answer) -> list[str]:
    level = f"{answer['level']:.0%}"
    lines = [
        f"{_number(answer['expected_reach'])} people reached{_end(answer)} "
        f"({level} interval {_between(answer)})",
        f"{_number(answer['earned']['expected'])} of them by word alone "
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
    segment, word, both = answer["segment"], answer["earned"], answer["together"]
    hundred = 100 * word["expected"] / answer["paid"]
    more = {name: 100 * value for name, value in answer["per_touch"].items()}
    return [
        f"{shown(answer['product_id'])}: ads touch {answer['paid_share']:.0%} of "
        f"{shown(segment['name'])} ({segment['size']:,} people, {segment['in_network']:,} of them "
        "with ties)",
        f"  paid      {_number(answer['paid']):>9}",
        f"  earned    {_number(word['expected']):>9}  ({_between(word)})",
        f"  together  {_number(both['expected']):>9}  ({_between(both)}){_end(answer)}",
        f"earned are those whom word alone reaches; in brackets {answer['level']:.0%} intervals",
        f"100 touches earn {_number(hundred)} people; 100 more would earn "
        f"{_number(more['expected'])} ({_between(more)})",
    ]


def _end(answer: Answer) -> str:
    hours = answer["horizon_hours"]
    return "" if hours is None else f" within {_hours(hours)}"


def _number(value: float) -> str:
    """Three figures at least, and no part of a person where there are a hundred."""
    decimals = 0 if value >= 100 or value == 0 else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}"


def _between(figure: Answer) -> str:
    return f"{_number(figure['lower'])} to {_number(figure['upper'])}"


def _hours(hours: float) -> str:
    if hours >= 2 * DAY and hours % DAY == 0:
        return f"{hours / DAY:,.0f} days"
    if hours < 1:
        return f"{60 * hours:,.2g} min"
    return f"{hours:,.3g} h"


def _curve(answer: Answer) -> RenderableType:
    """People by hours; where ads touch some at the start, those whom word alone adds to them."""
    paid = answer.get("paid", 0.0)
    points = [(_hours(point["hours"]), _without(point, paid)) for point in answer["curve"]]
    if answer["horizon_hours"] is None:
        end = answer["earned"] if paid else {"expected": answer["expected_reach"], **answer}
        points.append(("in the end", end))
    most = max(point["upper"] for _, point in points) or 1
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, point in points:
        bar = _Bar(point["lower"] / most, point["expected"] / most, point["upper"] / most)
        table.add_row(name, bar, _number(point["expected"]), f"({_between(point)})")
    return table


def _without(point: Answer, paid: float) -> Answer:
    return {name: max(point[name] - paid, 0.0) for name in ("expected", "lower", "upper")}


class _Bar:
    """Full to the lower end, shaded to what is expected, dotted to the upper end."""

    def __init__(self, lower: float, expected: float, upper: float) -> None:
        self._parts = (lower, expected, upper)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(4, WIDEST)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = min(options.max_width, WIDEST)
        lower, middle, upper = (round(wide * part) for part in self._parts)
        yield Text("█" * lower + "▓" * (middle - lower) + "░" * (upper - middle), no_wrap=True)


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
        f"{answer['law']} over {answer['ties']:,} ties of {answer['people']:,} people "
        f"({shown(answer['source'])}), {tried}; "
        "who merely sees what is passed on is not counted"
    )
    return lines
