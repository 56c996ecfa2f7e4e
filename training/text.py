"""Readers trained on labelled texts: which words of these people speak for which label.

In: texts with labels, and lists of words. Out: a reader as plain arrays, calibrated.
Never: a text that is kept, or an estimator that leaves this file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from engine.errors import NothingToLearn
from engine.settings import Section
from engine.signals.text import detect_languages
from engine.signals.text_features import Counts, count_grams, score_lists
from engine.signals.text_lexicon import Lexicon
from engine.signals.text_tokens import tokenise
from engine.signals.text_trained import Reader, features

Array = NDArray[Any]

LEAST = 2
"""Texts of each label that are needed."""
_STEPS = np.linspace(-1.5, 1.5, 31)


def fit_reader(
    labelled: pl.DataFrame, task: str, lexicon: Lexicon, *, settings: dict[str, Section]
) -> Reader:
    """Learns a reader: word and character n-grams and scores of the lists, a linear model.

    Labels weigh alike however rare they are. Probabilities, and the offset of each label that
    gives the best macro-F1, are learned from decisions on texts that the model judged unseen.
    The same texts in the same order give the same reader.

    Args:
        labelled: columns `text` and `label`; rows without either are left out.
        task: what the reader is called.
        lexicon: lists of words, whose scores are features.
        settings: sections of `configs/text.toml`.

    Raises:
        NothingToLearn: fewer than two labels, or a label with fewer than two texts.
    """
    rows = labelled.select(pl.col("text", "label").cast(pl.String)).drop_nulls()
    target, labels = _numbered(rows["label"])
    chosen = settings["trained"]
    tokens = tokenise(rows["text"], longest=settings["reading"].longest)
    counts, scores = count_grams(tokens), score_lists(tokens, lexicon, settings)
    frequent = np.bincount(counts.matrix.indices, minlength=len(counts.names)) >= chosen.rarest
    counts = _some(counts, np.flatnonzero(frequent))
    held = _held_out(counts, scores, target, chosen)
    shares = LogisticRegression(C=chosen.calibration, max_iter=1000).fit(held, target)
    rarity, mean, scale = _spread(counts, scores, chosen)
    model = _fit(features(counts, scores, rarity, mean, scale), target, chosen)
    calibration, calibrated = _by_label(shares)
    coefficients, intercept = _by_label(model)
    languages = detect_languages(rows["text"], lexicon, settings)
    return Reader(
        task,
        labels,
        tuple(languages.drop_nulls().unique().sort().to_list()),
        tuple(counts.names),
        rarity,
        mean,
        scale,
        coefficients,
        intercept,
        _offset(held, target),
        calibration,
        calibrated,
    )


def _numbered(label: pl.Series) -> tuple[Array, tuple[str, ...]]:
    labels = label.unique().sort()
    few = label.value_counts().filter(pl.col("count") < LEAST)
    if len(labels) < 2 or few.height:
        detail = f"label {few['label'][0]!r} has one text" if few.height else "there is one label"
        raise NothingToLearn(f"{detail}; at least two labels with {LEAST} texts each are needed")
    return label.replace_strict(labels, range(len(labels))).to_numpy(), tuple(labels.to_list())


def _some(counts: Counts, columns: Array) -> Counts:
    names = [counts.names[at] for at in columns.tolist()]
    return Counts(names, sparse.csr_array(counts.matrix[:, columns]))


def _spread(counts: Counts, scores: Array, chosen: Section) -> tuple[Array, Array, Array]:
    """Rarity of each gram (smoothed idf), and mean and scale of each score."""
    texts = counts.matrix.shape[0]
    held = np.bincount(counts.matrix.indices, minlength=len(counts.names))
    spread = scores.std(axis=0)
    scale = np.where(spread > 1e-9, chosen.lists / np.maximum(spread, 1e-9), 0.0)
    return np.log((1 + texts) / (1 + held)) + 1, scores.mean(axis=0), scale


def _fit(matrix: sparse.csr_array, target: Array, chosen: Section) -> LogisticRegression:
    model = LogisticRegression(C=chosen.strength, class_weight="balanced", max_iter=500)
    return model.fit(matrix, target)


def _held_out(counts: Counts, scores: Array, target: Array, chosen: Section) -> Array:
    """(texts, labels) decisions on each text by a model that has not seen it."""
    folds = min(chosen.folds, int(np.bincount(target).min()))
    held = np.zeros((target.size, int(target.max()) + 1))
    cut = StratifiedKFold(folds, shuffle=True, random_state=0)
    for seen, unseen in cut.split(target, target):
        learned = Counts(counts.names, counts.matrix[seen])
        spread = _spread(learned, scores[seen], chosen)
        model = _fit(features(learned, scores[seen], *spread), target[seen], chosen)
        coefficients, intercept = _by_label(model)
        judged = Counts(counts.names, counts.matrix[unseen])
        held[unseen] = features(judged, scores[unseen], *spread) @ coefficients + intercept
    return held


def _by_label(model: LogisticRegression) -> tuple[Array, Array]:
    """Coefficients (features, labels) and intercept; of two labels each has half the odds."""
    if model.coef_.shape[0] > 1:
        return model.coef_.T, model.intercept_
    half = model.coef_[0] / 2
    return np.stack([-half, half], axis=1), np.array([-1, 1]) * model.intercept_[0] / 2


def _offset(held: Array, target: Array) -> Array:
    """What to add to each label's decisions for the best macro-F1 on texts unseen.

    Label by label, twice round; of equal offsets the middle one, which chance moves least.
    """
    offset = np.zeros(held.shape[1])
    for _ in range(2):
        for label in range(held.shape[1]):
            tried = [_macro(held, target, offset, label, step) for step in _STEPS]
            best = np.flatnonzero(np.array(tried) >= max(tried) - 1e-9)
            offset[label] = _STEPS[best[best.size // 2]]
    return offset


def _macro(held: Array, target: Array, offset: Array, label: int, step: float) -> float:
    moved = offset.copy()
    moved[label] = step
    labels = offset.size
    pairs = target * labels + np.argmax(held + moved, axis=1)
    table = np.bincount(pairs, minlength=labels**2).reshape(labels, labels)
    # each label has texts, so what it is divided by is never zero
    return float(np.mean(2 * table.diagonal() / (table.sum(axis=0) + table.sum(axis=1))))
