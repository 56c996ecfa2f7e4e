"""Small planted worlds that tests share: made once in a process, never changed.

In: nothing. Out: a `World` of a known size. Never: a world that a test may alter.
"""

from __future__ import annotations

from functools import cache

from training.simulate import World, simulate


@cache
def tiny() -> World:
    """400 users, 40 products, about 12,000 events: a second of any test's time."""
    return simulate(400, 40, events=12_000, seed=1)


@cache
def small() -> World:
    """3,000 users, 120 products, about 120,000 events: enough to learn from."""
    return simulate(3_000, 120, events=120_000, seed=2)
