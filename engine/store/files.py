"""Files that are there whole or not at all.

In: bytes or a frame, and where they belong. Out: a file that survives a crash once named.
Never: what the bytes mean.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from engine.errors import UnreadableFile

WRITERS = ("csv", "parquet", "ndjson")
FORMULA = "^[=+\\-@\t\r']"
"""How a formula begins (OWASP), and the apostrophe itself, so that the lead can be taken off."""


def sync_folder(folder: Path) -> None:
    """Makes the files of a folder, and the folder's own list of them, durable."""
    for path in [path for path in folder.iterdir() if path.is_file()] + [folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace_durably(path: Path, content: bytes) -> None:
    """Writes beside the target, syncs, renames over it, and syncs the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def table_format(path: Path) -> str:
    """The format that a file's ending names: csv, parquet or ndjson (also jsonl).

    Raises:
        UnreadableFile: another ending.
    """
    ending = path.suffix.removeprefix(".").lower().replace("jsonl", "ndjson")
    if ending not in WRITERS:
        raise UnreadableFile(str(path), f"ends in .{ending}; known: {', '.join(WRITERS)}")
    return ending


def read_table(path: Path) -> pl.DataFrame:
    """A small table in the format of its file's ending, text left as text.

    Raises:
        UnreadableFile: no such file, another ending, or not of that format.
    """
    ending = table_format(path)
    try:
        if ending == "parquet":
            return pl.read_parquet(path, glob=False)
        if ending == "csv":
            return pl.read_csv(path, infer_schema=False, glob=False)
        return pl.read_ndjson(path)
    except FileNotFoundError:
        raise UnreadableFile(str(path), "does not exist") from None
    except pl.exceptions.PolarsError as error:
        raise UnreadableFile(str(path), f"is damaged: {str(error).splitlines()[0]}") from error


def safe_cells() -> pl.Expr:
    """Every text of a frame, led by an apostrophe where a spreadsheet would run it as a formula."""
    text = pl.col(pl.String)
    risky = text.str.contains(FORMULA)
    return pl.when(risky).then("'" + text).otherwise(text).name.keep()


def write_table(path: Path, frame: pl.LazyFrame, *, for_people: bool = False) -> None:
    """Writes a lazy frame in the format of the file's ending, row order kept, then renames it in.

    `for_people`: a CSV may be opened in a spreadsheet, so its texts pass `safe_cells`.

    Raises:
        UnreadableFile: an ending that names no known format.
    """
    ending = table_format(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        if ending == "parquet":
            frame.sink_parquet(partial, maintain_order=True)
        elif ending == "csv":
            frame = frame.with_columns(safe_cells()) if for_people else frame
            frame.sink_csv(partial, maintain_order=True)
        else:
            frame.sink_ndjson(partial, maintain_order=True)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def stream(blocks: Callable[[], Iterator[pl.DataFrame]], schema: dict[str, Any]) -> pl.LazyFrame:
    """A lazy frame over blocks that are made while it is written; they are never all held."""

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for block in blocks():
            part = block if left is None else block.head(left)
            left = None if left is None else left - part.height
            part = part if predicate is None else part.filter(predicate)
            yield part if with_columns is None else part.select(with_columns)
            if left == 0:
                return

    return register_io_source(source, schema=schema)
