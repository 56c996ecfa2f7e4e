"""Results as they come in: which fit their campaign, and which are too late.

In: judged rows, a home. Out: reasons for those that are refused, and notices.
Never: a row refused because others plan its campaign elsewhere, unless a member hands it in who
does not see all campaigns: to them another team's is like one that there is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from engine import frames as f
from engine.errors import counted, shown
from engine.frames import CAMPAIGN, CHANNEL, PRODUCT, REPORTED, SEGMENT
from engine.operations.members import LOCAL, Actor
from engine.operations.ownership import ALL_TEAMS, sees
from engine.operations.permissions import KEYED, holds
from engine.store.campaigns import Campaign, find_campaign
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.inbox import may_wait
from engine.store.results import STALE, STANDING, TICK, VERDICT, complete, history, judge

NAMED = 5
CURRENCY, WHY = "currency", "\x1fwhy"
AFTERWARDS = datetime(2200, 1, 1, tzinfo=UTC)
"""What waits will be recorded after all that is."""
FITTING = (CAMPAIGN, CHANNEL, SEGMENT, PRODUCT, CURRENCY)


@dataclass(frozen=True)
class Verdicts:
    """What is wrong with each row, null where nothing is; how many are how; what to know of all.

    `rows` are they, with the product of their campaign where they name none: a placement and day is
    the same with and without it.
    """

    rows: pl.DataFrame
    reasons: pl.Series
    counts: dict[str, int]
    notices: tuple[str, ...]


def judge_results(
    home: Home,
    rows: pl.DataFrame,
    waiting: Sequence[pl.DataFrame] = (),
    *,
    actor: Actor = LOCAL,
) -> Verdicts:
    """Looks whether results fit their campaigns, and are not older than what they correct.

    Args:
        home: whose log and campaigns are asked.
        rows: that can be true, with columns of `frames.RESULTS`.
        waiting: results that came before and are not in the log yet, in their order.
        actor: who hands them in.
    """
    rows = complete(rows)
    campaigns = _campaigns(home, rows[CAMPAIGN].drop_nulls().unique().sort())
    unseen = _unseen(home, actor, campaigns)
    campaigns = {id: one for id, one in campaigns.items() if id not in unseen}
    rows = _with_products(rows, campaigns)
    known = history(home)
    for after, given in enumerate(waiting, 1):
        came = pl.lit(AFTERWARDS + after * TICK).cast(f.UTC).alias(f.RECORDED)
        known = pl.concat([known, complete(given).with_columns(came)])
    judged = judge(rows, known)
    named = pl.format("campaign_id is {}: no campaign of yours", pl.lit(rows[CAMPAIGN]))
    strange_to = pl.lit(rows[CAMPAIGN]).is_in(sorted(unseen))
    unfit = pl.coalesce(pl.when(strange_to).then(named), pl.lit(_unfit(rows, campaigns)))
    told = pl.when(pl.col(VERDICT) == STALE).then(
        pl.format(
            "reported_at is {}; what it would correct was reported at {}",
            pl.col(REPORTED).dt.to_string("iso:strict"),
            pl.col(STANDING).dt.to_string("iso:strict"),
        )
    )
    reasons = judged.select(pl.coalesce(unfit, told)).to_series()
    counts = dict(judged.filter(reasons.is_null())[VERDICT].value_counts().iter_rows())
    strange = _of(rows, [id for id, one in campaigns.items() if one is None])
    return Verdicts(rows, reasons, counts, _notices(strange))


def _unseen(home: Home, actor: Actor, campaigns: dict[str, Campaign | None]) -> set[str]:
    """Campaigns that a member does not see; those that there are not, for such a member."""
    if actor.name.startswith(KEYED) or holds(home, actor, ALL_TEAMS):
        return set()
    return {id for id, one in campaigns.items() if one is None or not sees(home, actor, one.team)}


def _with_products(rows: pl.DataFrame, campaigns: dict[str, Campaign | None]) -> pl.DataFrame:
    products = {id: one.product_id for id, one in campaigns.items() if one is not None}
    if not products:
        return rows
    own = pl.col(CAMPAIGN).replace_strict(products, default=None, return_dtype=pl.String)
    return rows.with_columns(pl.coalesce(PRODUCT, own).alias(PRODUCT))


def _of(rows: pl.DataFrame, ids: list[str]) -> pl.DataFrame:
    named = pl.DataFrame({CAMPAIGN: ids}, schema={CAMPAIGN: pl.String})
    return rows.join(named, on=CAMPAIGN, how="semi")


def _campaigns(home: Home, ids: Iterable[str]) -> dict[str, Campaign | None]:
    named = list(ids)
    if not named or not may_wait(home):
        return dict.fromkeys(named)
    with open_catalog(home) as catalog:
        return {id: find_campaign(catalog, id) for id in named}


def _notices(strange: pl.DataFrame) -> tuple[str, ...]:
    if strange.is_empty():
        return ()
    ids = strange[CAMPAIGN].unique().sort().to_list()
    named = ", ".join(shown(id) for id in ids[:NAMED]) + (" …" if len(ids) > NAMED else "")
    return (
        f"{counted(strange.height, 'row')} of campaigns that are not known here: {named}; "
        "they are kept, and compared with no plan.",
    )


def _unfit(rows: pl.DataFrame, campaigns: dict[str, Campaign | None]) -> pl.Series:
    """Why a row cannot be of its campaign; every combination is looked at once."""
    known = [id for id, one in campaigns.items() if one is not None]
    kinds = _of(rows.select(FITTING), known).unique()
    why = [_misfit(campaigns[kind[CAMPAIGN]], kind) for kind in kinds.iter_rows(named=True)]
    told = kinds.with_columns(pl.Series(WHY, why, pl.String))
    joined = rows.select(FITTING).join(
        told, on=list(FITTING), how="left", nulls_equal=True, maintain_order="left"
    )
    return joined[WHY]


def _misfit(campaign: Campaign | None, row: dict[str, Any]) -> str | None:
    if campaign is None:
        return None
    of, channel, segment = f"campaign {campaign.id}", row[CHANNEL], row[SEGMENT]
    if row[PRODUCT] not in (None, campaign.product_id):
        return f"{PRODUCT} is {shown(row[PRODUCT])}, not that of {of}"
    if row[CURRENCY] not in (None, campaign.currency):
        return f"{CURRENCY} is {row[CURRENCY]}, not that of {of}"
    places = planned_places(campaign.plan)
    if not places:
        return None
    if channel not in places:
        return f"{CHANNEL} is {shown(channel)}, where {of} plans nothing"
    if segment is not None and segment not in places[channel]:
        return f"{SEGMENT} is {shown(segment)}, for which {of} plans nothing on {shown(channel)}"
    return None


def planned_places(plan: Any) -> dict[str, set[str]]:
    """Segments of each channel that a plan gives money, or might; none where there is no plan."""
    places: dict[str, set[str]] = {}
    for row in plan["allocation"] if plan else ():
        places.setdefault(row[CHANNEL], set()).add(row[SEGMENT])
    return places
