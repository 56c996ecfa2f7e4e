"""Where the marks of a picture stand, in units of its own size, from left to right or mirrored.

In: figures. Out: points, ticks and bars as texts and numbers that a template draws as SVG.
Never: a text of somebody else, a colour, or a scale that does not begin at nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDE, HIGH = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 28
TICKS = 5
NAMED_DAYS = 6


@dataclass(frozen=True)
class Tick:
    """A place on an axis and the value that stands there."""

    at: float
    value: float


@dataclass(frozen=True)
class Frame:
    """The field of a picture: how values become places; `mirrored` runs from right to left."""

    most_x: float
    most_y: float
    mirrored: bool

    def x(self, value: float) -> float:
        """The place of a value across."""
        at = LEFT + (WIDE - LEFT - RIGHT) * value / self.most_x
        return round(WIDE - at if self.mirrored else at, 1)

    def y(self, value: float) -> float:
        """The place of a value upwards."""
        return round(HIGH - BOTTOM - (HIGH - BOTTOM - TOP) * value / self.most_y, 1)

    def ticks_x(self) -> list[Tick]:
        """Round values across."""
        return [Tick(self.x(value), value) for value in steps(self.most_x)]

    def ticks_y(self) -> list[Tick]:
        """Round values upwards."""
        return [Tick(self.y(value), value) for value in steps(self.most_y)]


@dataclass(frozen=True)
class Curve:
    """A line with its band, and the point of it that was chosen."""

    frame: Frame
    line: str
    band: str
    chosen: tuple[float, float]
    from_to: tuple[float, float]


@dataclass(frozen=True)
class Column:
    """One upright bar; `shown` where its name stands below it."""

    x: float
    y: float
    wide: float
    high: float
    middle: float
    row: dict[str, Any]
    shown: bool


def steps(most: float, count: int = TICKS) -> list[float]:
    """Round values from nothing to the largest, about so many: 1, 2 or 5 times a power of ten."""
    rough = most / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough * 0.999)
    return [step * number for number in range(math.floor(most / step * 1.001) + 1)]


def curve(
    points: Sequence[dict[str, Any]],
    *,
    budget: float,
    reached: tuple[float, float, float],
    mirrored: bool,
) -> Curve:
    """The budget–outcome curve; `reached` is what the plan expects, with its interval."""
    ordered = sorted(points, key=lambda point: point["budget"])
    highest = max([reached[2], *(point["upper"] for point in ordered)])
    most = max([budget, *(point["budget"] for point in ordered)])
    frame = Frame(most or 1.0, highest * 1.05 or 1.0, mirrored)
    upper = [(point["budget"], point["upper"]) for point in ordered]
    lower = [(point["budget"], point["lower"]) for point in ordered]
    return Curve(
        frame,
        line=_path(frame, [(point["budget"], point["expected"]) for point in ordered]),
        band=_path(frame, upper + lower[::-1]),
        chosen=(frame.x(budget), frame.y(reached[0])),
        from_to=(frame.y(reached[1]), frame.y(reached[2])),
    )


def columns(
    rows: Sequence[dict[str, Any]], value: str, *, named: int, mirrored: bool
) -> tuple[Frame, list[Column]]:
    """Rows as upright bars in their order, about `named` of them with a name."""
    frame = Frame(len(rows), max((row[value] for row in rows), default=0) * 1.05 or 1.0, mirrored)
    every = max(1, math.ceil(len(rows) / named))
    wide = abs(frame.x(1) - frame.x(0))
    bars = []
    for place, row in enumerate(rows):
        middle, top = frame.x(place + 0.5), frame.y(row[value])
        bar = round(wide * 0.8, 2)
        high = round(frame.y(0) - top, 1)
        left = round(middle - bar / 2, 1)
        bars.append(Column(left, top, bar, high, middle, row, place % every == 0))
    return frame, bars


def _path(frame: Frame, points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{frame.x(x)},{frame.y(y)}" for x, y in points)


@dataclass(frozen=True)
class Track:
    """Sums that grow by day: what was planned with its band, what came, what is to come.

    `ahead` and `to` (the end of it with its interval) are None where nothing is foreseen.
    """

    frame: Frame
    planned: str
    band: str
    actual: str
    now: tuple[float, float] | None
    ahead: str | None
    to: tuple[float, float, float, float] | None
    days: list[tuple[float, int]]


def track(
    planned: Sequence[tuple[float, float, float]],
    actual: Sequence[float],
    foreseen: tuple[float, float, float] | None,
    *,
    mirrored: bool,
) -> Track:
    """Draws sums by day; the first day ends at one.

    Args:
        planned: expected, lower and upper at the end of each day; empty where nothing was.
        actual: at the end of each day that is known, the first days.
        foreseen: expected, lower and upper at the end of the last day.
        mirrored: from right to left.
    """
    count = max(len(planned), len(actual), 1)
    tops = [point[2] for point in planned] + list(actual) + list(foreseen or ())
    frame = Frame(count, max(tops, default=0.0) * 1.05 or 1.0, mirrored)
    steps_up = [(0.0, 0.0, 0.0), *planned]
    upper = [(at, point[2]) for at, point in enumerate(steps_up)]
    lower = [(at, point[1]) for at, point in enumerate(steps_up)]
    came = [(0, 0.0), *((at + 1, value) for at, value in enumerate(actual))]
    last = came[-1]
    every = max(1, math.ceil(count / NAMED_DAYS))
    return Track(
        frame,
        planned=_path(frame, [(at, point[0]) for at, point in enumerate(steps_up)]),
        band=_path(frame, upper + lower[::-1]),
        actual=_path(frame, came),
        now=(frame.x(last[0]), frame.y(last[1])) if actual else None,
        ahead=_path(frame, [last, (count, foreseen[0])]) if foreseen and last[0] < count else None,
        to=_end(frame, count, foreseen) if foreseen else None,
        days=[(frame.x(at + 0.5), at) for at in range(0, count, every)],
    )


def _end(
    frame: Frame, last: int, foreseen: tuple[float, float, float]
) -> tuple[float, float, float, float]:
    expected, lower, upper = (frame.y(value) for value in foreseen)
    return frame.x(last), expected, lower, upper


@dataclass(frozen=True)
class Spot:
    """One day: where it was to lie, and where it lay; either may be unknown."""

    x: float
    wide: float
    top: float | None
    high: float
    y: float | None
    row: dict[str, Any]
    shown: bool


def spots(rows: Sequence[dict[str, Any]], *, mirrored: bool) -> tuple[Frame, list[Spot]]:
    """Days with the interval of each as a bar and what came as a mark."""
    tops = [row[name] for row in rows for name in ("upper", "actual") if row[name] is not None]
    frame = Frame(max(len(rows), 1), max(tops, default=0.0) * 1.05 or 1.0, mirrored)
    every = max(1, math.ceil(len(rows) / NAMED_DAYS))
    wide = abs(frame.x(1) - frame.x(0))
    return frame, [
        Spot(
            frame.x(at + 0.5),
            round(wide * 0.7, 2),
            None if row["upper"] is None else frame.y(row["upper"]),
            0.0
            if row["upper"] is None
            else round(frame.y(row["lower"]) - frame.y(row["upper"]), 1),
            None if row["actual"] is None else frame.y(row["actual"]),
            row,
            at % every == 0,
        )
        for at, row in enumerate(rows)
    ]
