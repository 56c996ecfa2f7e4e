"""Parquet on its way out: a file that has no name and is gone when it was read.

In: blocks of a frame, in order. Out: the bytes of one Parquet file. Never: all blocks in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import polars as pl
from polars.io.plugins import register_io_source

PIECE = 1 << 18


def parquet_of(blocks: Iterator[pl.DataFrame], schema: pl.Schema) -> Iterator[bytes]:
    """Writes the blocks, each of this schema, then yields the file in pieces of 256 KiB.

    A Parquet file ends with its index, so none of it leaves before all of it is known.
    """

    def source(
        columns: list[str] | None, _predicate: object, _rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        for block in blocks:
            yield block.select(columns) if columns else block

    with tempfile.TemporaryFile() as file:
        lazy = register_io_source(source, schema=schema, is_pure=False)
        lazy.sink_parquet(file, maintain_order=True)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece
