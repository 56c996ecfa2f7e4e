"""An answer of the planner made by hand, for tests of how it is shown.

In: names and sizes. Out: a dict in the shape of `make_plan`'s answer.
Never: a plan that is right; only its shape and its sums are.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

CHANNELS = ("instagram", "telegram", "youtube", "linkedin", "eitaa")
SEGMENTS = ("Poetry readers", "خوانندگان شعر", "Best 5 % for p17", "Tehran, students")
STATUS = ("free", "free", "at minimum", "at maximum", "locked", "exploration", "free", "off")
WEIGHTS = (0.23, 0.17, 0.14, 0.11, 0.09, 0.08, 0.07, 0.05, 0.03, 0.02, 0.01)


def an_answer(
    *,
    budget: float = 16800.0,
    days: int = 14,
    start: date = date(2026, 11, 23),
    name: str = "",
    **more: Any,
) -> dict[str, Any]:
    """A plan of twelve placements, the last of them off; `name` is put before every id."""
    rows = [_row(number, weight, budget, name) for number, weight in enumerate((*WEIGHTS, 0.0))]
    expected = sum(row["expected"] for row in rows)
    answer: dict[str, Any] = {
        "goal": "sales",
        "measure": "sales",
        "spent": budget,
        "product_id": None,
        "currency": "EUR",
        "budget": budget,
        "days": days,
        "start": start.isoformat(),
        "model_version": "20261120-1a2b3c",
        "as_of": "2026-11-20T00:00:00Z",
        "basis": "mixed",
        "notes": ["3 placements have no results yet; their curves are first assumptions."],
        "allocation": rows,
        "expected": expected,
        "lower": expected * 0.88,
        "upper": expected * 1.13,
        "unit": "sales",
        "interval": 0.8,
        "exploration": 0.05,
        "objective": "mean",
        "optimum": expected,
        "value": expected,
        "price": 0.021,
        "bound": expected * 1.0004,
        "gap": 0.0004,
        "curve": [_point(budget * step / 6, budget, expected) for step in range(13)],
        "pacing": [
            {
                "date": (start + timedelta(day)).isoformat(),
                "spend": round(budget / days * (1.3 if day % 7 in (4, 5) else 0.88), 2),
            }
            for day in range(days)
        ],
        "schedule": [_slot(number, start, name) for number in range(6)],
        "hours": [_hour(number, name) for number in range(3 * 7 * 24)],
        "channels": [_channel(number, name) for number in range(len(CHANNELS))],
    }
    return answer | more


def _row(number: int, weight: float, budget: float, name: str) -> dict[str, Any]:
    expected = 900 * weight**0.8
    return {
        "channel": name + CHANNELS[number % len(CHANNELS)],
        "segment_id": f"{name}seg-{number:03d}",
        "name": name + SEGMENTS[number % len(SEGMENTS)],
        "spend": round(budget * weight, 2),
        "share": weight,
        "expected": expected,
        "lower": expected * 0.7,
        "upper": expected * 1.4,
        "marginal": 0.021 if weight else 0.004,
        "impressions": 1000.0 * expected,
        "clicks": 10.0 * expected,
        "tried": number != 3,
        "status": STATUS[number % len(STATUS)] if weight else "off",
    }


def _point(spend: float, budget: float, expected: float) -> dict[str, float]:
    middle = expected * (1 - math.exp(-1.6 * spend / budget)) / (1 - math.exp(-1.6))
    return {"budget": spend, "expected": middle, "lower": middle * 0.86, "upper": middle * 1.15}


def _slot(number: int, start: date, name: str) -> dict[str, Any]:
    weekday, hour = (4, 5, 6, 1, 2, 0)[number], (20, 11, 21, 8, 20, 13)[number]
    day = start + timedelta((weekday - start.weekday()) % 7)
    return {
        "channel": name + CHANNELS[number % 3],
        "segment_id": f"{name}seg-{number:03d}",
        "weekday": weekday,
        "hour": hour,
        "starts_at": f"{day.isoformat()}T{hour:02d}:00:00+03:30",
        "expected": 1.9 - number / 10,
        "lower": 1.4 - number / 10,
        "upper": 2.5 - number / 10,
        "date": day.isoformat(),
        "reason": f"evenings of {CHANNELS[number % 3]} answer 1.9 times as much",
    }


def _hour(number: int, name: str) -> dict[str, Any]:
    channel, weekday, hour = number // 168, number // 24 % 7, number % 24
    expected = 0.4 + 1.6 * math.exp(-(((hour - 20 + channel) / 4) ** 2)) * (1 + (weekday == 4) / 3)
    return {
        "channel": name + CHANNELS[channel],
        "segment_id": None,
        "weekday": weekday,
        "hour": hour,
        "on_holiday": expected,
        "seen": 120.0,
        "expected": expected,
        "lower": expected * 0.8,
        "upper": expected * 1.25,
        "basis": "mixed",
    }


def _channel(number: int, name: str) -> dict[str, Any]:
    return {
        "channel": name + CHANNELS[number],
        "name": name + CHANNELS[number].title(),
        "rank": number + 1,
        "score": 1.8 - 0.3 * number,
        "lower": 1.3 - 0.25 * number,
        "upper": 2.5 - 0.35 * number,
        "basis": "mixed",
        "reason": "38 % of the audience are active here; past results bring 0.02 sales per unit",
        "cautions": ["its minimum spend is 500"] if number == 3 else [],
    }
