"""Options of campaigns as fields of the engine.

In: what was typed after `campaign create` and `campaign set`. Out: fields by their names.
Never: a value that is judged here, beyond the form of a word.
"""

from __future__ import annotations

from typing import Any

from engine.errors import InvalidValue, shown

NAMES = {
    "product": "product_id",
    "channel": "channels",
    "segment": "segments",
    "exclude": "exclusions",
    "holdout": "holdout_share",
}
PLAIN = ("id", "name", "product", "goal", "budget", "currency", "start", "end", "market", "team")
LISTED = ("channel", "segment", "exclude")
NUMBERS = ("holdout", "posts", "window_days")
EMPTY: dict[str, Any] = {
    "channels": (),
    "segments": (),
    "exclusions": (),
    "locks": {},
    "responsible": {},
    "schedule": (),
    "posts": None,
    "window_days": None,
    "team": None,
}


def fields_of(typed: dict[str, Any]) -> dict[str, Any]:
    """The fields that options name; those that were not typed are left out.

    Raises:
        InvalidValue: a word has another form, or names something twice.
    """
    found = {
        NAMES.get(name, name): typed[name]
        for name in (*PLAIN, *LISTED, *NUMBERS)
        if typed.get(name) is not None and typed[name] != []
    }
    for name, field, form in (
        ("lock", "locks", "CHANNEL=AMOUNT or CHANNEL/SEGMENT=AMOUNT"),
        ("responsible", "responsible", "STEP=MEMBER"),
    ):
        if typed.get(name):
            found[field] = _pairs(f"--{name}", typed[name], form)
    if typed.get("post"):
        found["schedule"] = [_post(word) for word in typed["post"]]
    return found


def cleared(names: list[str] | None) -> dict[str, Any]:
    """Fields that go back to what is recommended.

    Raises:
        InvalidValue: one cannot.
    """
    for name in names or ():
        if name not in EMPTY:
            raise InvalidValue("--clear", f"{shown(name)!r} is none of {', '.join(EMPTY)}")
    return {name: EMPTY[name] for name in names or ()}


def _pairs(option: str, words: list[str], form: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, _, value = word.rpartition("=")
        if not name or not value:
            raise InvalidValue(option, f"{shown(word)!r} is not {form}")
        if name in found:
            raise InvalidValue(option, f"{shown(name)!r} is named twice")
        found[name] = value
    return found


def _post(word: str) -> dict[str, Any]:
    channel, _, when = word.rpartition("@")
    day, _, hour = when.partition(":")
    if not channel or not (day.isdecimal() and hour.isdecimal()):
        raise InvalidValue("--post", f"{shown(word)!r} is not CHANNEL@DAY:HOUR, as telegram@0:18")
    return {"channel": channel, "weekday": int(day), "hour": int(hour)}
