"""What people wrote, on its way into a model: evidence, and what they are about to buy.

In: a home and its events. Out: events whose texts are acts, and attributes of users with what they
are in market for. Never: a cost where nobody wrote anything.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from engine import settings as configs
from engine.frames import PRODUCT, USER
from engine.operations.readers import reading_of
from engine.signals.readings import CATEGORY, categorise, has_texts, read_evidence
from engine.store.home import Home

IN_MARKET = "in_market"


def read_said(
    home: Home, events: pl.LazyFrame, products: pl.DataFrame, *, now: datetime
) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Events as `read_evidence` gives them, and who is in market: user_id, in_market.

    `in_market` is what the user's latest wish that lasts is about: a category, or a product where
    it has none. By user, each once.

    Raises:
        ArtefactCorrupt: a trained reader of this home is damaged.
    """
    settings = configs.load("text", home.root)
    if not has_texts(events, settings["evidence"]):
        return events, pl.DataFrame(schema={USER: pl.String, IN_MARKET: pl.String})
    acts, wishes = read_evidence(events, now=now, reading=reading_of(home))
    named = categorise(wishes, products, longest=settings["reading"].longest)
    about = pl.coalesce(CATEGORY, PRODUCT).alias(IN_MARKET)
    return acts, named.select(USER, about).unique(USER, keep="first", maintain_order=True)


def with_wishes(users: pl.DataFrame, wishes: pl.DataFrame) -> pl.DataFrame:
    """The users table with an attribute `in_market`, so that segments may speak of it.

    People who are in no table are added; the table stays as it is where nobody wishes anything,
    or where it has such a column of its own.
    """
    if wishes.is_empty() or IN_MARKET in users.columns:
        return users
    table = users.with_columns(pl.col(USER).cast(pl.String))
    return table.join(wishes, on=USER, how="full", coalesce=True).sort(USER)
