"""Texts as numbers for trained readers: parts of words, words, pairs of words, and lists' scores.

In: texts as words, and the parts that a reader knows. Out: a sparse matrix, one row for each text.
Never: a row that is longer for being written at greater length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine.settings import Section
from engine.signals.text_lexicon import ROLES, Lexicon
from engine.signals.text_scores import feel, intent, sentiment, speak
from engine.signals.text_tokens import Tokens

Array = NDArray[Any]

SHORTEST, LONGEST = 2, 5
"""Letters of a part of a word; blanks at its ends count, so that beginnings differ from middles."""
WORD, PART = "w", "c"
"""First letters of the name of a gram: words and pairs of words, and parts of words."""
_FAR = 4.0
_MANNERS = (
    "!",
    "[?؟]",
    r"\p{Lu}",
    r"\b\p{Lu}{2,}\b",
    "https?:",
    "@",
    "#",
    r"\d",
    '["“”«»]',
    "[.…]{2,}",
)
_LEVELS = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)
_LEANINGS = (-3.0, -1.2, 0.6, 1.5, 3.0)


@dataclass(frozen=True)
class Counts:
    """Grams of texts: `names`, and (texts, grams) how often each occurs."""

    names: list[str]
    matrix: sparse.csr_array


def count_grams(tokens: Tokens, known: dict[str, int] | None = None) -> Counts:
    """Counts words, pairs of words and parts of words; a text's two ends are words to pair with.

    Args:
        tokens: words of texts.
        known: number of each gram; all that occur where missing, in the order of their names.
    """
    texts, size = len(tokens.texts), len(tokens.words)
    ones = np.ones(tokens.text.size, np.float32)
    words = sparse.csr_array((ones, (tokens.text, tokens.word)), shape=(texts, size))
    pairs, spelled = _pairs(tokens)
    lists = [[f"{WORD}{word}", *parts_of(word)] for word in tokens.words]
    if known is None:
        found = {name for each in lists for name in each} | set(spelled)
        known = {name: at for at, name in enumerate(sorted(found))}
    of_words = _incidence(lists, known)
    of_pairs = _incidence([[name] for name in spelled], known)
    return Counts(list(known), sparse.csr_array(words @ of_words + pairs @ of_pairs))


def _pairs(tokens: Tokens) -> tuple[sparse.csr_array, list[str]]:
    """(texts, kinds) pairs of neighbouring words, and the names of the kinds."""
    texts, words = len(tokens.texts), [*tokens.words, ""]
    size, end = len(words), len(tokens.words)
    new = tokens.text[1:] != tokens.text[:-1]
    begins, ends = np.append(True, new), np.append(new, True)
    begins, ends = begins[: tokens.text.size], ends[-tokens.text.size :][: tokens.text.size]
    before = np.where(begins, end, np.roll(tokens.word, 1))
    pair = np.concatenate([before * size + tokens.word, tokens.word[ends] * size + end])
    text = np.concatenate([tokens.text, tokens.text[ends]])
    kinds, number = np.unique(pair, return_inverse=True)
    ones = np.ones(pair.size, np.float32)
    matrix = sparse.csr_array((ones, (text, number)), shape=(texts, kinds.size))
    return matrix, [f"{WORD}{words[at // size]} {words[at % size]}" for at in kinds.tolist()]


def parts_of(word: str) -> list[str]:
    """Names of the parts of a word, each as often as it occurs."""
    framed = f" {word} "
    return [
        f"{PART}{framed[at : at + length]}"
        for length in range(SHORTEST, min(LONGEST, len(framed)) + 1)
        for at in range(len(framed) - length + 1)
    ]


def _incidence(lists: list[list[str]], known: dict[str, int]) -> sparse.csr_array:
    hits = [
        (row, known[name]) for row, names in enumerate(lists) for name in names if name in known
    ]
    rows, columns = np.array(hits, np.int64).reshape(-1, 2).T
    content = np.ones(rows.size, np.float32)
    return sparse.csr_array((content, (rows, columns)), shape=(len(lists), len(known)))


def weigh_grams(counts: Counts, rarity: Array) -> sparse.csr_array:
    """Counts as (1 + log count) x rarity; words and parts each scaled to length 1.

    The weighting of `TfidfVectorizer(sublinear_tf=True)` of scikit-learn, for each kind of gram.
    """
    matrix = counts.matrix.astype(np.float64)
    matrix.data = 1 + np.log(matrix.data)
    matrix = sparse.csr_array(matrix @ sparse.diags_array(rarity))
    is_word = np.array([name[0] == WORD for name in counts.names], bool)
    columns = is_word[matrix.indices]
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    for kind in (columns, ~columns):
        squares = np.bincount(row[kind], matrix.data[kind] ** 2, matrix.shape[0])
        matrix.data[kind] /= np.sqrt(np.maximum(squares, 1e-12))[row[kind]]
    return matrix


def score_lists(tokens: Tokens, lexicon: Lexicon, settings: dict[str, Section]) -> Array:
    """(texts, scores) what the lists say of each text: feelings, intent, aspects, and length."""
    count, tone = len(tokens.texts), settings["sentiment"]
    feeling = feel(tokens, lexicon.feelings, tone)
    said = tokens.text[feeling.first]
    praise, blame = (
        np.bincount(said, np.maximum(way * feeling.amount, 0), count) for way in (1, -1)
    )
    last, first = np.zeros(count), np.zeros(count)
    last[said], first[said[::-1]] = feeling.amount, feeling.amount[::-1]
    wanted = lexicon.intents.find(tokens)
    weight, text = lexicon.weight[wanted.row], tokens.text[wanted.first]
    leaning = np.bincount(text, weight, count)
    columns = [
        np.log1p(praise),
        np.log1p(blame),
        sentiment(tokens, feeling, tone).value,
        np.sign(praise - blame),
        np.clip(first, -_FAR, _FAR),
        np.clip(last, -_FAR, _FAR),
        np.clip(leaning, -2 * _FAR, 2 * _FAR),
        intent(tokens, lexicon, settings["intent"]).value,
        *(_tally(text[weight == level], count) for level in _LEANINGS),
        *_levels(tokens, lexicon, count),
        np.log1p(np.bincount(tokens.text, minlength=count)),
        *_manners(tokens),
    ]
    spoken = speak(tokens, lexicon, feeling, tone)
    named, toned = np.zeros((2, count, len(lexicon.aspects)))
    named[spoken.text, spoken.aspect] = 1
    toned[spoken.text, spoken.aspect] = spoken.sentiment
    return np.column_stack([*columns, named, toned])


def _levels(tokens: Tokens, lexicon: Lexicon, count: int) -> list[Array]:
    found = lexicon.feelings.phrases.find(tokens)
    strength, role = (
        side[found.row] for side in (lexicon.feelings.strength, lexicon.feelings.role)
    )
    text = tokens.text[found.first]
    by_strength = [_tally(text[strength == level], count) for level in _LEVELS]
    return [*by_strength, *(_tally(text[role == kind], count) for kind in range(len(ROLES)))]


def _manners(tokens: Tokens) -> list[Array]:
    """How a text is written, beside its words: calls, questions, capitals, links, names, tags."""
    counted = tokens.texts.to_frame("text").select(
        pl.col("text").str.count_matches(sign).cast(pl.Float64).log1p().alias(sign)
        for sign in _MANNERS
    )
    return [column.to_numpy() for column in counted]


def _tally(text: Array, count: int) -> Array:
    tally: Array = np.log1p(np.bincount(text, minlength=count))
    return tally
