"""Word of mouth: what people said of products where others could see it, and of what they said it.

In: acts that are word, what they stand for, how texts are read. Out: an opinion of each act, and
the aspects that it praises or blames. Never: a rating overruled, or more of a text than a phrase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from engine.frames import ACTION, ACTS, AT, EVENT, LANGUAGE, OBJECT, PRODUCT, TEXT, USER, VALUE
from engine.settings import Section
from engine.signals.coding import Meanings
from engine.signals.readings import OPINION, Reading, judge_known
from engine.signals.text import ASPECT, PHRASE, SENTIMENT, find_aspects

WINDOW, AGO, READ, SIGN = "window", "ago", "read", "sign"
NOW, BEFORE = 0, 1
"""Windows: the days that are judged, and as many before them."""
SAID = {
    PRODUCT: pl.String,
    USER: pl.String,
    AT: pl.Datetime("us", "UTC"),
    EVENT: pl.String,
    WINDOW: pl.Int8,
    OPINION: pl.Int8,
    READ: pl.Boolean,
    ACTS: pl.Int64,
}
SPOKEN = {
    PRODUCT: pl.String,
    USER: pl.String,
    WINDOW: pl.Int8,
    ASPECT: pl.String,
    SIGN: pl.Int8,
    PHRASE: pl.String,
}


@dataclass(frozen=True)
class Word:
    """What was said, one row for each act, and the aspects that were praised or blamed.

    `said`: product_id, user_id, occurred_at, event_id, window (0 the days judged, 1 those before),
    opinion (1 for, -1 against, 0 neither), read (whether there was anything to read), acts (1, and
    of the newest also how many of the same person were left out).
    `spoken`: product_id, user_id, window, aspect, sign (1 praised, -1 blamed), and the phrase of
    the lists that names it, in small letters. `share` is the part of the people who are in both.
    """

    said: pl.DataFrame
    spoken: pl.DataFrame
    share: float = 1.0


def heard_by(reading: Reading, chosen: Section) -> Reading:
    """The same reading with the limits of praise and complaint of section `read`.

    Evidence asks for more: it must be right about each person, and a share about many.
    """
    own = {"praise": chosen.praise, "complaint": chosen.complaint}
    evidence = reading.settings["evidence"]
    heard = Section(evidence.name, evidence.values | own)
    return replace(reading, settings=reading.settings | {"evidence": heard})


def in_windows(acts: pl.DataFrame, *, until: datetime, days: int) -> pl.DataFrame:
    """Acts before `until` and not older than twice so many days, with the window each is in."""
    age = pl.lit(until) - pl.col(AT)
    window = (age > timedelta(days=days)).cast(pl.Int8).alias(WINDOW)
    recent = (age > timedelta()) & (age <= timedelta(days=2 * days))
    return acts.filter(recent).with_columns(window)


def keep_readable(acts: pl.DataFrame, *, each: int, most: int) -> tuple[pl.DataFrame, float]:
    """The newest `each` acts of a person on a product and window, of all people or of a sample.

    Where more than `most` texts are left, people are drawn by a hash of their id, with all that
    they said: so a sample says of shares what all would say. Returns the acts, and the part of
    people that was to be drawn, 1 where it is all. Column `acts` keeps count of what is left out.
    """
    key = [PRODUCT, WINDOW, USER]
    newest = pl.struct(AT, EVENT).rank("ordinal", descending=True).over(key)
    left_out = (pl.len().over(key).cast(pl.Int64) - each).clip(lower_bound=0)
    acts = (
        acts.with_columns(newest.alias("newest"), left_out.alias("left_out"))
        .filter(pl.col("newest") <= each)
        .with_columns((1 + pl.col("left_out") * (pl.col("newest") == 1)).alias(ACTS))
        .drop("newest", "left_out")
    )
    texts = acts[TEXT].drop_nulls().n_unique()
    if texts <= most:
        return acts, 1.0
    share = most / texts
    return acts.filter(pl.col(USER).hash(seed=0) < pl.lit(int(share * 2**64), pl.UInt64)), share


def carry_texts(acts: pl.DataFrame, originals: pl.DataFrame) -> pl.DataFrame:
    """Acts without a text of their own that name another act carry its text on.

    Who shares a complaint complains; what is shared is not known where the act it names is not.

    Args:
        acts: with text, object_id.
        originals: event_id and text, each event once.
    """
    passed = originals.select(pl.col(EVENT).alias(OBJECT), pl.col(TEXT).alias("passed"))
    bare = pl.col(TEXT).fill_null("").str.strip_chars() == ""
    return (
        acts.join(passed, on=OBJECT, how="left", maintain_order="left")
        .with_columns(pl.when(bare).then("passed").otherwise(TEXT).alias(TEXT))
        .drop("passed")
    )


def read_word(
    acts: pl.DataFrame, actions: Mapping[str, Mapping[str, Any]], reading: Reading
) -> Word:
    """What acts say: by their stars where they are rated, by their text, else by their kind.

    A text that neither praises nor blames leaves its act what it is: a share is for its product.
    An act is `read` where it is for or against, has stars, or a text in a language that is read.

    An aspect is blamed where its clauses are a complaint, or where the act as a whole is against
    and they do not praise it; praised likewise.

    Args:
        acts: of `in_windows`, in any order, each event once; columns event_id, user_id,
            product_id, action, occurred_at, text, value and window; acts, 1 where it is missing.
        actions: rows of `configs/actions.toml`.
        reading: lists, settings and trained readers, see `heard_by`.
    """
    if ACTS not in acts.columns:
        acts = acts.with_columns(pl.lit(1, pl.Int64).alias(ACTS))
    texts = acts[TEXT].drop_nulls().unique().sort()
    known = pl.col(LANGUAGE).is_not_null().alias("known")
    judged = judge_known(texts, reading).select(known, OPINION).with_columns(texts)
    rated = pl.col(VALUE).is_not_null() & pl.col(ACTION).is_in(
        [name for name, row in actions.items() if row.get("rated")]
    )
    kind = Meanings.of(actions).opinions(valued=True).fill_null(0).alias("kind")
    opinion = (
        pl.when(rated | (pl.col(OPINION).fill_null(0) == 0))
        .then(pl.col("kind"))
        .otherwise(pl.col(OPINION))
    )
    said = (
        acts.join(judged, on=TEXT, how="left", maintain_order="left")
        .with_columns(kind)
        .with_columns(opinion.alias(OPINION))
        .with_columns(
            (rated | (pl.col(OPINION) != 0) | pl.col("known").fill_null(False)).alias(READ)
        )
        .sort(AT, EVENT, USER, PRODUCT)
    )
    return Word(said.select(list(SAID)), _spoken(said, texts, reading))


def _spoken(said: pl.DataFrame, texts: pl.Series, reading: Reading) -> pl.DataFrame:
    evidence = reading.settings["evidence"]
    found = find_aspects(texts, reading.lexicon, reading.settings)
    found = found.with_columns(texts.gather(found["row"]).alias(TEXT))
    felt, opinion = pl.col(SENTIMENT), pl.col(OPINION)
    praised = (felt >= evidence.praise) | ((opinion > 0) & (felt > evidence.complaint))
    blamed = (felt <= evidence.complaint) | ((opinion < 0) & (felt < evidence.praise))
    sign = praised.cast(pl.Int8) - blamed.cast(pl.Int8)
    return (
        said.filter(READ)
        .join(found, on=TEXT, how="inner", maintain_order="left")
        .with_columns(sign.alias(SIGN), pl.col(PHRASE).str.to_lowercase())
        .filter(pl.col(SIGN) != 0)
        .select(list(SPOKEN))
        .cast(SPOKEN)  # type: ignore[arg-type]
    )


def word_actions(chosen: Section, actions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The actions of section `read` that are known."""
    return [name for name in chosen.actions.split() if name in actions]
