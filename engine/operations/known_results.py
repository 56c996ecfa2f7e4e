"""What is known of results, what was known at a moment, and all that was ever said.

In: a home, an actor, a campaign, a moment. Out: rows by placement and day, with when they came.
Never: a row that was replaced shown as one that holds, or one of a campaign of another team.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

from engine import frames as f
from engine.errors import UnknownEntity
from engine.frames import CAMPAIGN, REPORTED
from engine.operations.intake import compact
from engine.operations.members import Actor
from engine.operations.ownership import ALL_TEAMS
from engine.operations.permissions import holds, require
from engine.operations.teams import sees
from engine.store.campaigns import campaign_ids
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.results import KEYS, history, newest

READ = "report.read"
HOLDS = "holds"


def known_results(
    home: Home, actor: Actor, *, campaign: str | None = None, as_of: datetime | None = None
) -> dict[str, Any]:
    """The results that hold, now or as of a moment, by day and placement.

    Raises:
        Forbidden: the actor may not read reports.
        UnknownEntity: the campaign is another team's; where the actor does not see all campaigns,
            or there is none, and no result is of it.
    """
    hidden = _hidden(home, actor, campaign)
    rows = newest(home, as_of, campaign=campaign)
    rows = _shown(rows, hidden)
    return {
        "as_of": (as_of or datetime.now(UTC)).isoformat(),
        "campaign_id": campaign,
        "rows": rows.height,
        "results": _told(rows),
    }


def results_history(home: Home, actor: Actor, *, campaign: str | None = None) -> dict[str, Any]:
    """Everything that was ever known, by day and placement, and whether it holds still.

    Raises:
        Forbidden, UnknownEntity: as `known_results`.
    """
    hidden = _hidden(home, actor, campaign)
    last = pl.col(f.RECORDED) == pl.col(f.RECORDED).max().over(KEYS)
    rows = history(home, campaign=campaign).with_columns(last.alias(HOLDS))
    rows = _shown(rows, hidden)
    return {
        "campaign_id": campaign,
        "rows": rows.height,
        "replaced": int((~rows[HOLDS]).sum()),
        "results": _told(rows),
    }


def _hidden(home: Home, actor: Actor, campaign: str | None) -> list[str]:
    """Campaigns that the actor does not see, once what waits is in the log."""
    require(actor, READ, home)
    compact(home, f.RESULTS.name)
    with open_catalog(home) as catalog:
        known = campaign_ids(catalog)
    eyes = {team: sees(home, actor, team) for team in {team for _, team in known}}
    hidden = [id for id, team in known if not eyes[team]]
    ids = {id for id, _ in known}
    if campaign and (campaign in hidden or _unheard(home, actor, campaign, ids)):
        raise UnknownEntity("campaign", campaign)
    return hidden


def _unheard(home: Home, actor: Actor, campaign: str, ids: set[str]) -> bool:
    """Whether nothing is of a campaign, for whom that must not differ from another team's."""
    if campaign in ids or holds(home, actor, ALL_TEAMS):
        return False
    return history(home, campaign=campaign).is_empty()


def _shown(rows: pl.DataFrame, hidden: list[str]) -> pl.DataFrame:
    others = pl.DataFrame({CAMPAIGN: hidden}, schema={CAMPAIGN: pl.String})
    return rows.join(others, on=CAMPAIGN, how="anti")


def _told(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON tells them, by day and placement, in the order they were recorded."""
    moments = [pl.col(name).dt.to_string("iso:strict") for name in (REPORTED, f.RECORDED)]
    ordered = rows.sort([*KEYS, f.RECORDED], nulls_last=False)
    return ordered.with_columns(*moments, pl.col(f.DATE).cast(pl.String)).to_dicts()
