"""What placements did, as it was known at any moment: corrections replace, and nothing is lost.

In: deliveries of results. Out: the rows that hold, now or as of a moment, and every row before.
Never: a row changed, a delivery taken twice, or one put over figures that were drawn up later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from engine import frames
from engine.frames import (
    CAMPAIGN,
    CHANNEL,
    DATE,
    PRODUCT,
    RECORDED,
    RECORDED_RESULTS,
    REPORTED,
    RESULTS,
    SEGMENT,
)
from engine.store.eventlog import append_rows, last_step, scan_table, writing
from engine.store.home import Home

KEYS = (DATE, CHANNEL, CAMPAIGN, SEGMENT, PRODUCT)
"""What names a placement and a day. A delivery says all of each that it names, in any number of
rows: an export by advertisement has several, and they add up."""
Steps = tuple[str, Sequence[int]]
FIGURES = tuple(name for name in RESULTS.columns if name not in (*KEYS, REPORTED))
VERDICT, STANDING = "verdict", "standing_reported_at"
NEW, CORRECTION, KNOWN, STALE, SUPERSEDED = "new", "correction", "known", "stale", "superseded"
TICK = timedelta(microseconds=1)
START = datetime(1970, 1, 1, tzinfo=UTC)
"""When rows were recorded that the log took before it noted moments."""
BETWEEN, NOTHING = "\x1f", "\x1e"
FACE, WHOLE, SEEN, LATEST, DELIVERED = "\x1fface", "\x1fwhole", "\x1fseen", "\x1flatest", "\x1fdel"


@dataclass(frozen=True)
class Recorded:
    """How many rows of some deliveries had which verdict."""

    new: int = 0
    correction: int = 0
    known: int = 0
    stale: int = 0
    superseded: int = 0

    @property
    def stored(self) -> int:
        """Rows that were added."""
        return self.new + self.correction


def newest(
    home: Home, as_of: datetime | None = None, *, campaign: str | None = None
) -> pl.DataFrame:
    """The results that hold: of each placement and day the rows that were recorded last.

    Columns are those of `frames.RESULTS` and `recorded_at`, in no promised order.

    Args:
        home: whose log is read.
        as_of: what was known at this moment; missing, what is known now.
        campaign: only results of this one.
    """
    rows = history(home, campaign=campaign)
    if as_of is not None:
        rows = rows.filter(pl.col(RECORDED) <= as_of)
    return rows.filter(pl.col(RECORDED) == pl.col(RECORDED).max().over(KEYS))


def history(home: Home, *, campaign: str | None = None) -> pl.DataFrame:
    """Every row that was ever recorded, those that were replaced since among them."""
    rows = scan_table(home, RESULTS.name).select(list(RECORDED_RESULTS.columns))
    if campaign is not None:
        rows = rows.filter(pl.col(CAMPAIGN) == campaign)
    return rows.collect().with_columns(pl.col(RECORDED).fill_null(START))


def record_results(
    home: Home,
    deliveries: Sequence[pl.DataFrame],
    *,
    now: datetime,
    steps: Steps | None = None,
) -> Recorded:
    """Records deliveries one after the other, in one commit; steps taken before do nothing.

    A delivery that the log holds changes nothing, even where it was corrected since; figures drawn
    up before those that hold are left out. See `judge` for what becomes of each row.

    Args:
        home: whose log grows.
        deliveries: frames of `frames.RESULTS`; optional columns may be missing.
        now: with a time zone. Moments of the log rise, so a clock that was set back is passed over.
        steps: who brings these deliveries, and the rising number of each.
    """
    counts = dict.fromkeys((NEW, CORRECTION, KNOWN, STALE, SUPERSEDED), 0)
    with writing(home):
        if steps is not None:
            last = last_step(home, RESULTS.name, steps[0])
            deliveries = [
                given for given, at in zip(deliveries, steps[1], strict=True) if at > last
            ]
        known, added = history(home), []
        latest = known[RECORDED].max()
        moment = now.astimezone(UTC)
        for given in deliveries:
            if isinstance(latest, datetime):
                moment = max(moment, latest + TICK)
            judged = judge(complete(given), known)
            for verdict, count in judged[VERDICT].value_counts().iter_rows():
                counts[verdict] += count
            fresh = judged.filter(pl.col(VERDICT).is_in([NEW, CORRECTION]))
            rows = fresh.select(
                *RESULTS.columns, pl.lit(moment).cast(frames.UTC).alias(RECORDED)
            ).sort(pl.all())
            if rows.height:
                added.append(rows)
                known, latest = pl.concat([known, rows]), moment
        if added:
            append_rows(
                home, RESULTS.name, pl.concat(added), step=steps and (steps[0], steps[1][-1])
            )
    return Recorded(**counts)


def complete(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of `frames.RESULTS`, in their order; nulls where one is missing.

    Raises:
        FrameError: a required column is missing, or one has another type.
    """
    frames.check(rows, RESULTS)
    lacking = {
        name: pl.lit(None, dtype)
        for name, dtype in RESULTS.columns.items()
        if name not in rows.columns
    }
    return rows.with_columns(**lacking).select(list(RESULTS.columns))


def judge(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """What becomes of each row of one delivery, beside everything that was recorded before.

    `new`: nothing was known of its placement and day. `correction`: it replaces what was.
    `known`: the same was recorded before; where it was corrected since, only a later `reported_at`
    brings it back. `stale`: it was drawn up before figures that are known. `superseded`: another
    row of the delivery was drawn up later.

    Args:
        rows: of `complete`.
        known: of `history`.

    Returns:
        The rows in their order, with `verdict` and the latest `standing_reported_at` known.
    """
    rows = rows.with_row_index(DELIVERED).with_columns(
        pl.col(REPORTED).max().over(KEYS).alias(LATEST)
    )
    late = pl.col(LATEST).is_not_null() & ~pl.col(REPORTED).eq_missing(pl.col(LATEST))
    held = rows.filter(~late)
    before = known.join(rows.select(KEYS).unique(), on=KEYS, how="semi", nulls_equal=True)
    faces = _faces(held, [*KEYS, LATEST]).join(
        before.group_by(KEYS).agg(pl.col(REPORTED).max().alias(STANDING), pl.len().alias(SEEN)),
        on=KEYS,
        how="left",
        nulls_equal=True,
    )
    past = _faces(before, [*KEYS, RECORDED]).select(*KEYS, FACE, WHOLE)
    same = faces.join(past.select(*KEYS, FACE).unique(), on=[*KEYS, FACE], nulls_equal=True)
    exact = faces.join(past.select(*KEYS, WHOLE).unique(), on=[*KEYS, WHOLE], nulls_equal=True)
    verdict = (
        pl.when(pl.col(SEEN).is_null())
        .then(pl.lit(NEW))
        .when(pl.col(FACE + "?") & pl.col(LATEST).is_null() | pl.col(WHOLE + "?"))
        .then(pl.lit(KNOWN))
        .when(pl.col(LATEST) < pl.col(STANDING))
        .then(pl.lit(STALE))
        .otherwise(pl.lit(CORRECTION))
    )
    told = _marked(_marked(faces, same, FACE), exact, WHOLE).select(
        *KEYS, STANDING, verdict.alias(VERDICT)
    )
    return (
        rows.join(told, on=KEYS, how="left", nulls_equal=True)
        .with_columns(pl.when(late).then(pl.lit(SUPERSEDED)).otherwise(VERDICT).alias(VERDICT))
        .sort(DELIVERED)
        .drop(DELIVERED, LATEST)
    )


def _marked(faces: pl.DataFrame, found: pl.DataFrame, column: str) -> pl.DataFrame:
    """Beside each placement and day whether it is among those found."""
    marks = found.select(KEYS).unique().with_columns(pl.lit(True).alias(column + "?"))
    return faces.join(marks, on=KEYS, how="left", nulls_equal=True).with_columns(
        pl.col(column + "?").fill_null(False)
    )


def _faces(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """All figures of each group as one text, without `reported_at` (face) and with it (whole)."""

    def text(names: Sequence[str]) -> pl.Expr:
        parts = [pl.col(name).cast(pl.String).fill_null(NOTHING) for name in names]
        return pl.concat_str(parts, separator=BETWEEN)

    told = rows.select(*by, text(FIGURES).alias(FACE), text([*FIGURES, REPORTED]).alias(WHOLE))
    if told.select(by).is_unique().all():  # as they mostly are; groups cost many times more
        return told
    return told.group_by(by).agg(
        pl.col(name).sort().str.join("\n").alias(name) for name in (FACE, WHOLE)
    )
