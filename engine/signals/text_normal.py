"""One spelling for words that people write in many ways, Persian ones above all.

In: words or texts. Out: the same in one spelling. Never: a word translated or left out.
"""

from __future__ import annotations

import re

import polars as pl

SPELLINGS = {
    "ي": "ی", "ى": "ی", "ې": "ی", "ێ": "ی", "ئ": "ئ", "ك": "ک", "ڪ": "ک", "ګ": "گ", "ة": "ه",
    "ۀ": "ه", "ە": "ه", "ہ": "ه", "ھ": "ه", "أ": "ا", "إ": "ا", "ٱ": "ا", "ؤ": "و", "’": "'",
    "´": "'", "`": "'", "‘": "'",
    "۰": "0", "۱": "1", "۲": "2", "۳": "3", "۴": "4", "۵": "5", "۶": "6", "۷": "7", "۸": "8",
    "۹": "9", "٠": "0", "١": "1", "٢": "2", "٣": "3", "٤": "4", "٥": "5", "٦": "6", "٧": "7",
    "٨": "8", "٩": "9",
}  # fmt: skip
"""Letters of Arabic keyboards and old fonts for Persian ones; Persian and Arabic digits for 0–9."""
MARKS = r"[\x{064b}-\x{065f}\x{0670}\x{06d6}-\x{06ed}\x{0640}\x{fe0e}\x{fe0f}]"
"""Vowel signs, and the stroke that lengthens words in print."""
HIDDEN = r"[\x{200b}\x{200d}-\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{feff}]"
HALF_SPACE = "\u200c"
_AGAIN = re.compile(r"(\w)\1{2,}")
_LETTERS = "abcdefghijklmnopqrstuvwxyzابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی"
_LONG = "|".join(f"{letter}{{3,}}" for letter in _LETTERS)


def normalise(texts: pl.Series) -> pl.Series:
    """Texts in one spelling: lower case, Persian letters and plain digits, no half-spaces.

    A half-space becomes a space, elongation (`عااالی`, `sooo`) two letters, and runs of blanks
    one. Nulls stay.
    """
    spaced = normalise_words(texts).str.replace_all(HALF_SPACE, " ", literal=True)
    return spaced.str.replace_all(r"\s+", " ").str.strip_chars()


def normalise_words(words: pl.Series) -> pl.Series:
    """As `normalise`, but blanks and half-spaces stay as they are."""
    spelled = (
        words.cast(pl.String)
        .str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(MARKS, "")
        .str.replace_all(HIDDEN, "")
        .str.replace_many(SPELLINGS)
    )
    long = spelled.str.contains(_LONG).fill_null(False)
    if not long.any():
        return spelled
    short = [_AGAIN.sub(r"\1\1", word) for word in spelled.filter(long)]
    return spelled.scatter(long.arg_true(), short)
