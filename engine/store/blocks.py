"""A block of rows as bytes, and back: what was damaged meanwhile is told, and never parsed.

In: rows of a table. Out: the same rows, of the types that the table wants.
Never: rows that are not as they were, or bytes handed to a parser that another hand has changed.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames
from engine.errors import FrameError
from engine.frames import EVENTS, FOLLOWEE, FOLLOWER, TARGET, USER
from engine.store.eventlog import KINDS

HEAD = struct.Struct("<4sI")
SEAL = b"MKB1"
"""Before the checksum of a block; older blocks begin with the first word of an Arrow stream."""
PEOPLE = (USER, TARGET, FOLLOWER, FOLLOWEE)


class Damaged(Exception):
    """A block that does not hold rows of its table."""


def pack(rows: pl.DataFrame) -> bytes:
    """The rows as an Arrow stream behind its checksum, and no byte of any other row."""
    content = io.BytesIO()
    content.write(bytes(HEAD.size))
    _afresh(rows).write_ipc_stream(content, compression="lz4")
    with content.getbuffer() as whole:
        HEAD.pack_into(whole, 0, SEAL, zlib.crc32(whole[HEAD.size :]))
    return content.getvalue()


def _afresh(rows: pl.DataFrame) -> pl.DataFrame:
    """The same texts in memory of their own.

    What was filtered shares its memory with what it was filtered from, and under a null lies what
    stood there before: a stream would hold people who were taken out.
    """
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    return rows.with_columns(
        pl.col(name) + ""
        if rows[name].null_count() < rows.height
        else pl.lit(None, pl.String).alias(name)
        for name in texts
    )


def unpack(kind: str, content: bytes) -> pl.DataFrame:
    """The rows of a block of a table.

    Raises:
        Damaged: it was changed, is cut short, or holds other columns than the table.
    """
    if content.startswith(SEAL):
        if len(content) < HEAD.size or HEAD.unpack_from(content)[1] != zlib.crc32(
            memoryview(content)[HEAD.size :]
        ):
            raise Damaged("does not match its checksum")
        content = content[HEAD.size :]
    try:
        rows = pl.read_ipc_stream(content)
        frames.check(rows, KINDS[kind])
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise Damaged(str(error)) from error
    except FrameError as error:
        raise Damaged(str(error)) from error
    if kind == EVENTS.name and rows.schema != pl.Schema(EVENTS.columns):
        raise Damaged("lacks a column of events")
    return rows


def named_in(rows: pl.DataFrame) -> set[str]:
    """The people whom these rows name in columns that name nothing else."""
    return {
        one
        for name in PEOPLE
        if name in rows.columns
        for one in rows[name].to_list()
        if one is not None
    }


def marks(people: Collection[str]) -> NDArray[np.uint32]:
    """Four bytes for each person, sorted: enough to leave most blocks closed."""
    return np.unique(np.array([zlib.crc32(one.encode()) for one in people], np.uint32))
