"""What campaigns showed to whom, apart from what people did by themselves.

In: events, and the ids of campaigns. Out: the events without showings, and who passed over what.
Never: a showing taken for an act of the person, or silence for an answer before there was time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from engine.frames import ACTION, AT, OBJECT, PRODUCT, USER

VIEW = "view"


def shown_by(campaigns: Sequence[str]) -> pl.Expr:
    """Whether an event tells that a campaign showed a product: a view whose object it is."""
    named = pl.col(OBJECT).is_in(list(campaigns)).fill_null(value=False)
    return (pl.col(ACTION) == VIEW) & named


def split_showings(
    events: pl.LazyFrame, campaigns: Sequence[str]
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The acts of people, and what campaigns showed them.

    An advertiser decides what is shown: a showing says nothing of how active a person is.
    """
    if not campaigns or OBJECT not in events.collect_schema():
        return events, events.clear()
    shown = shown_by(campaigns)
    return events.filter(~shown), events.filter(shown)


def passed_over(
    showings: pl.LazyFrame, pairs: pl.LazyFrame, *, days: float, now: datetime
) -> pl.DataFrame:
    """Who was shown what and did nothing with it: user_id, product_id; each once, sorted by both.

    Args:
        showings: events of campaigns; those without a product say nothing.
        pairs: user_id and product_id of all acts of people; whoever acted, passed nothing over.
        days: a pair counts once its first showing is this old.
        now: with a time zone.
    """
    names = showings.collect_schema().names()
    if PRODUCT not in names:
        return pl.DataFrame(schema={USER: pl.String, PRODUCT: pl.String})
    return (
        showings.filter(pl.col(PRODUCT).is_not_null())
        .group_by(USER, PRODUCT)
        .agg(pl.col(AT).min())
        .filter(pl.col(AT) <= now - timedelta(days=days))
        .join(pairs.select(USER, PRODUCT), on=[USER, PRODUCT], how="anti")
        .select(USER, PRODUCT)
        .sort(USER, PRODUCT)
        .collect()
    )
