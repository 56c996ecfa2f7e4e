"""Integrity as verbs: suspects are found and held out of training, listed, and released.

In: a home, its events. Out: events without those who are held; words about each of them.
Never: an account released by itself, or a suspect left out of answers: only learning leaves it out.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from engine import settings
from engine.errors import UnknownEntity
from engine.frames import USER
from engine.signals.integrity import find_suspects
from engine.store import suspects
from engine.store.catalog import open_catalog
from engine.store.consents import has_records
from engine.store.eventlog import scan_events
from engine.store.home import Home


def hold_out(home: Home, events: pl.LazyFrame) -> tuple[pl.LazyFrame, int]:
    """Looks for suspects, keeps who they are, and leaves out all who are held; says how many."""
    found = find_suspects(
        events,
        settings.load_rows("actions", home.root, over=home.actions),
        settings.load("integrity", home.root),
    )
    with open_catalog(home) as catalog:
        suspects.hold(catalog, found.suspects)
        held = suspects.held(catalog)
    if held.is_empty():
        return events, 0
    return events.filter(~pl.col(USER).is_in(held[USER].to_list())), held.height


def without_held(home: Home, events: pl.LazyFrame) -> pl.LazyFrame:
    """Events of accounts that are not held; nobody is looked for anew."""
    if not has_records(home):
        return events
    with open_catalog(home) as catalog:
        held = suspects.held(catalog)
    return events.join(held.select(USER).lazy(), on=USER, how="anti") if held.height else events


def list_suspects(home: Home, *, look: bool = False) -> dict[str, Any]:
    """Who is held and why; with `look` the log is searched anew, and bursts are told of too."""
    bursts: list[dict[str, Any]] = []
    if look:
        found = find_suspects(
            scan_events(home),
            settings.load_rows("actions", home.root, over=home.actions),
            settings.load("integrity", home.root),
        )
        bursts = found.bursts.to_dicts()
        with open_catalog(home) as catalog:
            suspects.hold(catalog, found.suspects)
    if not has_records(home):
        return {"held": [], "bursts": bursts}
    with open_catalog(home) as catalog:
        return {"held": suspects.held(catalog).to_dicts(), "bursts": bursts}


def release(home: Home, user_id: str) -> dict[str, Any]:
    """Ends holding an account: the next retrain learns from it, and it is not held again.

    Raises:
        UnknownEntity: it is not held.
    """
    with open_catalog(home) as catalog:
        if not suspects.release(catalog, [user_id]):
            raise UnknownEntity("suspect", user_id)
    return {"released": user_id}
