"""The verb on texts: what people wrote, read by lists of words or by a reader trained on labels.

In: words after `mokhatab text`. Out: tables or JSON. Never: a text on the terminal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.terminal import Json, console, home_of, say


def text(
    context: typer.Context,
    task: Annotated[str, typer.Option(help="sentiment, intent or aspects.")],
    train: Annotated[
        Path | None, typer.Option(help="Labelled texts: columns text and label.")
    ] = None,
    predict: Annotated[Path | None, typer.Option(help="Texts to read: column text.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .parquet, .csv or .ndjson.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Trains a reader on labelled texts, or reads texts: text, prediction, probability, phrase.

    A trained reader is kept and replaces the built-in one of its task, also for the evidence of
    `retrain`. The probability is that of the prediction.
    """
    from training.reading_texts import read_texts_of

    with console().status("reading texts"):
        answer = read_texts_of(home_of(context), task, train=train, judge=predict, out=out)
    from api import printing

    say(answer, as_json, printing.as_lines)
