"""Lists of words made ready for reading: what they say of feelings, intent and subjects.

In: the lists of `configs/lexicon/`, as rows. Out: trees of phrases, and what each phrase says.
Never: a word that no list holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.signals.text_matching import Phrases
from engine.signals.text_normal import HALF_SPACE
from engine.signals.text_tokens import tokenise

Array = NDArray[Any]
RowsOf = Callable[[str], Mapping[str, Mapping[str, Any]]]
Phrase = tuple[str, ...]

LANGUAGES = ("en", "fa")
BOOST, BEFORE, AFTER, BUT, BREAK = range(5)
ROLES = ("boost", "before", "after", "but", "break")
_MOST_PARTS = 4


@dataclass(frozen=True)
class Feelings:
    """What moves sentiment: (phrases,) strength, factor of boosts, and a role or -1."""

    phrases: Phrases
    strength: Array
    boost: Array
    role: Array


@dataclass(frozen=True)
class Lexicon:
    """All lists: `weight` is (phrases of intent,), `speaks` (phrases of subjects, aspects).

    `returns` are phrases of people who give back what they bought.
    """

    feelings: Feelings
    intents: Phrases
    weight: Array
    returns: Phrases
    subjects: Phrases
    speaks: Array
    aspects: tuple[str, ...]
    little_words: dict[str, tuple[str, frozenset[str]]]
    """Of each language its script and the words that tell it from others of that script."""


def load_lexicon(rows_of: RowsOf) -> Lexicon:
    """Makes the lists ready, which takes a tenth of a second.

    Args:
        rows_of: reads a file of rows by its name, as `engine.settings.load_rows` does.
    """
    endings = split_terms(rows_of("lexicon/endings")["fa"]["terms"])
    feelings = _feelings(rows_of)
    table = np.array(list(feelings.values()), np.float64)
    intents = {
        phrase: row["strength"]
        for language in LANGUAGES
        for phrase, row in _said(rows_of(f"lexicon/intent-{language}").values())
    }
    named = rows_of("lexicon/aspects")
    subjects = _subjects(list(named.values()))
    speaks = np.zeros((len(subjects), len(named)), bool)
    for at, held in enumerate(subjects.values()):
        speaks[at, list(held)] = True
    return Lexicon(
        Feelings(_tree(feelings, endings), table[:, 0], table[:, 1], table[:, 2].astype(np.int8)),
        _tree(intents, endings),
        np.array(list(intents.values()), np.float64),
        _tree(dict(_said(rows_of("lexicon/returns").values())), endings),
        _tree(subjects, endings),
        speaks,
        tuple(named),
        {
            language: (row["script"], frozenset(split_terms(row["terms"])))
            for language, row in rows_of("lexicon/languages").items()
        },
    )


def split_terms(terms: str) -> list[str]:
    """Terms of a list, parted by commas or ends of line."""
    return [term.strip() for term in terms.replace("\n", ",").split(",") if term.strip()]


def phrases_of(terms: list[str]) -> list[list[Phrase]]:
    """Each term as the words it is found by: a half-space is a gap, or is left out."""
    spelled = [(at, way) for at, term in enumerate(terms) for way in _ways(term)]
    stems = [way.endswith("*") and len(way) > 1 for _, way in spelled]
    bare = [way[:-1] if stem else way for (_, way), stem in zip(spelled, stems, strict=True)]
    tokens = tokenise(pl.Series(bare, dtype=pl.String), longest=200)
    words: list[list[str]] = [[] for _ in spelled]
    for text, word in zip(tokens.text.tolist(), tokens.word.tolist(), strict=True):
        words[text].append(tokens.words[word])
    found: list[list[Phrase]] = [[] for _ in terms]
    for (at, _), stem, parts in zip(spelled, stems, words, strict=True):
        if stem:
            parts[-1] += "*"
        found[at].append(tuple(parts))
    return found


def _ways(term: str) -> list[str]:
    parts = term.split(HALF_SPACE)
    if len(parts) > _MOST_PARTS:
        return [term]
    ways = product((" ", ""), repeat=len(parts) - 1)
    return ["".join(a + b for a, b in zip(parts, (*gaps, ""), strict=True)) for gaps in ways]


def _said(
    rows: Iterable[Mapping[str, Any]], column: str = "terms", *, signs: bool = False
) -> list[tuple[Phrase, Mapping[str, Any]]]:
    """Every phrase of some rows, beside its row."""
    pairs = [
        (term, row)
        for row in rows
        for term in (row[column].split() if signs else split_terms(row[column]))
    ]
    ways = phrases_of([term for term, _ in pairs])
    return [(phrase, row) for (_, row), found in zip(pairs, ways, strict=True) for phrase in found]


def _feelings(rows_of: RowsOf) -> dict[Phrase, tuple[float, float, float]]:
    said: dict[Phrase, tuple[float, float, float]] = {}
    for phrase, row in _said(rows_of("lexicon/signs").values(), signs=True):
        said[phrase] = (row["strength"], 1.0, -1.0)
    for language in LANGUAGES:
        for phrase, row in _said(rows_of(f"lexicon/sentiment-{language}").values()):
            said[phrase] = (row["strength"], 1.0, -1.0)
    for language in LANGUAGES:
        for phrase, row in _said(rows_of(f"lexicon/modifiers-{language}").values()):
            role = ROLES.index(row["role"])
            factor = row["strength"] if role == BOOST else 1.0
            said[phrase] = (said.get(phrase, (0.0,))[0], factor, role)
    return said


def _subjects(rows: list[Mapping[str, Any]]) -> dict[Phrase, set[int]]:
    subjects: dict[Phrase, set[int]] = {}
    for language in LANGUAGES:
        for at, row in enumerate(rows):
            for phrase, _ in _said([row], language):
                subjects.setdefault(phrase, set()).add(at)
    return subjects


def _tree(phrases: Mapping[Phrase, Any], endings: list[str]) -> Phrases:
    return Phrases({phrase: at for at, phrase in enumerate(phrases)}, endings)
