"""Texts as words: cut, numbered, and brought to one spelling.

In: texts. Out: for every word the text it stands in, a number for its spelling, and its place.
Never: a letter of a text lost, so that any run of words can be shown as it was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.signals.text_normal import normalise_words

Array = NDArray[Any]

LINK, PERSON, NUMBER = "xurl", "xuser", "0"
"""What stands for any link, any name of an account, and any number."""
_LINK = r"https?://\S*|www\.\S+|pic\.twitter\.com/\S*"
_PERSON = r"@\s?\w+"
_FACE = r"[>]?[:;=]['’]?-?[()\[\]/\\|*]+|[:;]-?[DPpd]\b|[()\[\]]+['’]?-?[:;=]|<3|\^_\^|-_-"
_WORD = r"[\p{L}\p{M}\p{N}_]+(?:['’´`][\p{L}]+)*"
_PAUSE = r"[.…]+|[!?؟]+"
_GAP = r"[\s\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{fe0e}\x{fe0f}]*"
CHUNK = f"(?:{_LINK}|{_PERSON}|{_FACE}|{_WORD}|{_PAUSE}|\\S){_GAP}"
"""A word, a sign or a run of stops, and the gap after it; a half-space is a gap."""
STOPS = frozenset('.…!?؟،,;؛:()[]"«»\n')


@dataclass(frozen=True)
class Tokens:
    """Words of many texts, one after the other.

    `text` and `word` are (tokens,): the row of the text, and a row of `words`, the spellings
    after normalisation. `start` and `length` tell where a token stands in its `texts`.
    """

    texts: pl.Series
    text: Array
    word: Array
    words: list[str]
    start: Array
    length: Array

    def spans(self, first: Array, last: Array) -> pl.Series:
        """The runs from token `first` to token `last` as they were written; null where -1."""
        there = np.flatnonzero(first >= 0)
        begin, end = first[there], last[there]
        rows = self.text[begin]
        run = pl.DataFrame(
            {
                "text": self.texts.gather(rows),
                "at": self.start[begin],
                "long": self.start[end] + self.length[end] - self.start[begin],
            }
        ).select(pl.col("text").str.slice(pl.col("at"), pl.col("long")).str.strip_chars())
        place = np.full(first.size, -1)
        place[there] = np.arange(there.size)
        return run.to_series().gather(pl.Series(place).set(pl.Series(place < 0), None))


def tokenise(texts: pl.Series, *, longest: int) -> Tokens:
    """Cuts texts into words and signs; a null has none.

    Args:
        texts: strings.
        longest: characters of each text that are looked at.
    """
    clean = texts.cast(pl.String).fill_null("").str.head(longest).str.strip_chars_start()
    lists = clean.str.extract_all(CHUNK)
    counts = lists.list.len().to_numpy()
    text = np.repeat(np.arange(len(clean)), counts)
    chunks = lists.explode(empty_as_null=False).rename("chunk")
    kinds = chunks.unique(maintain_order=True)
    known = normalise_words(mask(kinds)).rename("word").to_frame()
    words = known.unique(maintain_order=True).with_row_index("number")
    numbers = kinds.to_frame().with_columns(
        known.join(words, on="word", maintain_order="left")["number"]
    )
    word = chunks.to_frame().join(numbers, on="chunk", how="left", maintain_order="left")["number"]
    length = chunks.str.len_chars().to_numpy().astype(np.int64)
    before = np.cumsum(length) - length
    first = np.cumsum(counts) - counts
    start = before - np.repeat(np.append(before, 0)[first], counts)
    return Tokens(
        clean, text, word.to_numpy().astype(np.int64), words["word"].to_list(), start, length
    )


def mask(chunks: pl.Series) -> pl.Series:
    """Links, accounts and numbers give way to what stands for them."""
    bare = chunks.str.replace(f"{_GAP}$", "").str.replace(r"^([.…!?؟])[.…!?؟]+$", "$1")
    return pl.select(
        pl.when(bare.str.contains(f"^(?:{_LINK})"))
        .then(pl.lit(LINK))
        .when(bare.str.contains(r"^@\s?\w"))
        .then(pl.lit(PERSON))
        .when(bare.str.contains(r"^\p{N}+$"))
        .then(pl.lit(NUMBER))
        .otherwise(bare)
    ).to_series()
