"""What a title says about a purchase: who sits in the group that decides, and who carries it.

In: titles as people wrote them, and the rows of `configs/seniority.toml`. Out: for each a seat, a
voice and the row it is of. Never: a guess from a name, an age or anything but the title.
"""

from __future__ import annotations

import re

import polars as pl

from engine.errors import ConfigError
from engine.frames import SENIORITY
from engine.settings import Scalar

LEVEL, SEAT, VOICE = "level", "seat", "voice"
UNKNOWN = "unknown"
Rows = dict[str, dict[str, Scalar]]


def read_seniority(titles: pl.Series, rows: Rows) -> pl.DataFrame:
    """One row for each title, in their order: level (its row), seat and voice (Float64).

    A title is of the first row one of whose words it holds as a whole word, whatever its case;
    signs between words are blanks. What is missing or holds none is `unknown`. So is a number,
    since scales differ in which end is the top.

    Raises:
        ConfigError: the rows lack `unknown`.
    """
    if UNKNOWN not in rows:
        raise ConfigError("seniority.toml", f"rows.{UNKNOWN}", "is missing")
    plain = pl.col(SENIORITY).str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}]+", " ")
    padded = pl.concat_str(pl.lit(" "), plain, pl.lit(" "))
    levels = pl.coalesce(
        *(
            pl.when(padded.str.contains(_pattern(str(row["words"])))).then(pl.lit(name))
            for name, row in rows.items()
            if row["words"]
        ),
        pl.lit(UNKNOWN),
    )
    each = titles.cast(pl.String).alias(SENIORITY).to_frame()
    distinct = each.unique().with_columns(levels.alias(LEVEL))
    worth = pl.DataFrame(
        {
            LEVEL: list(rows),
            SEAT: [float(row[SEAT]) for row in rows.values()],
            VOICE: [float(row[VOICE]) for row in rows.values()],
        }
    )
    known = distinct.join(worth, on=LEVEL, how="left")
    joined = each.join(known, on=SENIORITY, how="left", nulls_equal=True, maintain_order="left")
    return joined.select(LEVEL, SEAT, VOICE)


def _pattern(words: str) -> str:
    """Any of the words, each between blanks."""
    each = (re.escape(" ".join(word.split())) for word in words.split(",") if word.strip())
    return f" (?:{'|'.join(each)}) "
