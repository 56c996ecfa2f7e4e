"""What a reader must know of a plan before money is spent by it, beyond its numbers.

In: placements, limits, cents. Out: sentences. Never: a sentence where nothing is amiss.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import counted
from engine.operations.plan_inputs import Material
from engine.operations.plan_request import PlanRequest
from engine.planning.constraints import Limits
from engine.planning.rounding import CENTS

Array = NDArray[Any]
SHOWN, DOLLARS = 5, (None, "USD")
EXACT = 1e-12  # what a number of 15 digits may be off by


def market_notes(material: Material, cents: Array, currency: str | None) -> tuple[str, ...]:
    """Where networks would not take the money (n,) as it is planned, by configs/channels.toml."""
    names = np.array([channel for channel, _ in material.places], object)
    spent = {str(name): int(cents[names == name].sum()) for name in np.unique(names[cents > 0])}
    known = {name: material.facts[name] for name in spent if name in material.facts}
    least = {name: float(facts["minimum_spend"]) for name, facts in known.items()}
    unsold = [name for name, facts in known.items() if facts["price_model"] == "not sold"]
    small = [f"{name} {least[name]:g}" for name in known if spent[name] < least[name] * CENTS]
    fewest = np.array(
        [float(known[name]["minimum_audience"]) if name in known else 0.0 for name in names]
    )
    few = int(((cents > 0) & (material.people < fewest)).sum())
    notes = []
    if unsold:
        notes.append(f"No advertising is sold on {_few(unsold)}: its money pays for own posts.")
    if small and currency in DOLLARS:
        notes.append(f"Below the smallest spend of a network in US dollars: {_few(small)}.")
    if few:
        notes.append(f"Fewer people than their network takes: {counted(few, 'placement')}.")
    return tuple(notes)


def asked_notes(request: PlanRequest, limits: Limits, today: date) -> tuple[str, ...]:
    """Where a plan cannot be quite what was asked: parts of cents, days that are over."""
    notes = []
    if abs(request.budget * CENTS - limits.budget) > request.budget * CENTS * EXACT:
        notes.append(
            f"Money is put in whole cents: {limits.budget / CENTS:.2f} of the budget's "
            f"{request.budget:.15g} were planned."
        )
    if request.start is not None and request.start < today:
        notes.append(f"The plan begins on {request.start.isoformat()}, which is over.")
    return tuple(notes)


def closed_notes(limits: Limits) -> tuple[str, ...]:
    """Who stays off because more is needed to start than it may have."""
    starts = np.concatenate([limits.start, limits.channel_start])
    high = np.concatenate([limits.high, limits.channel_high])
    names = (*limits.names[0], *limits.names[1])
    off = [names[at] for at in np.flatnonzero((starts > 0) & (high == 0))]
    return (f"Off, for more is needed to start than is allowed: {_few(off)}.",) if off else ()


def repeated_notes(results: pl.DataFrame) -> tuple[str, ...]:
    """Whether rows of results that were handed in repeat each other exactly."""
    again = results.height - results.n_unique() if results.height else 0
    return (f"Results repeat rows exactly: {again:,}; each was counted.",) if again else ()


def _few(names: list[str]) -> str:
    more = [f"{len(names) - SHOWN:,} more"] if len(names) > SHOWN else []
    return ", ".join([*names[:SHOWN], *more])
