"""What the campaigns of a home showed, apart from what people did by themselves.

In: a home and its events. Out: the same events in two. Never: a look at the plans of campaigns.
"""

from __future__ import annotations

import polars as pl

from engine.signals.exposures import split_showings
from engine.store.campaigns import campaign_ids
from engine.store.catalog import open_catalog
from engine.store.home import Home


def acts_and_showings(home: Home, events: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The acts of people, and the views whose `object_id` is a campaign of this home."""
    with open_catalog(home) as catalog:
        known = [id for id, _ in campaign_ids(catalog)]
    return split_showings(events, known)
