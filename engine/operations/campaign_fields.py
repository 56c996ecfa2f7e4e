"""What a marketer says of a campaign, read field by field.

In: fields as text or plain values, and the campaign they change. Out: a campaign that can be meant.
Never: a field that nobody knows, two currencies in one campaign, or a value put right in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from engine.errors import InvalidValue, shown
from engine.measurement.holdout import refuse_share
from engine.operations.campaign_money import read_currency, read_money
from engine.operations.plan_request import FIRST_DAY, GOALS, LAST_DAY, MOST_DAYS
from engine.store.campaigns import Campaign
from engine.store.home import Home

STEPS = ("channels", "budget", "team", "audience", "promotion", "results")
MARKETS = ("b2c", "b2b")
LONGEST_NAME, LONGEST_WORD, MOST_LISTED = 200, 256, 1000
CODE = re.compile(
    r"\s*(?:(?P<before>[A-Za-z]{3})\s+)?(?P<amount>[-+]?[\d.,]+)\s*(?P<after>[A-Za-z]{3})?\s*"
)
"""An amount that may name its currency: `1500`, `1500 EUR`, `EUR 1500`."""


def put_fields(home: Home, campaign: Campaign, given: Mapping[str, Any]) -> Campaign:
    """The campaign with some fields in the place of what they were.

    Raises:
        InvalidValue: a field is unknown or cannot be meant; amounts are in two currencies; the
            last day comes before the first; money that is locked exceeds the budget.
        UnknownEntity: there is no such currency.
    """
    for name in given:
        if name not in READERS and name not in ("budget", "currency", "locks"):
            known = ", ".join(sorted([*READERS, "budget", "currency", "locks"]))
            raise InvalidValue(shown(name), f"is no field of a campaign; known: {known}")
    read = {name: READERS[name](name, value) for name, value in given.items() if name in READERS}
    changed = _with_money(home, replace(campaign, **read), given)
    _check_together(changed)
    return changed


def _with_money(home: Home, campaign: Campaign, given: Mapping[str, Any]) -> Campaign:
    currency, digits = read_currency(
        home, _word("currency", given.get("currency", campaign.currency))
    )
    if currency != campaign.currency and campaign.budget > 0:
        left = [name for name in ("budget", "locks") if name not in given]
        left = [name for name in left if name == "budget" or campaign.locks]
        if left:
            detail = f"{' and '.join(left)} would stay in {campaign.currency}: give them with it"
            raise InvalidValue("currency", f"a campaign has one currency; {detail}")
    budget, locks = campaign.budget, dict(campaign.locks)
    if "budget" in given:
        budget = _money("budget", given["budget"], currency, digits)
    if "locks" in given:
        asked = _mapping("locks", given["locks"])
        locks = {
            _place(place): str(_money(f"locks of {place}", amount, currency, digits))
            for place, amount in asked.items()
        }
    return replace(campaign, currency=currency, budget=budget, locks=locks)


def _money(field: str, given: Any, currency: str, digits: int) -> Decimal:
    if isinstance(given, str):
        found = CODE.fullmatch(given)
        named = {found["before"], found["after"]} - {None} if found else set()
        for code in named:
            if str(code).upper() != currency:
                raise InvalidValue(
                    field, f"{shown(given)} is in another currency than the campaign, {currency}"
                )
        given = found["amount"] if found and named else given
    return read_money(field, given, currency=currency, digits=digits)


def _check_together(campaign: Campaign) -> None:
    if campaign.end < campaign.start:
        raise InvalidValue("end", f"{campaign.end} comes before the first day, {campaign.start}")
    if campaign.days > MOST_DAYS:
        raise InvalidValue("end", f"{campaign.days} days are more than {MOST_DAYS}")
    both = set(campaign.segments) & set(campaign.exclusions)
    if both:
        raise InvalidValue("exclusions", f"{shown(min(both))} is among the segments as well")
    locked = _locked(campaign.locks)
    if locked > campaign.budget:
        raise InvalidValue(
            "locks", f"{locked} are locked, and the budget is {campaign.budget} {campaign.currency}"
        )
    for place in campaign.locks:
        channel = place.partition("/")[0]
        if campaign.channels and channel not in campaign.channels:
            raise InvalidValue("locks", f"{shown(channel)} is not among the channels")
    for slot in campaign.schedule:
        if campaign.channels and slot["channel"] not in campaign.channels:
            raise InvalidValue("schedule", f"{shown(slot['channel'])} is not among the channels")


def _locked(locks: Mapping[str, str]) -> Decimal:
    """Money that is bound; what is locked within a channel that is locked counts once."""
    channels = {place for place in locks if "/" not in place}
    own = (amount for place, amount in locks.items() if place.partition("/")[0] not in channels)
    return sum(map(Decimal, own), sum((Decimal(locks[one]) for one in channels), Decimal(0)))


def _place(place: str) -> str:
    channel, slash, segment = _word("locks", place).partition("/")
    if not channel or (slash and not segment):
        raise InvalidValue("locks", f"{shown(place)} is neither CHANNEL nor CHANNEL/SEGMENT")
    return place


def _word(field: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidValue(field, "is empty" if isinstance(value, str) else "is no text")
    if len(value) > LONGEST_WORD or not value.isprintable():
        raise InvalidValue(field, f"has more than {LONGEST_WORD} characters, or cannot be printed")
    return value


def _name(field: str, value: Any) -> str:
    name = _word(field, value).strip()
    if len(name) > LONGEST_NAME:
        raise InvalidValue(field, f"has more than {LONGEST_NAME} characters")
    return name


def _words(field: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > MOST_LISTED:
        raise InvalidValue(field, f"is no list of at most {MOST_LISTED}")
    found = tuple(_word(field, one) for one in value)
    if len(set(found)) < len(found):
        twice = next(one for one in found if found.count(one) > 1)
        raise InvalidValue(field, f"{shown(twice)} is named twice")
    return found


def _mapping(field: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or len(value) > MOST_LISTED:
        raise InvalidValue(field, f"is no object of at most {MOST_LISTED}")
    return value


def _one_of(known: tuple[str, ...]) -> Callable[[str, Any], str]:
    def read(field: str, value: Any) -> str:
        if value not in known:
            raise InvalidValue(
                field, f"{shown(str(value))!r} is not known; known: {', '.join(known)}"
            )
        return str(value)

    return read


def _day(field: str, value: Any) -> date:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else value
    except ValueError:
        day = None
    if type(day) is not date or not FIRST_DAY <= day <= LAST_DAY:
        raise InvalidValue(field, f"{shown(str(value))!r} is no day; write it as 2027-03-21")
    return day


def _number(low: int, high: int) -> Callable[[str, Any], int | None]:
    def read(field: str, value: Any) -> int | None:
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InvalidValue(
                field, f"{shown(str(value))} is no whole number from {low} to {high}"
            )
        return value

    return read


def _share(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(field, "is no number")
    if value == 0:
        raise InvalidValue(field, "0 holds out nobody: what the campaign changed could not be told")
    if value == 1:
        raise InvalidValue(field, "1 holds out everybody: nobody would be addressed")
    refuse_share(float(value))
    return float(value)


def _responsible(field: str, value: Any) -> dict[str, str]:
    for step in _mapping(field, value):
        if step not in STEPS:
            raise InvalidValue(field, f"{shown(str(step))} is no step; known: {', '.join(STEPS)}")
    return {step: _word(field, member) for step, member in value.items()}


def _slots(field: str, value: Any) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list | tuple) or len(value) > MOST_LISTED:
        raise InvalidValue(field, f"is no list of at most {MOST_LISTED} posts")
    slots = []
    for slot in value:
        if not isinstance(slot, Mapping) or set(slot) != {"channel", "weekday", "hour"}:
            raise InvalidValue(field, "a post has channel, weekday (0 Monday) and hour")
        hours = {"weekday": _number(0, 6), "hour": _number(0, 23)}
        read = {name: check(f"{field}.{name}", slot[name]) for name, check in hours.items()}
        if None in read.values():
            raise InvalidValue(field, "a post has channel, weekday (0 Monday) and hour")
        slots.append({"channel": _word(field, slot["channel"])} | read)
    return tuple(slots)


def _team(field: str, value: Any) -> str | None:
    return None if value is None else _word(field, value)


READERS: dict[str, Callable[[str, Any], Any]] = {
    "name": _name,
    "product_id": _word,
    "goal": _one_of(GOALS),
    "market": _one_of(MARKETS),
    "channels": _words,
    "start": _day,
    "end": _day,
    "team": _team,
    "segments": _words,
    "exclusions": _words,
    "responsible": _responsible,
    "holdout_share": _share,
    "posts": _number(0, 1000),
    "schedule": _slots,
    "window_days": _number(0, 365),
}
