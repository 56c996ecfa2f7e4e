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
