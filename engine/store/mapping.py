"""A table over a memory map: an Arrow IPC file whose pages all processes share.

In: an IPC file of one uncompressed record batch. Out: a frame whose columns lie in that file.
Never: a copy of what was mapped; what cannot be mapped (compressed, categories) is read instead.

polars 2 copies whatever it reads from IPC, but takes columns over the Arrow C data interface
without a copy. So the file's metadata are read here (a flatbuffer: arrow.apache.org/docs/format,
Columnar and CDataInterface), and its buffers handed over where they lie.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

MAGIC = b"ARROW1"
TAIL = struct.calcsize("<i") + len(MAGIC)
BUFFERS = {b"n": 0, b"+s": 1, b"+L": 2, b"+l": 2, b"u": 3, b"U": 3, b"z": 3, b"Z": 3}
"""Buffers of a column by its format; a view has two and those it views, all others two."""


class _Unmappable(Exception):
    """The file holds something that has to be read instead."""


class _Schema(ctypes.Structure):
    """ArrowSchema of the C data interface."""


class _Array(ctypes.Structure):
    """ArrowArray of the C data interface."""


class _Stream(ctypes.Structure):
    """The first function of ArrowArrayStream; the others are not called."""


_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    (
        "get_schema",
        ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema)),
    )
]
_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype = ctypes.py_object
_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_inside = ctypes.pythonapi.PyCapsule_GetPointer
_inside.restype = ctypes.c_void_p
_inside.argtypes = [ctypes.py_object, ctypes.c_char_p]

_LENT: dict[int, Any] = {}
"""What polars points into, by the number it was lent under; it tells when it lets go."""
_numbers = itertools.count(1)


def _take_back(array: Any, lent: dict[int, Any] = _LENT) -> None:
    lent.pop(array.contents.private_data, None)
    array.contents.release = None


_returned = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))(_take_back)
# Frames may outlive this module when the interpreter ends; the function they call must not go.
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_returned))


def map_table(path: Path) -> pl.DataFrame:
    """Maps a table; what cannot be mapped is read.

    Raises:
        OSError: there is no such file.
        polars.exceptions.ComputeError: it is no Arrow IPC file.
    """
    schema = pl.read_ipc_schema(path)
    try:
        with path.open("rb") as file:
            content = _Content(file.fileno())
        columns = [content.column(name, dtype) for name, dtype in schema.items()]
        content.require_all_used()
    except (_Unmappable, StopIteration, struct.error):
        return pl.read_ipc(path)
    return pl.DataFrame(columns)


class _Content:
    """A mapped file, and what of its record batch no column has claimed yet."""

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        self._base = int(np.frombuffer(self._map, np.uint8).ctypes.data)
        body, batch = self._only_batch()
        if self._field(batch, 3):
            raise _Unmappable("compressed")
        self._body = body
        self._nodes = self._pairs(batch, 1)
        self._buffers = self._pairs(batch, 2)
        counts = self._field(batch, 4)
        self._views = iter(self._numbers(self._follow(counts), "q") if counts else ())

    def column(self, name: str, dtype: pl.DataType) -> pl.Series:
        """The next column, which is of this type."""
        stream = pl.Series(name, [], dtype=dtype).__arrow_c_stream__()
        source = ctypes.cast(_inside(stream, b"arrow_array_stream"), ctypes.POINTER(_Stream))
        schema, keep = _Schema(), [self._map]
        if source.contents.get_schema(source, ctypes.byref(schema)):
            raise _Unmappable("no schema")
        array = self._array(schema, keep)
        number = next(_numbers)
        array.private_data, _LENT[number] = number, keep
        array.release = ctypes.cast(_returned, ctypes.c_void_p).value
        return pl.Series(name, _Lender(schema, array))

    def require_all_used(self) -> None:
        """A rest means that columns were not laid out as their types say."""
        if any(True for rest in (self._nodes, self._buffers, self._views) for _ in rest):
            raise _Unmappable("another layout")

    def _array(self, schema: _Schema, keep: list[Any]) -> _Array:
        if schema.dictionary or schema.format.startswith(b"+u"):
            raise _Unmappable("dictionary or union")
        length, nulls = next(self._nodes)
        addresses = self._addresses(schema.format, keep)
        children = [
            self._array(schema.children[number].contents, keep)
            for number in range(schema.n_children)
        ]
        pointers = (ctypes.c_void_p * max(1, len(addresses)))(*addresses)
        below = (ctypes.POINTER(_Array) * max(1, len(children)))(*map(ctypes.pointer, children))
        keep += [pointers, below, children]
        return _Array(length, nulls, 0, len(addresses), len(children), pointers, below)

    def _addresses(self, form: bytes, keep: list[Any]) -> list[int | None]:
        viewed = next(self._views) if form in (b"vu", b"vz") else 0
        found = [next(self._buffers) for _ in range(_own_buffers(form) + viewed)]
        for offset, size in found:
            if self._body + offset + size > len(self._map):
                raise _Unmappable("a buffer beyond the file")
        addresses: list[int | None] = [self._base + self._body + offset for offset, _ in found]
        if found and not found[0][1]:
            addresses[0] = None  # no validity: nothing is null
        if form in (b"vu", b"vz"):
            sizes = (ctypes.c_int64 * max(1, viewed))(*(size for _, size in found[2:]))
            keep.append(sizes)
            addresses.append(ctypes.addressof(sizes))
        return addresses

    def _only_batch(self) -> tuple[int, int]:
        """Where the body of the only record batch begins, and its metadata."""
        end = len(self._map)
        if self._map[end - len(MAGIC) : end] != MAGIC:
            raise _Unmappable("not an IPC file")
        (size,) = struct.unpack_from("<i", self._map, end - TAIL)
        footer = self._follow(end - TAIL - size)
        blocks = self._field(footer, 3)
        if self._field(footer, 2) and self._count(self._field(footer, 2)):
            raise _Unmappable("dictionaries")
        if not blocks or self._count(blocks) != 1:
            raise _Unmappable("not one batch")
        offset, metadata = struct.unpack_from("<qi", self._map, self._follow(blocks) + 4)
        message = self._follow(offset + 8)
        return offset + metadata, self._follow(self._field(message, 2))

    # A flatbuffer: offsets are counted from where they stand; a table's fields by its vtable.
    def _follow(self, at: int) -> int:
        return at + int(struct.unpack_from("<I", self._map, at)[0])

    def _field(self, table: int, slot: int) -> int:
        vtable = table - struct.unpack_from("<i", self._map, table)[0]
        (size,) = struct.unpack_from("<H", self._map, vtable)
        if 4 + 2 * slot >= size:
            return 0
        (offset,) = struct.unpack_from("<H", self._map, vtable + 4 + 2 * slot)
        return table + offset if offset else 0

    def _count(self, field: int) -> int:
        return int(struct.unpack_from("<I", self._map, self._follow(field))[0])

    def _numbers(self, vector: int, kind: str, each: int = 1) -> tuple[int, ...]:
        (count,) = struct.unpack_from("<I", self._map, vector)
        return struct.unpack_from(f"<{count * each}{kind}", self._map, vector + 4)

    def _pairs(self, table: int, slot: int) -> Iterator[tuple[int, int]]:
        flat = self._numbers(self._follow(self._field(table, slot)), "q", 2)
        return zip(flat[::2], flat[1::2], strict=True)


def _own_buffers(form: bytes) -> int:
    return 1 if form.startswith(b"+w") else BUFFERS.get(form, 2)


class _Lender:
    """What polars asks for: a schema and an array, which it takes over."""

    def __init__(self, schema: _Schema, array: _Array) -> None:
        self._schema, self._array = schema, array

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        return (
            _capsule(ctypes.addressof(self._schema), b"arrow_schema", None),
            _capsule(ctypes.addressof(self._array), b"arrow_array", None),
        )


def lay_table(path: Path, frame: pl.DataFrame) -> None:
    """Writes a table as one batch that is not compressed: only that can be mapped."""
    rows = max(1, frame.height)
    plain = in_row_order(frame).rechunk()
    plain.write_ipc(path, compression="uncompressed", record_batch_size=rows)


def in_row_order(frame: pl.DataFrame) -> pl.DataFrame:
    """The same frame with its texts laid out anew, so that equal frames are equal files.

    Long texts lie in a buffer of their own, in the order of whatever made them.
    """
    anew = pl.concat_str(pl.element(), pl.lit(""))
    return frame.with_columns(
        pl.concat_str(name, pl.lit("")).alias(name)
        if dtype == pl.String
        else pl.col(name).list.eval(anew)
        for name, dtype in frame.schema.items()
        if dtype in (pl.String, pl.List(pl.String))
    )
