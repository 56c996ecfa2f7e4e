"""`mokhatab text`: labelled texts in, a reader out, and what it says of other texts.

In: a home, files of texts, a task. Out: a reader kept in the home, and a file of predictions.
Never: a text that stays in the home.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from engine import settings as configs
from engine.errors import FrameError, InvalidValue, UnreadableFile
from engine.frames import PROBABILITY, TEXT
from engine.operations.readers import TASKS, lexicon_of, open_reader, save_reader
from engine.settings import Section
from engine.signals.text import (
    ASPECT,
    INTENT,
    INTENT_PHRASE,
    SENTIMENT,
    SENTIMENT_PHRASE,
    find_aspects,
    read_texts,
)
from engine.signals.text_lexicon import Lexicon
from engine.signals.text_trained import PHRASE, PREDICTION, PREDICTIONS, Reader, predict
from engine.store.files import table_format, write_table
from engine.store.home import Home
from training.text import fit_reader

LABEL = "label"
NONE = "none"


def read_texts_of(
    home: Home, task: str, *, train: Path | None, judge: Path | None, out: Path | None
) -> dict[str, Any]:
    """Trains a reader where labelled texts are given, and applies it where texts are.

    Without labelled texts the home's reader of the task judges, or the built-in one. The answer
    file has a row for each row of `judge`, in order: text, prediction, probability, phrase.

    Raises:
        InvalidValue: no such task, or nothing to do.
        FrameError: a file lacks its column.
        NothingToLearn: fewer than two labels, or a label with one text.
        UnreadableFile: a file is no table, or `out` has no known ending.
    """
    if task not in TASKS:
        raise InvalidValue("task", f"is {task!r}; known: {', '.join(TASKS)}")
    if (judge is None) != (out is None):
        raise InvalidValue("out" if out is None else "predict", "is needed beside the other")
    if train is None and judge is None:
        raise InvalidValue("train", "is missing, and so is `predict`; name one of them")
    if out is not None:
        table_format(out)
    settings, lexicon = configs.load("text", home.root), lexicon_of(home)
    answer: dict[str, Any] = {"task": task}
    reader = None
    if train is not None:
        labelled = _read(train, [TEXT, LABEL])
        reader = fit_reader(labelled, task, lexicon, settings=settings)
        save_reader(home, reader)
        answer |= {"trained": labelled.height, "labels": list(reader.labels)}
    if judge is not None and out is not None:
        reader = reader or open_reader(home, task)
        texts = _read(judge, [TEXT])[TEXT]
        said = judge_by(texts, task, reader, lexicon, settings)
        write_table(out, said.lazy())  # texts as they are, so that rows can be joined again
        answer |= {
            "reader": "trained" if reader else "built-in",
            "rows": said.height,
            "counts": dict(said[PREDICTION].value_counts().sort(PREDICTION).rows()),
            "out": str(out),
        }
    return answer


def judge_by(
    texts: pl.Series,
    task: str,
    reader: Reader | None,
    lexicon: Lexicon,
    settings: dict[str, Section],
) -> pl.DataFrame:
    """A row for each text: text, prediction, probability, phrase; of the lists where no reader is.

    The lists call a text positive, negative or neutral; intent or none; or name its aspects in
    the order of their list, parted by commas, or none. Texts that are not read have nulls.
    """
    if reader is not None:
        return predict(texts, reader, lexicon, settings)
    read = read_texts(texts, lexicon, settings).with_columns(texts.alias(TEXT))
    chosen = settings["evidence"]
    if task == "aspects":
        return _aspects(read, texts, lexicon, settings)
    if task == SENTIMENT:
        felt = pl.col(SENTIMENT)
        label = (
            pl.when(felt >= chosen.praise).then(pl.lit("positive"))
            .when(felt <= chosen.complaint).then(pl.lit("negative"))
            .when(felt.is_not_null()).then(pl.lit("neutral"))
        )  # fmt: skip
        sure = pl.when(label == "neutral").then(1 - felt.abs()).otherwise((1 + felt.abs()) / 2)
        phrase = pl.col(SENTIMENT_PHRASE)
    else:
        wants = pl.col(INTENT)
        label = (
            pl.when(wants >= 0.5).then(pl.lit(INTENT))
            .when(wants.is_not_null()).then(pl.lit(NONE))
        )  # fmt: skip
        sure = pl.max_horizontal(wants, 1 - wants)
        phrase = pl.col(INTENT_PHRASE)
    return read.select(TEXT, label.alias(PREDICTION), sure.alias(PROBABILITY), phrase.alias(PHRASE))


def _aspects(
    read: pl.DataFrame, texts: pl.Series, lexicon: Lexicon, settings: dict[str, Section]
) -> pl.DataFrame:
    found = find_aspects(texts, lexicon, settings)
    named = found.group_by("row", maintain_order=True).agg(
        pl.col(ASPECT).str.join(",").alias(PREDICTION), pl.col(PHRASE).first()
    )
    label = pl.when(pl.col("language").is_not_null()).then(pl.col(PREDICTION).fill_null(NONE))
    return (
        read.with_row_index("row")
        .join(named, on="row", how="left", maintain_order="left")
        .select(
            TEXT,
            label.alias(PREDICTION),
            pl.when(label.is_not_null()).then(1.0).alias(PROBABILITY),
            PHRASE,
        )
        .cast(PREDICTIONS)  # type: ignore[arg-type]
    )


def _read(path: Path, columns: list[str]) -> pl.DataFrame:
    """Columns of a file as text, its rows in their order; a text may go on over lines.

    Raises:
        FrameError: a column is missing.
        UnreadableFile: the file is no table.
    """
    if not path.is_file():
        raise UnreadableFile(str(path), "is a folder" if path.exists() else "does not exist")
    try:
        frame = _parse(path)
    except pl.exceptions.PolarsError as error:
        detail = str(error).strip().splitlines() or ["cannot be read"]
        raise UnreadableFile(str(path), f"is damaged: {detail[0][:300]}") from error
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        found = ", ".join(frame.columns) or "nothing"
        raise FrameError("texts", missing[0], f"missing in {path}; found {found}")
    return frame.select(pl.col(columns).cast(pl.String))


def _parse(path: Path) -> pl.DataFrame:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head.strip():
        raise UnreadableFile(str(path), "is empty")
    if head[:4] == b"PAR1":
        return pl.read_parquet(path, glob=False)
    if head.lstrip()[:1] == b"{":
        return pl.read_ndjson(path, infer_schema_length=None)
    names = head.splitlines()[0]
    separator = max((",", ";", "\t"), key=lambda sign: names.count(sign.encode()))
    return pl.read_csv(path, infer_schema=False, separator=separator, glob=False)
