"""Which channels and placements brought what: a file of paths, shared out by three rules.

In: a file with one touch of a path in each row. Out: a plain answer. Never: a path that is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from engine import settings
from engine.errors import FrameError, InvalidValue, counted
from engine.frames import CHANNEL, REASON, SEGMENT, VALUE, Schema
from engine.measurement.attribution import CREDIT, PATH, PATHS, last_touch, linear, shapley, spread
from engine.signals.events import ROW, ROW_NUMBER
from engine.signals.tables import judge_rows
from engine.store.files import read_table
from engine.store.home import Home

CONVERTED = "converted"
PLACED = Schema("paths", {**PATHS.columns, SEGMENT: pl.String}, optional=frozenset({SEGMENT}))
NO_SEGMENT = "-"
BY = (CHANNEL, SEGMENT)


def attribute(home: Home, path: Path) -> dict[str, Any]:
    """Credits of channels, and of placements where the file names segments.

    Columns are `path_id`, `channel`, `occurred_at`, `value` (what the path brought, the same on
    each of its rows; without that column `converted`: 1 or 0, true or false) and perhaps
    `segment_id`. By each rule credits sum to what all paths brought. A channel's Shapley value is
    shared out among its placements as the linear rule does it.

    Raises:
        UnreadableFile: no such file, or of no known format.
        FrameError: a column is missing.
        InvalidValue: a row that cannot be read, says which; or paths that contradict themselves.
    """
    paths = _read(home, path)
    prior = float(settings.load("measurement", home.root)["attribution"].prior)
    rules = {
        "last_touch": last_touch(paths),
        "linear": linear(paths),
        "shapley": shapley(paths, prior=prior),
    }
    placements = None
    if SEGMENT in paths.columns:
        even = linear(paths, by=BY)
        placed = {
            "last_touch": last_touch(paths, by=BY),
            "linear": even,
            "shapley": spread(rules["shapley"], even),
        }
        placements = _side_by_side(placed, BY)
    return {
        "paths": paths[PATH].n_unique(),
        "touches": paths.height,
        "brought": float(rules["last_touch"][CREDIT].sum()),
        "channels": _side_by_side(rules, (CHANNEL,)),
        "placements": placements,
    }


def _side_by_side(rules: dict[str, pl.DataFrame], by: tuple[str, ...]) -> list[dict[str, Any]]:
    """A row for each channel or placement with its credit by each rule; all are sorted by it."""
    first = next(iter(rules.values())).select(by)
    credits = [found[CREDIT].alias(name) for name, found in rules.items()]
    return first.with_columns(credits).to_dicts()


def _read(home: Home, path: Path) -> pl.DataFrame:
    raw = _with_value(read_table(path)).with_row_index(ROW_NUMBER, offset=1)
    id_bytes = int(settings.load("events", home.root)["limits"].id_bytes)
    good, bad = judge_rows(raw, PLACED, id_bytes=id_bytes)
    if bad.height:
        first = bad.row(0, named=True)
        raise InvalidValue(
            "paths", f"{counted(bad.height, 'row')} refused; row {first[ROW]}: {first[REASON]}"
        )
    if SEGMENT in good.columns:
        good = good.with_columns(pl.col(SEGMENT).fill_null(NO_SEGMENT))
    return good


def _with_value(raw: pl.DataFrame) -> pl.DataFrame:
    """The table with a column of values, made of what was converted where there is none.

    Raises:
        FrameError: it has neither.
    """
    if VALUE in raw.columns:
        return raw
    if CONVERTED not in raw.columns:
        raise FrameError("paths", VALUE, f"missing, and so is {CONVERTED}; one of them is needed")
    said = pl.col(CONVERTED).cast(pl.String).str.to_lowercase().str.strip_chars()
    known = said.replace({"true": "1", "yes": "1", "false": "0", "no": "0"})
    return raw.with_columns(known.alias(VALUE))
