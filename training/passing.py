"""Acts that pass on word, as the log tells them.

In: acts. Out: those that name whose word they pass on, and what each did first with each object.
Never: an act that was taken back, or one with oneself.
"""

from __future__ import annotations

import polars as pl

from engine import settings as configs
from engine.frames import (
    ACTION,
    AT,
    CHANNEL,
    EVENT,
    PRODUCT,
    TARGET,
    TEXT,
    USER,
    VALUE,
)
from engine.frames import OBJECT as OBJECT_ID
from engine.operations.readers import reading_of
from engine.settings import Section
from engine.signals.readings import OPINION, judge_texts
from engine.signals.undo import live_events
from engine.store.home import Home

GOOD, SHARED, OBJECT = "good", "shared", "object"
BLOCK = "block"


def passed_on(home: Home, acts: pl.LazyFrame, chosen: Section) -> pl.DataFrame:
    """user_id, target_user_id, occurred_at, channel, shared, good of acts that name their source.

    `shared`: it is carried on whole, not only answered or mentioned. `good` is false where its own
    text complains. In the order of user, target and moment. What somebody passed on before they
    blocked the other counts for nothing.
    """
    shares, answers = chosen.shares.split(), chosen.answers.split()
    standing = _with_columns(live_events(acts, distinct=True))
    toward = standing.filter(pl.col(TARGET).is_not_null() & (pl.col(TARGET) != pl.col(USER)))
    blocked = toward.filter(pl.col(ACTION) == BLOCK).group_by(USER, TARGET).agg(pl.max(AT))
    found = (
        toward.filter(pl.col(ACTION).is_in([*shares, *answers]))
        .join(blocked, on=[USER, TARGET], how="left", suffix="_blocked")
        .filter((pl.col(AT) > pl.col(f"{AT}_blocked")).fill_null(True))
        .select(USER, TARGET, AT, CHANNEL, pl.col(ACTION).is_in(shares).alias(SHARED), TEXT, EVENT)
        .sort(USER, TARGET, AT, EVENT)
        .collect()
    )
    return found.with_columns(_good(home, found[TEXT]).alias(GOOD)).drop(TEXT, EVENT)


def _with_columns(acts: pl.LazyFrame) -> pl.LazyFrame:
    names = acts.collect_schema().names()
    text = (TARGET, CHANNEL, TEXT, EVENT, OBJECT_ID, PRODUCT)
    lacking = [pl.lit(None, pl.String).alias(name) for name in text if name not in names]
    if VALUE not in names:
        lacking.append(pl.lit(None, pl.Float64).alias(VALUE))
    return acts.with_columns(lacking)


def _good(home: Home, texts: pl.Series) -> pl.Series:
    """Whether each text does not complain; true where there is none."""
    if texts.null_count() == texts.len():
        return pl.repeat(True, texts.len(), dtype=pl.Boolean, eager=True)
    distinct = texts.drop_nulls().unique(maintain_order=True)
    judged = judge_texts(distinct, reading_of(home)).select(distinct.alias(TEXT), OPINION)
    read = texts.alias(TEXT).to_frame().join(judged, on=TEXT, how="left", maintain_order="left")
    return (read[OPINION] >= 0).fill_null(True)


def done_by(home: Home, acts: pl.LazyFrame, chosen: Section) -> pl.DataFrame:
    """user_id, object, occurred_at, good, shared: what each did first with each object.

    An object is what an act names: another act by its id, or else a product; what somebody posts is
    itself one. `object` (UInt64) is a digest; `shared` tells that the act names its source.
    `good` is false where the action, its value or what was read of its text speaks against it.
    """
    rows = configs.load_rows("actions", home.root, over=home.actions)
    said, adopted = chosen.said.split(), chosen.adopts.split()
    against = [name for name, row in rows.items() if int(row["polarity"]) < 0]
    low = [
        (pl.col(ACTION) == name) & (pl.col(VALUE) <= float(row["dislike_at"]))
        for name, row in rows.items() if row["rated"]
    ]  # fmt: skip
    bad = pl.any_horizontal(pl.col(ACTION).is_in(against), *low).fill_null(False)
    named = pl.coalesce(pl.col(OBJECT_ID).hash(1), pl.col(PRODUCT).hash(2))
    itself = pl.when(pl.col(ACTION).is_in(said)).then(pl.col(EVENT).hash(1))
    other = pl.col(TARGET).is_not_null() & (pl.col(TARGET) != pl.col(USER))
    return (
        _with_columns(live_events(acts, distinct=True))
        .filter(pl.col(ACTION).is_in([*said, *adopted]))
        .select(
            USER, pl.coalesce(itself, named).alias(OBJECT), AT, ~bad.alias(GOOD),
            other.alias(SHARED),
        )
        .drop_nulls(OBJECT)
        .group_by(USER, OBJECT)
        .agg(pl.col(AT).min(), pl.col(GOOD, SHARED).sort_by(AT, GOOD, SHARED).first())
        .collect()
    )  # fmt: skip
