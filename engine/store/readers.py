"""Trained readers of texts, kept as plain tables: nothing in them runs when they are opened.

In: a reader, or its name. Out: a Parquet table and a small JSON in the home, and the reader again.
Never: a reader whose files differ from their hashes, or hold what is not finite.
"""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import numpy as np
import polars as pl

from engine.errors import ArtefactCorrupt, UnknownEntity
from engine.store.files import replace_durably
from engine.store.home import Home

Arrays = dict[str, np.ndarray[Any, Any]]


def save_arrays(home: Home, name: str, arrays: Arrays, words: dict[str, list[str]]) -> None:
    """Writes float arrays of up to two dimensions and lists of words under a name.

    The description is renamed in last and names the table that belongs to it, so that a reader is
    there whole, or the one before is.
    """
    rows = {key: array.reshape(-1).tolist() for key, array in arrays.items()}
    table = pl.DataFrame(
        {
            "key": [*rows, *words],
            "numbers": [*rows.values(), *([] for _ in words)],
            "words": [*([] for _ in rows), *words.values()],
        },
        schema={"key": pl.String, "numbers": pl.List(pl.Float64), "words": pl.List(pl.String)},
    )
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    replace_durably(home.readers / f"{name}-{digest[:16]}.parquet", buffer.getvalue())
    told = {"sha256": digest, "shapes": {key: list(array.shape) for key, array in arrays.items()}}
    replace_durably(home.readers / f"{name}.json", json.dumps(told).encode())
    for old in home.readers.glob(f"{name}-*.parquet"):
        if old.name != f"{name}-{digest[:16]}.parquet":
            old.unlink(missing_ok=True)


def open_arrays(home: Home, name: str) -> tuple[Arrays, dict[str, list[str]]]:
    """Reads what `save_arrays` wrote.

    Raises:
        UnknownEntity: there is no reader of this name.
        ArtefactCorrupt: a file is missing, differs from its hash, or holds what is not finite.
    """
    description = home.readers / f"{name}.json"
    if not description.is_file():
        raise UnknownEntity("reader", name)
    try:
        told = json.loads(description.read_bytes())
        content = (home.readers / f"{name}-{told['sha256'][:16]}.parquet").read_bytes()
        shapes = dict(told["shapes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactCorrupt(f"readers/{name}", "is not whole; train it again") from error
    if hashlib.sha256(content).hexdigest() != told["sha256"]:
        raise ArtefactCorrupt(f"readers/{name}", "differs from its hash; train it again")
    found = {row["key"]: row for row in pl.read_parquet(io.BytesIO(content)).iter_rows(named=True)}
    arrays = {key: np.array(found[key]["numbers"]).reshape(shape) for key, shape in shapes.items()}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ArtefactCorrupt(f"readers/{name}", "holds numbers that are not finite")
    return arrays, {key: row["words"] for key, row in found.items() if key not in shapes}
