"""Reading texts: how fast the built-in reader is, and how right it and trained readers are.

In: nothing for the speed; a folder of labelled texts for the figures. Out: rows (what, unit,
figure, command). Never: a text that a reader has seen.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from engine.settings import load, load_rows
from engine.signals.text import find_aspects, read_texts
from engine.signals.text_lexicon import load_lexicon
from engine.signals.text_trained import predict
from training.text import fit_reader
from training.world import words

Row = tuple[str, str, float, str]
TEXTS = 40_000
COMMAND = "python -m tests.benchmarks.text"
ASPECTS = {
    "taste": "food",
    "value": "price",
    "delivery": "delivery",
    "packaging": "packaging",
    "nutrition": "health",
    "quality": "quality",
}
"""Aspects of the labelled reviews, and what the lists call them; all of them speak of `overall`."""
LEXICON, SETTINGS = load_lexicon(load_rows), load("text")


def _reviews() -> pl.Series:
    """Short texts in both languages, each with a word of its own, as texts of people have."""
    random = np.random.default_rng(3)
    said = [each for tone in ("positive", "neutral", "negative") for language in ("en", "fa")
            for each in words.reviews(tone, language)]  # fmt: skip
    things = [name for pairs in words.TYPES.values() for pair in pairs for name in pair]
    rows = zip(random.choice(said, TEXTS), random.choice(things, TEXTS), range(TEXTS), strict=True)
    return pl.Series([f"{text.replace('{}', thing)} w{at}x" for text, thing, at in rows])


def run() -> list[Row]:
    """Texts for each second of processor time, so that a busy machine does not count."""
    texts, best = _reviews(), float("inf")
    read_texts(texts[:1000], LEXICON, SETTINGS)
    for _ in range(3):
        start = time.process_time()
        read_texts(texts, LEXICON, SETTINGS)
        best = min(best, time.process_time() - start)
    letters = texts.str.len_chars().mean()
    what = f"built-in reader, texts of {letters:.0f} letters for each second of a core"
    return [(what, "texts/s", TEXTS / best, COMMAND)]


def judge(folder: Path) -> list[Row]:
    """Figures on labelled texts: trained readers in five stratified folds, and the lists alone."""
    command = f"{COMMAND} FOLDER"
    hotels = pl.read_parquet(folder / "hotel-reviews-fa" / "reviews.parquet")
    hotels = hotels.filter(pl.col("stars") != 3).with_columns(
        label=pl.when(pl.col("stars") >= 4).then(pl.lit("positive")).otherwise(pl.lit("negative"))
    )
    rows: list[Row] = []
    for name in ("intent-en", "sentiment-fa", "sentiment-en"):
        texts = pl.read_parquet(folder / name / "texts.parquet")
        rows.append((f"{name}, trained", "macro-F1", _folds(texts)[0], command))
        rows.append((f"{name}, built-in", "AUC", _built_in(texts, name), command))
    rows.append(("hotel-reviews-fa, trained", "AUC", _folds(hotels)[1], command))
    rows.append(("hotel-reviews-fa, built-in", "AUC", _built_in(hotels, "sentiment"), command))
    return rows + _aspects(folder, command)


def _folds(texts: pl.DataFrame) -> tuple[float, float, float]:
    """Means over folds: macro-F1; of two labels also AUC and F1 of the second."""
    label, figures = texts["label"].to_numpy().astype(str), []
    cut = StratifiedKFold(5, shuffle=True, random_state=0)
    for seen, unseen in cut.split(label, label):
        reader = fit_reader(texts[seen], "folds", LEXICON, settings=SETTINGS)
        said = predict(texts["text"][unseen], reader, LEXICON, SETTINGS)
        truth, told = label[unseen], said["prediction"].to_numpy().astype(str)
        macro, auc, second = f1_score(truth, told, average="macro"), np.nan, np.nan
        if len(reader.labels) == 2:
            is_second = told == reader.labels[1]
            odds = np.where(is_second, said["probability"], 1 - said["probability"])
            auc = roc_auc_score(truth == reader.labels[1], odds)
            second = f1_score(truth, told, pos_label=reader.labels[1], zero_division=0)
        figures.append((macro, auc, second))
    macro, auc, second = np.mean(figures, axis=0).tolist()
    return macro, auc, second


def _built_in(texts: pl.DataFrame, name: str) -> float:
    task = "intent" if name.startswith("intent") else "sentiment"
    score = read_texts(texts["text"], LEXICON, SETTINGS)[task].fill_null(0.0).to_numpy()
    label = texts["label"].to_numpy().astype(str)
    good = "intent" if task == "intent" else "positive"
    judged = label != "neutral"
    return float(roc_auc_score(label[judged] == good, score[judged]))


def _aspects(folder: Path, command: str) -> list[Row]:
    every = pl.read_parquet(folder / "aspects-fa" / "aspects.parquet")
    trained, lists = [], []
    for aspect, ours in ASPECTS.items():
        texts = every.filter(aspect=aspect).select(
            "text",
            label=pl.when(pl.col("polarity").is_not_null())
            .then(pl.lit("yes"))
            .otherwise(pl.lit("no")),
        )
        trained.append(_folds(texts)[2])
        found = find_aspects(texts["text"], LEXICON, SETTINGS).filter(aspect=ours)["row"]
        told = np.isin(np.arange(texts.height), found.to_numpy())
        lists.append(f1_score((texts["label"] == "yes").to_numpy(), told))
    what = f"aspects-fa, {len(ASPECTS)} aspects"
    return [
        (f"{what}, trained", "mean F1", float(np.mean(trained)), command),
        (f"{what}, built-in", "mean F1", float(np.mean(lists)), command),
    ]


if __name__ == "__main__":
    for what, unit, figure, _ in judge(Path(sys.argv[1])) if sys.argv[1:] else run():
        print(f"{what}: {figure:.4g} {unit}")
