"""JSON whose objects give each name once, over HTTP and in files: one rule for both.

In: JSON as text. Out: what it says. Never: the last of two values taken for what was meant.
"""

from __future__ import annotations

import json
from typing import Any


class NamedTwice(ValueError):
    """An object gives a name twice, and nobody knows which value is meant."""


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the pairs that it was written as.

    Raises:
        NamedTwice: a name is given twice.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NamedTwice("names a key twice")
    return found


STRICT = json.JSONDecoder(object_pairs_hook=once_each)
"""Reads a text as fast as `json.loads` does."""
