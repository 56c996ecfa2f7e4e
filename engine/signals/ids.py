"""Ids as JSON writes them, over HTTP and in files: one rule for both.

In: a parsed JSON value. Out: the id as text. Never: an id made of something that names nobody,
such as a truth value, an object or a fraction.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from engine.frames import ACCOUNTS, EVENTS, FOLLOWS, PRODUCTS, RESULTS, USERS

ID_COLUMNS = frozenset(
    name
    for kind in (EVENTS, USERS, PRODUCTS, ACCOUNTS, FOLLOWS, RESULTS)
    for name, dtype in kind.columns.items()
    if name.endswith("_id") and dtype == pl.String
)
EXACT = 2.0**53
"""From here on, floats no longer tell whole numbers apart."""


class NotAnId(ValueError):
    """The value names nobody and nothing; the text says in which column."""


def as_id(value: Any, name: str) -> str | None:
    """Text as it is, whole numbers as their decimal digits (`5` and `5.0` are `5`), null as null.

    Raises:
        NotAnId: a truth value, a list, an object, a fraction, or a float too large to be exact.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    raise NotAnId(f"{name} is not text")
