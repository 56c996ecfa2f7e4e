"""Rows that are not taken, kept aside with their reasons until somebody has looked at them.

In: refused rows. Out: a file in the home's quarantine. Never: a row that names an erased person.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from engine.frames import REASON, TEXT
from engine.operations.consent import without_names
from engine.repeats import FIRST, KNOWN, PLACE, names_first
from engine.signals.events import BAD, RAW, ROW, as_json
from engine.store.files import write_table
from engine.store.home import Home

TABLE = "table"


def keep_aside(home: Home, name: str, refused: Mapping[str, pl.DataFrame]) -> Path | None:
    """Writes refused rows of tables to the quarantine, over what the file held; null without any.

    Args:
        home: whose quarantine.
        name: of the file, without its ending.
        refused: by table, as `signals.events.BAD`.
    """
    rows = [
        frame.select(pl.lit(table).alias(TABLE), ROW, REASON, RAW)
        for table, frame in refused.items()
        if frame.height
    ]
    if not rows:
        return None
    path = home.quarantine / f"{name}.ndjson"
    write_table(path, pl.concat(rows).lazy())
    return path


def refused_for_ids(
    home: Home, against: pl.DataFrame, numbers: pl.Series | None = None
) -> pl.DataFrame:
    """Events that are against one that stands, as `signals.events.BAD`.

    Args:
        home: whose erased people are named nowhere.
        against: as `store.eventlog.Added` has them.
        numbers: of the rows that were added; without them none has a number.
    """
    reasons = [
        KNOWN if first is None or numbers is None else names_first(numbers[first])
        for first in against[FIRST]
    ]
    rows = [None] * against.height if numbers is None else numbers.gather(against[PLACE])
    raw = as_json(against.drop(PLACE, FIRST, TEXT))
    told = {ROW: rows, REASON: reasons, RAW: without_names(home, raw)}
    return pl.DataFrame(told, schema=BAD)
