"""Money of campaigns: exact amounts in one currency, from words to the parts of a plan.

In: an amount as text, whole number or decimal; a plan in cents. Out: decimals of the currency.
Never: an amount that was rounded in silence, or parts that do not sum to the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.errors import InvalidValue, UnknownEntity, shown
from engine.frames import CHANNEL, SEGMENT
from engine.operations.lookup import near_ids
from engine.operations.plan_request import MOST_MONEY
from engine.planning.rounding import round_parts, round_plan
from engine.store.home import Home

Array = NDArray[Any]
Amount = str | int | float | Decimal


def read_currency(home: Home, code: str) -> tuple[str, int]:
    """A code of ISO 4217 as it is written, and the digits after its point.

    Raises:
        UnknownEntity: there is no such currency.
    """
    known = settings.load_rows("currencies", home.root)
    name = code.strip().upper()
    if name not in known:
        raise UnknownEntity("currency", code, near_ids(name, pl.Series(sorted(known))))
    return name, int(known[name]["digits"])


def read_money(field: str, given: Amount, *, currency: str, digits: int) -> Decimal:
    """An amount with exactly the digits of its currency.

    A binary fraction is taken as it is written: 0.1 is a tenth, and 0.1 + 0.2 has too many digits.

    Raises:
        InvalidValue: it is no number, is not finite, is negative or zero, is too large, or has
            more digits than the currency.
    """
    amount = _decimal(field, given)
    if not amount.is_finite():
        raise InvalidValue(field, f"{amount} is no amount of money")
    if amount <= 0:
        raise InvalidValue(field, f"{amount:f} is not above zero")
    if amount > Decimal(MOST_MONEY):
        raise InvalidValue(field, f"it is more than {MOST_MONEY:g}")
    exact = amount.quantize(unit_of(digits))
    if exact != amount:
        least = f"{unit_of(digits):f}"
        raise InvalidValue(
            field, f"{shown(str(given))} is finer than {currency} has it; the least is {least}"
        )
    return exact


def _decimal(field: str, given: Amount) -> Decimal:
    if isinstance(given, bool) or not isinstance(given, str | int | float | Decimal):
        raise InvalidValue(field, "is no amount of money")
    written = repr(given) if isinstance(given, float) else str(given).strip()
    try:
        return Decimal(written)
    except InvalidOperation:
        raise InvalidValue(field, f"{shown(written)!r} is no amount of money") from None


def unit_of(digits: int) -> Decimal:
    """The smallest amount that a currency of so many digits has."""
    return Decimal(1).scaleb(-digits)


def settle_plan(
    plan: dict[str, Any], budget: Decimal, digits: int, locks: Mapping[str, str]
) -> dict[str, Any]:
    """A plan whose amounts are whole units of the currency that sum exactly to what is spent.

    The planner counts in hundredths. A plan that spends its whole budget spends all of it here
    too, be the currency finer than that; where it is coarser, parts are rounded by largest
    remainder. What is locked stays as it was locked. Amounts stay numbers, each the nearest to its
    decimal; `money` tells budget, what is spent, and the unit, as text.
    """
    unit = unit_of(digits)
    planned = Decimal(repr(plan["spent"]))
    whole = budget if planned >= Decimal(repr(plan["budget"])) - Decimal("0.01") else planned
    parts = _parts(plan["allocation"], int(whole / unit), unit, locks)
    total = int(parts.sum())
    days = np.array([day["spend"] for day in plan["pacing"]], np.float64) / float(unit)
    days = round_parts(days, total, np.zeros(days.size, np.int64), np.full(days.size, total))
    return plan | {
        "budget": float(budget),
        "spent": float(unit * total),
        "allocation": [
            row | {"spend": float(unit * part), "share": part / max(total, 1)}
            for row, part in zip(plan["allocation"], parts.tolist(), strict=True)
        ],
        "pacing": [
            day | {"spend": float(unit * part)}
            for day, part in zip(plan["pacing"], days.tolist(), strict=True)
        ],
        "money": {"budget": str(budget), "spent": str(unit * total), "unit": str(unit)},
    }


def _parts(
    rows: list[dict[str, Any]], total: int, unit: Decimal, locks: Mapping[str, str]
) -> Array:
    """Whole units (n,) near the amounts; they sum to the total as far as locks leave room."""
    channels = sorted({row[CHANNEL] for row in rows})
    channel = np.array([channels.index(row[CHANNEL]) for row in rows], np.int64)
    wanted = np.array([row["spend"] for row in rows], np.float64) / float(unit)
    low = np.zeros(len(rows), np.int64)
    high = np.where(wanted > 0, total, 0).astype(np.int64)
    channel_low = np.zeros(len(channels), np.int64)
    channel_high = np.full(len(channels), total, np.int64)
    places = {f"{row[CHANNEL]}/{row[SEGMENT]}": at for at, row in enumerate(rows)}
    for place, amount in locks.items():
        units = int(Decimal(amount) / unit)
        if place in places:
            low[places[place]] = high[places[place]] = units
        else:
            at = channels.index(place)
            channel_low[at] = channel_high[at] = units
    most = np.minimum(np.bincount(channel, high, len(channels)), channel_high).sum()
    return round_plan(
        wanted, min(total, int(most)), channel, (low, high, channel_low, channel_high)
    )


def total_of(plan: Mapping[str, Any]) -> Decimal:
    """What the placements of a settled plan cost together, exactly."""
    unit = Decimal(plan["money"]["unit"])
    spends = (Decimal(repr(row["spend"])).quantize(unit) for row in plan["allocation"])
    return sum(spends, Decimal(0)).quantize(unit)
