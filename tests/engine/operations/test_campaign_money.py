"""Money of campaigns: exact whatever is typed, and whole units that sum whatever the plan."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidValue, UnknownEntity
from engine.operations.campaign_money import read_currency, read_money, settle_plan, total_of
from engine.store.home import Home

DIGITS = st.sampled_from([0, 2, 3])


def read(given: Any, digits: int = 2) -> Decimal:
    return read_money("budget", given, currency="EUR", digits=digits)


@given(units=st.integers(1, 10**14), digits=DIGITS)
def test_an_amount_is_read_exactly_however_it_is_written(units: int, digits: int) -> None:
    amount = Decimal(units).scaleb(-digits)
    if amount > 10**12:
        return
    for written in (amount, str(amount), f" {amount:f} ", f"{amount:E}"):
        assert read(written, digits) == amount
        assert read(written, digits).as_tuple().exponent == -digits
    if len(str(units)) <= 15:  # so many digits a binary number holds
        assert read(float(amount), digits) == amount
        assert read(json.loads(json.dumps(float(amount))), digits) == amount


@given(
    st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=12)
    | st.decimals(allow_nan=True, allow_infinity=True)
)
def test_what_is_not_refused_is_what_was_written(given: Any) -> None:
    try:
        amount = read(given)
    except InvalidValue:
        return
    assert amount == Decimal(repr(given) if isinstance(given, float) else str(given).strip())
    assert 0 < amount <= 10**12
    assert amount * 100 == int(amount * 100)


def test_a_sum_of_binary_fractions_is_finer_than_a_cent() -> None:
    with pytest.raises(InvalidValue, match=r"finer than EUR has it; the least is 0\.01"):
        read(0.1 + 0.2)


@pytest.mark.parametrize(
    ("code", "told"), [("EUR", ("EUR", 2)), ("jpy", ("JPY", 0)), (" kwd ", ("KWD", 3))]
)
def test_currencies_have_their_digits(tmp_path: Path, code: str, told: tuple[str, int]) -> None:
    assert read_currency(Home(tmp_path), code) == told


def test_an_unknown_currency_is_told_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(UnknownEntity) as error:
        read_currency(Home(tmp_path), "EUX")
    assert "EUR" in error.value.near


def a_plan(cents: list[int], days: int) -> dict[str, Any]:
    """What the planner gives: hundredths by placement, the same sum by day."""
    total = sum(cents)
    rows = [
        {"channel": f"c{at % 2}", "segment_id": f"s{at}", "spend": part / 100, "share": 0.0}
        for at, part in enumerate(cents)
    ]
    even = [total // days + (day < total % days) for day in range(days)]
    pacing = [{"date": str(day), "spend": part / 100} for day, part in enumerate(even)]
    return {"budget": total / 100, "spent": total / 100, "allocation": rows, "pacing": pacing}


@given(
    cents=st.lists(st.integers(0, 10**9), min_size=2, max_size=12).filter(lambda all: sum(all) > 0),
    rest=st.integers(0, 9),
    digits=DIGITS,
    days=st.integers(1, 40),
)
def test_parts_are_whole_units_and_sum_to_the_whole_budget(
    cents: list[int], rest: int, digits: int, days: int
) -> None:
    whole = Decimal(sum(cents)) / 100 + (Decimal(rest) / 1000 if digits == 3 else 0)
    budget = whole.quantize(Decimal(1).scaleb(-digits), "ROUND_CEILING")
    planned = a_plan(cents, days)
    if digits == 0:  # the planner was asked for whole units
        planned = a_plan([part * 100 for part in cents], days)
        budget = Decimal(sum(cents))
    plan = settle_plan(planned, budget, digits, {})
    assert total_of(plan) == budget == Decimal(plan["money"]["spent"])
    assert sum((Decimal(repr(day["spend"])) for day in plan["pacing"]), Decimal(0)) == budget
    assert math.isclose(sum(row["share"] for row in plan["allocation"]), 1)
    for before, after in zip(planned["allocation"], plan["allocation"], strict=True):
        assert abs(before["spend"] - after["spend"]) < 1.01
        assert before["spend"] > 0 or after["spend"] == 0


@given(lock=st.integers(1, 99_999), digits=DIGITS, rest=st.integers(0, 9))
def test_what_is_locked_stays_to_the_unit(lock: int, digits: int, rest: int) -> None:
    cents = [lock * 100, 7_000_033, 333_333 + 34]
    budget = Decimal(sum(cents)) / 100
    if digits == 0:
        cents[1] -= sum(cents) % 100
        budget = Decimal(sum(cents)) / 100
    if digits == 3:
        budget += Decimal(rest) / 1000
    plan = settle_plan(a_plan(cents, 3), budget, digits, {"c0/s0": f"{lock}"})
    assert plan["allocation"][0]["spend"] == lock
    assert total_of(plan) == budget
