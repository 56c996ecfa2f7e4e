"""Files of consent, judged row by row before anything of them is recorded.

In: rows as a file has them. Out: the same rows in our types, each with the reason against it.
Never: the disk, or a guess at what somebody meant who did not say yes or no.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from engine.errors import FrameError, InvalidValue
from engine.frames import AT, REASON, USER
from engine.privacy.consent import PURPOSES
from engine.signals.moments import parse_moments
from engine.store.consents import COLUMNS, SOURCE

GPC, TCF, ROW = "gpc", "tcf", "row"
FLAGS = (*PURPOSES, GPC)
LONGEST_SOURCE, LONGEST_ID = 200, 256
"""Letters that a record has room for."""
SAID = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
UNCLEAR = "is neither true nor false"
MOMENT = "moment"


def judge_consents(rows: pl.DataFrame, *, now: datetime) -> pl.DataFrame:
    """The columns of a record, `gpc`, `row` from 1 on, and `reason`: null where the row is good.

    Good rows lack a purpose only where `gpc` is true and all four were left empty. A moment that
    is missing is `now`. Order is kept.

    Raises:
        InvalidValue: a column is missing, or holds lists, objects or what is never a moment.
    """
    for name in (USER, SOURCE, *(() if GPC in rows.columns else PURPOSES)):
        if name not in rows.columns:
            raise InvalidValue(name, "column is missing")
    said = _as_said(rows)
    flags = [pl.col(name).str.to_lowercase().replace_strict(SAID, default=None) for name in FLAGS]
    typed = said.with_columns(flag.cast(pl.Boolean) for flag in flags)
    typed = typed.with_columns(
        pl.coalesce(MOMENT, pl.lit(now)).cast(COLUMNS[AT]).alias(AT),
        pl.int_range(1, pl.len() + 1).alias(ROW),
        said.select(pl.coalesce(_reasons(now))).to_series().alias(REASON),
    )
    return typed.select(*COLUMNS, GPC, ROW, REASON)


def _as_said(rows: pl.DataFrame) -> pl.DataFrame:
    """All columns as text, null where nothing stands; `moment` beside them as it was read."""
    named = (USER, SOURCE, AT, TCF, *FLAGS)
    lacking = [pl.lit(None, pl.String).alias(name) for name in named if name not in rows.columns]
    rows = rows.with_columns(lacking)
    try:
        text = rows.select(pl.col(named).cast(pl.String))
        moments = parse_moments(rows[AT])
    except (FrameError, pl.exceptions.PolarsError) as error:
        raise InvalidValue("file", f"a column holds what is no text: {error}") from error
    bare = pl.col(named).str.strip_chars()
    clean = text.select(pl.when(bare != "").then(bare).name.keep())
    # Ids are kept as they came, as they are in events.
    ids = pl.when(clean[USER].is_not_null()).then(text[USER]).alias(USER)
    return clean.with_columns(ids, moments.alias(MOMENT))


def _reasons(now: datetime) -> list[pl.Expr]:
    """Each is a text where the rule is broken, the field first, and null elsewhere."""
    objects = pl.col(GPC).str.to_lowercase().is_in([word for word, yes in SAID.items() if yes])
    silent = pl.all_horizontal(pl.col(name).is_null() for name in PURPOSES)
    unstated = ~(objects.fill_null(False) & silent)
    broken = {
        f"{TCF}: TC strings are not read here: send what they say as purposes": (
            pl.col(TCF).is_not_null()
        ),
        f"{USER}: is empty": pl.col(USER).is_null(),
        f"{USER}: has more than {LONGEST_ID} letters": pl.col(USER).str.len_chars() > LONGEST_ID,
        f"{SOURCE}: is empty": pl.col(SOURCE).is_null(),
        f"{SOURCE}: has more than {LONGEST_SOURCE} letters": (
            pl.col(SOURCE).str.len_chars() > LONGEST_SOURCE
        ),
        f"{AT}: is no moment": pl.col(AT).is_not_null() & pl.col(MOMENT).is_null(),
        f"{AT}: lies ahead of the clock": pl.col(MOMENT) > now,
        **{f"{name}: is empty": pl.col(name).is_null() & unstated for name in PURPOSES},
        **{
            f"{name}: {UNCLEAR}": ~pl.col(name).str.to_lowercase().is_in(list(SAID))
            for name in FLAGS
        },
    }
    return [pl.when(rule).then(pl.lit(reason)) for reason, rule in broken.items()]
