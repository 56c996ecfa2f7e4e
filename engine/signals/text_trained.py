"""Reading with a trained reader: a label for each text, how sure it is, and the words that say so.

In: texts, and a reader as plain arrays. Out: predictions. Never: training, or an object unpickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine.frames import PROBABILITY, TEXT
from engine.settings import Section
from engine.signals.text_features import Counts, count_grams, score_lists, weigh_grams
from engine.signals.text_lexicon import Lexicon
from engine.signals.text_tokens import Tokens, tokenise

Array = NDArray[Any]

PREDICTION, PHRASE = "prediction", "phrase"
PREDICTIONS = {
    TEXT: pl.String,
    PREDICTION: pl.String,
    PROBABILITY: pl.Float64,
    PHRASE: pl.String,
}
FAR = 4.0
"""Standard deviations beyond which a score of the lists counts no more."""


@dataclass(frozen=True)
class Reader:
    """A linear reader.

    Grams come first, then scores of the lists: `coefficients` is (grams + scores, labels),
    `intercept` (labels,). `offset` (labels,) is added before the greatest is the prediction.
    Probabilities are the softmax of decisions x `calibration` (labels, labels) + `calibrated`.
    """

    task: str
    labels: tuple[str, ...]
    languages: tuple[str, ...]
    grams: tuple[str, ...]
    rarity: Array
    mean: Array
    scale: Array
    coefficients: Array
    intercept: Array
    offset: Array
    calibration: Array
    calibrated: Array


def features(
    counts: Counts, scores: Array, rarity: Array, mean: Array, scale: Array
) -> sparse.csr_array:
    """(texts, grams + scores): weighed grams beside scores in parts of their usual spread."""
    near = np.clip((scores - mean) * scale, -FAR, FAR)
    blocks = [weigh_grams(counts, rarity), sparse.csr_array(near)]
    return sparse.csr_array(sparse.hstack(blocks, format="csr"))


def predict(
    texts: pl.Series, reader: Reader, lexicon: Lexicon, settings: dict[str, Section]
) -> pl.DataFrame:
    """A row for each text, in their order: text, prediction, probability, phrase.

    The prediction is the label whose decision is greatest, labels weighing alike however rare
    they are; the probability is the calibrated one of that label, so it may be below a half. The
    phrase is the run of words that speaks most for the label, null where none does.
    """
    reading, known = settings["reading"], {name: at for at, name in enumerate(reader.grams)}
    frames = [pl.DataFrame(schema=PREDICTIONS)]
    for at in range(0, len(texts), reading.texts_at_once):
        part = texts[at : at + reading.texts_at_once].cast(pl.String)
        tokens = tokenise(part, longest=reading.longest)
        scores = score_lists(tokens, lexicon, settings)
        counts = count_grams(tokens, known)
        matrix = features(counts, scores, reader.rarity, reader.mean, reader.scale)
        decision = matrix @ reader.coefficients + reader.intercept
        label = np.argmax(decision + reader.offset, axis=1)
        sure = probabilities(decision, reader)[np.arange(label.size), label]
        frames.append(
            pl.DataFrame(
                {
                    TEXT: part,
                    PREDICTION: pl.Series(reader.labels, dtype=pl.String).gather(label),
                    PROBABILITY: sure,
                    PHRASE: _phrases(tokens, label, reader, known),
                },
                schema=PREDICTIONS,
            )
        )
    return pl.concat(frames)


def probabilities(decision: Array, reader: Reader) -> Array:
    """(texts, labels) calibrated; rows sum to 1."""
    logits = decision @ reader.calibration + reader.calibrated
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = odds / odds.sum(axis=1, keepdims=True)
    return shares


def _phrases(tokens: Tokens, label: Array, reader: Reader, known: dict[str, int]) -> pl.Series:
    """The word that speaks most for the label of its text, with neighbours that agree."""
    texts, size = len(tokens.texts), tokens.text.size
    words = Tokens(
        pl.Series(tokens.words, dtype=pl.String),
        np.arange(len(tokens.words)),
        np.arange(len(tokens.words)),
        tokens.words,
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
    )
    each = count_grams(words, known).matrix @ (
        reader.rarity[:, None] * reader.coefficients[: len(reader.grams)]
    )
    against = (each.sum(axis=1, keepdims=True) - each) / max(len(reader.labels) - 1, 1)
    speaks = (each - against)[tokens.word, label[tokens.text]]
    best = np.full(texts, -1)
    order = np.lexsort((-np.arange(size), speaks))
    best[tokens.text[order]] = order
    best = np.where((best >= 0) & (np.append(speaks, 0)[best] > 0), best, -1)
    first, last = best.copy(), best.copy()
    for way, edge in ((-1, first), (1, last)):
        there = np.clip(edge + way, 0, max(size - 1, 0))
        agrees = (best >= 0) & (there != edge)
        if size:
            agrees &= (tokens.text[there] == np.arange(texts)) & (speaks[there] > 0)
        edge[agrees] = there[agrees]
    return tokens.spans(first, last)
