"""What is shown of a plan, whether on a page or in a terminal.

In: the answer of `make_plan`. Out: rows worth a look, what the others add up to, weeks of hours.
Never: a figure that the answer does not hold.
"""

from __future__ import annotations

from typing import Any

Answer = dict[str, Any]
Place = tuple[int, int]
CENTS_APART = 0.015
"""Days that differ by a cent, which no day has to spare, are alike."""
MOST_WITHOUT = 5
"""Of the placements that get nothing, those are shown where the next unit brings most."""


def allocation(answer: Answer, *, most: int) -> dict[str, Any]:
    """Rows with money, some without, what the others add up to, and the scales of the bars."""
    rows = answer["allocation"]
    funded = [row for row in rows if row["spend"] > 0]
    without = sorted(
        (row for row in rows if not row["spend"] > 0),
        key=lambda row: row["marginal"] or 0,
        reverse=True,
    )
    rest = funded[most:]
    cents = sum(round(row["spend"] * 100) for row in rows)
    return {
        "rows": funded[:most] + without[:MOST_WITHOUT],
        "funded": len(funded),
        "without": len(without),
        "all": len(rows),
        "rest": {"count": len(rest), "spend": sum(row["spend"] for row in rest)} if rest else None,
        "sum": cents / 100,
        "unspent": round(answer["budget"] * 100 - cents) / 100,
        "most_spend": max((row["spend"] for row in rows), default=0) or 1,
        "most_upper": max((row["upper"] or 0 for row in funded[:most]), default=0) or 1,
        "most_next": max((row["marginal"] or 0 for row in rows), default=0) or 1,
    }


def curve(answer: Answer) -> list[dict[str, Any]]:
    """The points of the curve by budget, the plan's own among them, which is `chosen`."""
    names = ("expected", "lower", "upper")
    own = {"budget": answer["budget"], "chosen": True} | {name: answer[name] for name in names}
    others = [point for point in answer["curve"] if point["budget"] != own["budget"]]
    if not others:
        return []
    points = [own, *(point | {"chosen": False} for point in others)]
    return sorted(points, key=lambda point: float(point["budget"]))


def weeks(answer: Answer, *, shades: int, most: int) -> list[dict[str, Any]]:
    """A week of hours for each channel that the plan posts on, those with most posts first.

    The response of an hour is the mean over the audiences there. Without `hours` in the answer
    only those of the posts are known.
    """
    heard: dict[str, dict[Place, list[float]]] = {}
    chosen: dict[str, list[Place]] = {}
    for slot in answer["schedule"]:
        chosen.setdefault(slot["channel"], []).append((slot["weekday"], slot["hour"]))
    for cell in answer.get("hours") or answer["schedule"]:
        of_channel = heard.setdefault(cell["channel"], {})
        of_channel.setdefault((cell["weekday"], cell["hour"]), []).append(cell["expected"])
    busiest = sorted(chosen, key=lambda channel: -len(chosen[channel]))
    return [
        _week(channel, heard.get(channel, {}), set(chosen[channel]), shades)
        for channel in busiest[:most]
    ]


def _week(
    channel: str, heard: dict[Place, list[float]], chosen: set[Place], shades: int
) -> dict[str, Any]:
    measures = {place: sum(values) / len(values) for place, values in heard.items()}
    return {
        "channel": channel,
        "whole": len(measures) == 7 * 24,
        "measures": measures,
        "shades": shaded(measures, shades),
        "chosen": chosen,
    }


def shaded(values: dict[Place, float], count: int) -> dict[Place, int]:
    """Each value as one of so many shades from the least (0) to the most, by equal steps."""
    least, most = min(values.values(), default=0.0), max(values.values(), default=0.0)
    width = (most - least) or 1.0
    return {
        place: min(count - 1, int(count * (value - least) / width))
        for place, value in values.items()
    }
