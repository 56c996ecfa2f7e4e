"""Where a running cascade goes, as a verb: who is likely to adopt next, and how large it will grow.

In: a home, a running cascade and what was learned of those of the past. Out: plain figures with
intervals, people by id with their chance and the reason in words. Never: somebody by name who may
not be addressed, or who has adopted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.errors import InvalidValue, counted
from engine.operations.cascades import Ground
from engine.operations.permits import may_be_named
from engine.reach.adopters import FAMILIES
from engine.reach.cascades import Past, Running
from engine.reach.forecast import Forecast, Learned, forecast, reasons
from engine.store.home import Home

Array = NDArray[Any]

WORTH = 0.1
"""What adds less to the logit is no reason."""
REASONS = 2
UNITS = ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"))


def foretell(home: Home, ground: Ground, learned: Learned, *, limit: int) -> dict[str, Any]:
    """The final size with its interval, and who may adopt, the most likely first.

    Args:
        home: whose settings and records of consent hold.
        ground: the running cascade and those of the past.
        learned: from those of the past, for a cascade like the running one.
        limit: at most so many people are named.

    Returns:
        adopters (so many so far), unknown (of them, those of whom nothing else is known), size
        (expected, lower, upper, level), learned_from (cascades that came as far), cascades and
        people of the past, candidates, known (how many of them come, by their chances), notices
        (what is odd about the clocks of both), withheld (people left out who would have been
        named), and next: for each user_id, chance that they ever adopt, friends (adopters whom
        they follow) and reason.

    Raises:
        InvalidValue: the limit is below 0.
    """
    if limit < 0:
        raise InvalidValue("limit", f"{limit} is below 0")
    past, begun = ground.past, ground.begun
    level = float(settings.load("forecast", home.root)["size"].level)
    told = forecast(past, begun, learned, level)
    places, withheld = _named(home, past, told, limit)
    mine = past.people.gather(told.rows[places])
    words = _reasons(past, begun, learned, told, places)
    friends = told.found.friends[told.rows[places]]
    known = told.found.acts + past.followers + past.follows
    size = told.size
    return {
        "adopters": int(begun.who.size),
        "unknown": int((known[begun.who] == 0).sum()),
        "size": {
            "expected": round(size.middle, 1),
            "lower": round(size.lower),
            "upper": round(size.upper),
            "level": level,
        },
        "learned_from": int(learned.growth.misses.size),
        "cascades": len(past.names) - (begun.own >= 0),
        "people": len(past.people),
        "candidates": int(told.rows.size),
        "known": round(float(told.chances.sum()), 1),
        "notices": list(ground.notices),
        "withheld": withheld,
        "next": [
            {"user_id": id, "chance": float(chance), "friends": int(count), "reason": reason}
            for id, chance, count, reason in zip(
                mine, told.chances[places], friends, words, strict=True
            )
        ],
    }


def _named(home: Home, past: Past, told: Forecast, limit: int) -> tuple[Array, int]:
    """Places of those who are named, and how many before the last of them may not be."""
    if limit == 0 or told.rows.size == 0:
        return np.empty(0, np.int64), 0
    ids: pl.Series = past.people.gather(told.rows)
    allowed = may_be_named(home, ids).to_numpy()
    places = np.flatnonzero(allowed)[:limit]
    last = int(places[-1]) + 1 if places.size == limit else allowed.size
    return places, int((~allowed[:last]).sum())


def _reasons(
    past: Past, begun: Running, learned: Learned, told: Forecast, places: Array
) -> list[str]:
    """Why each of these is likely: what raises their chance most beside the usual candidate's."""
    if places.size == 0:
        return []
    parts = reasons(learned.who, told.table[places], told.table.mean(0))
    return [
        _in_words(past, begun, told, row, dict(zip(FAMILIES, part, strict=True)))
        for row, part in zip(told.rows[places].tolist(), parts.tolist(), strict=True)
    ]


def _in_words(past: Past, begun: Running, told: Forecast, row: int, parts: dict[str, float]) -> str:
    found = told.found
    friends, acts = int(found.friends[row]), int(found.acts[row])
    shared = _shared(past, begun, row)
    last = f", last {_ago(found.last[row])} ago" if np.isfinite(found.last[row]) else ""
    said = {
        "friends": f"{friends} of those they follow {'has' if friends == 1 else 'have'}",
        "activity": f"adopted {_times(acts)} before{last if past.timed else ''}",
        "together": f"{_times(shared)} with those who have before",
        "connected": f"followed by {past.followers[row]:,}, follows {past.follows[row]:,}",
    }
    true = {
        "friends": friends > 0,
        "activity": acts > 0,
        "together": shared > 0,
        "connected": bool(past.followers[row] + past.follows[row] > 0),
    }
    order = sorted((name for name in parts if true[name]), key=lambda name: -parts[name])
    best = [name for name in order if parts[name] > WORTH][:REASONS]
    names = best or [name for name in ("friends", "activity", "connected") if true[name]][:1]
    return "; ".join(said[name] for name in names)


def _shared(past: Past, begun: Running, row: int) -> int:
    """Cascades that are known of this person and of somebody who has adopted."""
    reach = past.known(begun.now, False)
    who, cascade = past.who[:reach], past.cascade[:reach]
    theirs = np.unique(cascade[who == row])
    mine = cascade[np.isin(who, begun.who)]
    return int((np.isin(theirs, mine) & (theirs != begun.own)).sum())


def _ago(seconds: float) -> str:
    for length, unit in UNITS:
        if seconds >= length:
            return counted(int(seconds / length), unit)
    return "moments"


def _times(number: int) -> str:
    return "once" if number == 1 else counted(number, "time")
