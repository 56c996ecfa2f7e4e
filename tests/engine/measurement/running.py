"""Campaigns under way for tests: a plan over placements and days, and results drawn from it.

In: sizes, how far truth is from the plan, a seed. Out: a plan as `make_plan` tells it, results.
Never: a model or a home.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from engine.frames import RESULTS

START = date(2026, 1, 5)


def plan_of(
    channels: int = 2, segments: int = 2, days: int = 20, *, unit: str = "clicks", **changed: Any
) -> dict[str, Any]:
    """Every placement spends 100 a day in the mean and should bring 50 of what is counted."""
    places = [(f"ch-{at}", f"seg-{of}") for at in range(channels) for of in range(segments)]
    rows = [
        {
            "channel": channel,
            "segment_id": segment,
            "name": f"people {segment}",
            "spend": 100.0 * days,
            "share": 1 / len(places),
            "expected": 50.0 * days,
            "lower": 40.0 * days,
            "upper": 60.0 * days,
            "marginal": 0.4,
            "impressions": 5000.0 * days,
            "clicks": 50.0 * days,
            "tried": True,
            "status": "free",
        }
        for channel, segment in places
    ]
    whole = 100.0 * days * len(places)
    wave = [1.1 if day % 2 == 0 and day < days - days % 2 else 0.9 for day in range(days)]
    paced = [whole * part / sum(wave) for part in wave]
    plan = {
        "goal": "traffic",
        "unit": unit,
        "currency": "EUR",
        "budget": whole,
        "spent": whole,
        "days": days,
        "start": START.isoformat(),
        "notes": [],
        "interval": 0.8,
        "allocation": rows,
        "expected": 50.0 * days * len(places),
        "lower": 43.0 * days * len(places),
        "upper": 57.0 * days * len(places),
        "pacing": [
            {"date": (START + timedelta(day)).isoformat(), "spend": spend}
            for day, spend in enumerate(paced)
        ],
    }
    return plan | changed


def results_of(
    plan: dict[str, Any],
    days: int,
    *,
    pace: float = 1.0,
    returns: float = 1.0,
    seed: int | None = 0,
    spread: float = 0.0,
    campaign: str = "c",
) -> pl.DataFrame:
    """The first days of a campaign that spends `pace` of its plan and gets `returns` of its yield.

    Clicks are Poisson about that, and days differ by `spread`; without a seed they are the mean.
    """
    random = np.random.default_rng(seed)
    rows = []
    for row in plan["allocation"]:
        part = row["spend"] / plan["spent"]
        for day in plan["pacing"][:days]:
            spend = pace * day["spend"] * part
            mean = spend / row["spend"] * row["expected"] * returns
            mean *= np.exp(random.normal(0, spread) - spread**2 / 2) if spread else 1.0
            clicks = round(mean) if seed is None else int(random.poisson(mean))
            rows.append(
                {
                    "date": date.fromisoformat(day["date"]),
                    "channel": row["channel"],
                    "campaign_id": campaign,
                    "segment_id": row["segment_id"],
                    "impressions": clicks * 100,
                    "clicks": clicks,
                    "spend": round(spend, 2),
                    "currency": "EUR",
                }
            )
    frame = pl.DataFrame(rows, schema_overrides={"date": pl.Date})
    lacking = {n: pl.lit(None, d) for n, d in RESULTS.columns.items() if n not in frame.columns}
    return frame.with_columns(**lacking).select(list(RESULTS.columns))
