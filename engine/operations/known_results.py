"""What is known of results, what was known at a moment, and all that was ever said.

In: a home, a campaign, a moment. Out: rows by placement and day, with when they were recorded.
Never: a row that was replaced shown as one that holds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

from engine import frames as f
from engine.frames import CAMPAIGN, REPORTED
from engine.operations.intake import compact
from engine.store.home import Home
from engine.store.results import KEYS, history, newest


def known_results(
    home: Home, *, campaign: str | None = None, as_of: datetime | None = None
) -> dict[str, Any]:
    """The results that hold, now or as of a moment, oldest day first."""
    compact(home)
    rows = _of(newest(home, as_of), campaign)
    return {
        "as_of": (as_of or datetime.now(UTC)).isoformat(),
        "campaign_id": campaign,
        "rows": rows.height,
        "results": _told(rows),
    }


def results_history(home: Home, *, campaign: str | None = None) -> dict[str, Any]:
    """Everything that was ever known, by placement and day, and whether it holds still."""
    compact(home)
    rows = _of(history(home), campaign).with_columns(
        (pl.col(f.RECORDED) == pl.col(f.RECORDED).max().over(KEYS)).alias("holds")
    )
    return {
        "campaign_id": campaign,
        "rows": rows.height,
        "replaced": int((~rows["holds"]).sum()),
        "results": _told(rows),
    }


def _of(rows: pl.DataFrame, campaign: str | None) -> pl.DataFrame:
    return rows if campaign is None else rows.filter(pl.col(CAMPAIGN) == campaign)


def _told(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON tells them, by placement and day, in the order they were recorded."""
    moments = [pl.col(name).dt.to_string("iso:strict") for name in (REPORTED, f.RECORDED)]
    ordered = rows.sort([*KEYS, f.RECORDED], nulls_last=False)
    return ordered.with_columns(moments, pl.col(f.DATE).cast(pl.String)).to_dicts()
