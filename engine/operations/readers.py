"""Readers of texts of one home: its lists of words, and the readers it has trained.

In: a home, a reader. Out: the reader kept, and opened again. Never: training.
"""

from __future__ import annotations

import os
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from engine import settings as configs
from engine.errors import ArtefactCorrupt, UnknownEntity
from engine.signals.readings import Reading
from engine.signals.text_lexicon import Lexicon, load_lexicon
from engine.signals.text_trained import Reader
from engine.store.home import Home
from engine.store.readers import open_arrays, save_arrays

TASKS = ("sentiment", "intent", "aspects")
_WORDS = ("labels", "languages", "grams")
_NUMBERS = (
    "rarity",
    "mean",
    "scale",
    "coefficients",
    "intercept",
    "offset",
    "calibration",
    "calibrated",
)
SILENT = Path(os.devnull)
"""A home that says nothing of words: all that do not share what is loaded for it."""


def lexicon_of(home: Home) -> Lexicon:
    """The lists of words, with what this home says otherwise."""
    return load_lexicon(partial(configs.load_rows, home=home.root))


@lru_cache(maxsize=4)
def _lexicon(root: Path, _: tuple[tuple[str, int, int], ...]) -> Lexicon:
    return load_lexicon(partial(configs.load_rows, home=root))


def reading_of(home: Home) -> Reading:
    """How this home reads texts: by its settings, its lists, and the readers it has trained.

    Lists stay in memory until the home says otherwise: who asks often does not wait for them.

    Raises:
        ArtefactCorrupt: a trained reader of this home is damaged.
    """
    trained = {task: open_reader(home, task) for task in TASKS}
    known = {task: reader for task, reader in trained.items() if reader is not None}
    own = sorted((home.root / "configs" / "lexicon").glob("*.toml"))
    stamp = tuple((file.name, (at := file.stat()).st_mtime_ns, at.st_size) for file in own)
    lexicon = _lexicon(home.root if own else SILENT, stamp)
    return Reading(lexicon, configs.load("text", home.root), known)


def save_reader(home: Home, reader: Reader) -> None:
    """Keeps a reader under its task, in the place of the one before."""
    arrays = {name: np.asarray(getattr(reader, name), np.float64) for name in _NUMBERS}
    words = {name: list(getattr(reader, name)) for name in _WORDS}
    save_arrays(home, reader.task, arrays, words)


def open_reader(home: Home, task: str) -> Reader | None:
    """The trained reader of a task; None where none was trained.

    Raises:
        ArtefactCorrupt: its files are not what was written.
    """
    try:
        arrays, words = open_arrays(home, task)
    except UnknownEntity:
        return None
    lacking = [name for name in (*_WORDS, *_NUMBERS) if name not in words and name not in arrays]
    if lacking:
        raise ArtefactCorrupt(f"readers/{task}", f"lacks {lacking[0]}; train it again")
    held: dict[str, Any] = {name: tuple(words[name]) for name in _WORDS}
    held |= {name: arrays[name] for name in _NUMBERS}
    reader = Reader(task, **held)
    columns = len(reader.grams) + reader.mean.size
    if reader.coefficients.shape != (columns, len(reader.labels)):
        raise ArtefactCorrupt(f"readers/{task}", "does not fit together; train it again")
    return reader
