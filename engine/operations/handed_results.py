"""Results in a file beside those of the log: read for one plan, and kept nowhere.

In: a file of results as people export them. Out: a frame with our columns, in their types.
Never: a row that is left out because it is wrong; the first of them is told instead.
"""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import polars as pl

from engine import settings
from engine.errors import InvalidValue, counted
from engine.frames import CHANNEL, REASON, RESULTS
from engine.signals.events import ROW, ROW_NUMBER
from engine.signals.tables import Days, judge_rows, type_attributes
from engine.store.files import read_table
from engine.store.home import Home

NEEDED = ("date", CHANNEL, "spend")
ASKED = dataclasses.replace(RESULTS, optional=frozenset(RESULTS.columns) - {*NEEDED})
"""A plan needs less of a result than the log does."""


def read_results(home: Home, path: Path) -> pl.DataFrame:
    """The results of a Parquet, CSV or NDJSON file; columns the log does not know stay.

    Raises:
        UnreadableFile: there is no such file, or it is of none of these formats.
        FrameError: it lacks a column that a plan needs.
        InvalidValue: a value is not of its column's kind; says how many rows, and the first.
    """
    raw = read_table(path).with_row_index(ROW_NUMBER, offset=1)
    limits = settings.load("events", home.root)["limits"]
    days = Days(date(limits.earliest_year, 1, 1), date.max)  # a plan knows what is ahead of it
    good, bad = judge_rows(raw, ASKED, id_bytes=limits.id_bytes, days=days)
    if bad.height:
        first = bad.row(0, named=True)
        raise InvalidValue(
            "results", f"{counted(bad.height, 'row')} refused; row {first[ROW]}: {first[REASON]}"
        )
    return type_attributes(good, RESULTS)
