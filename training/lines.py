"""Text that holds a table: delimited values or one JSON object to a line, whatever is in it.

In: a file, block by block. Out: columns of text with line numbers, and the lines that are no rows.
Never: a good row lost to a bad neighbour, and never more than a block in memory.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from engine.frames import TEXT
from engine.signals.events import ROW_NUMBER
from engine.signals.ids import ID_COLUMNS, NotAnId, as_id
from engine.signals.named import STRICT, NamedTwice

SEPARATORS = (",", "\t", ";", "|", "::")
TEXT_ENDINGS = {".csv": "csv", ".tsv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
X_MARK = b"window.YTD."
"""How every part of an archive of X begins."""
COLLECTION = re.compile(rb'"type"\s*:\s*"OrderedCollection(?:Page)?"')
SNIFFED = 65_536
"""Bytes looked at to learn the format and the separator."""
RAW_SHOWN = 1000
"""Characters of a bad line that are kept."""
LONGEST_RECORD = 100
"""Lines that one quoted value may span."""

_OPEN = "has a quote that is not closed"
_INTERRUPTED = "has a quote that is not closed before the next row"

Format = Literal["parquet", "csv", "ndjson", "archive"]


class Unreadable(Exception):
    """The file as a whole is no table; the text says why."""


@dataclass(frozen=True)
class Layout:
    """What a file does not say about itself.

    `columns` names those of a file without a header; `separator` and `encoding` are sniffed and
    UTF-8 where not given; `header` is how the line of names begins, where other lines come
    before it; `rename` maps their names to ours.
    """

    columns: tuple[str, ...] = ()
    separator: str | None = None
    encoding: str = "utf-8"
    header: str = ""
    rename: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, table: dict[str, Any]) -> Layout:
        """Reads the form that `asdict` or a TOML table gives."""
        return cls(**{**table, "columns": tuple(table.get("columns", ()))})


@dataclass(frozen=True)
class BadRow:
    number: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Batch:
    frame: pl.DataFrame
    bad: list[BadRow] = field(default_factory=list)


@dataclass(frozen=True)
class _Block:
    """Whole lines without their ends; the first has number `first`; none follow the `last`."""

    first: int
    lines: list[bytes]
    last: bool = False


def sniff_format(path: Path) -> Format:
    """Tells the format by content, then by ending.

    Raises:
        Unreadable: packed, UTF-16, a JSON array, or only blanks, or no Parquet under that name.
    """
    with path.open("rb") as file:
        head = file.read(SNIFFED)
    if head.startswith(b"PAR1"):
        return "parquet"
    if path.suffix.lower() in (".parquet", ".pq"):
        raise Unreadable("is not Parquet: it does not begin with PAR1")
    if head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ")):
        raise Unreadable("is compressed; unpack it first")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("is UTF-16; save it as UTF-8")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text and len(head) < SNIFFED:
        raise Unreadable("holds nothing but blanks")
    if text.startswith(X_MARK) or (text.startswith(b"{") and COLLECTION.search(head)):
        return "archive"
    ending = TEXT_ENDINGS.get(path.suffix.lower())
    if text.startswith(b"{") and (ending != "csv" or _is_object(text.split(b"\n")[0])):
        return "ndjson"
    if text.startswith(b"[") and ending != "csv" and text[1:].lstrip().startswith(b"{"):
        raise Unreadable("is one JSON array; write one object to a line")
    return "ndjson" if ending == "ndjson" else "csv"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _blocks(path: Path, size: int, longest: int) -> Iterator[_Block]:
    """Cuts a file at line ends into blocks of about `size` bytes.

    Raises:
        Unreadable: a line is longer than `longest` bytes.
    """
    first, rest = 1, b""
    with path.open("rb") as file:
        rest = file.read(3).removeprefix(b"\xef\xbb\xbf")
        while content := file.read(size):
            content = rest + content
            cut = content.rfind(b"\n") + 1
            rest = content[cut:]
            if len(rest) > longest:
                raise Unreadable(f"line after {first} is longer than {longest // 1_000_000} MB")
            if cut:
                lines = content[: cut - 1].split(b"\n")
                yield _Block(first, lines)
                first += len(lines)
    yield _Block(first, [rest] if rest else [], last=True)


def read_objects(path: Path, layout: Layout, size: int, longest: int) -> Iterator[Batch]:
    """One JSON object to a line; every value becomes text, lists and objects as JSON.

    A line that is no object, names a key twice, or whose id is no id is a bad row; blanks are none.
    """
    rename = layout.rename
    for block in _blocks(path, size, longest):
        rows: list[dict[str, str | None]] = []
        numbers: list[int] = []
        bad: list[BadRow] = []
        for number, line in enumerate(block.lines, block.first):
            if not line.strip():
                continue
            try:
                row = STRICT.decode(line.decode())
                if not isinstance(row, dict):
                    raise ValueError("not an object")
                "".join(row).encode()  # a name, like a value, may hold half of a character
                rows.append({key: _text(row[key], str(rename.get(key, key))) for key in row})
                numbers.append(number)
            except UnicodeError:
                bad.append(_bad(number, "is not UTF-8", line))
            except NotAnId as error:
                bad.append(_bad(number, str(error), json.dumps(row | {TEXT: None}).encode()))
            except NamedTwice as error:
                bad.append(_bad(number, str(error), line))
            except (ValueError, RecursionError):
                bad.append(_bad(number, "is not a JSON object", line))
        names = list(dict.fromkeys(name for row in rows for name in row))
        frame = pl.DataFrame(
            {name: pl.Series([row.get(name) for row in rows], dtype=pl.String) for name in names}
        )
        yield Batch(_numbered(frame, numbers), bad)


def _text(value: Any, name: str) -> str | None:
    value = as_id(value, name) if name in ID_COLUMNS else value
    if isinstance(value, list | dict | bool):
        value = json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, str):
        if value is not None:
            value.encode()  # a lone surrogate, which JSON can spell, is no text
        return value
    return str(value)


def read_delimited(path: Path, layout: Layout, size: int, longest: int) -> Iterator[Batch]:
    """Delimited text; the first line is the header unless the layout names the columns.

    A row with another number of values, a NUL, bytes that are no text, or a quote that never ends
    is bad, and only that row; blank lines are skipped.

    Raises:
        Unreadable: the header names a column twice.
    """
    separator = layout.separator or _sniff_separator(path, layout.encoding)
    names = list(layout.columns)
    begun: list[bytes] = []
    for block in _blocks(path, size, longest):
        whole = _Block(block.first - len(begun), begun + block.lines, block.last)
        if not names:
            names, whole = _header(whole, separator, layout)
        batch, begun = _split(whole, names, separator, layout.encoding)
        yield batch


def _sniff_separator(path: Path, encoding: str) -> str:
    """The separator that cuts most of the first lines into equally many values."""
    with path.open("rb") as file:
        lines = file.read(SNIFFED).decode(encoding, errors="replace").splitlines()[:-1]
        lines = [line for line in lines if line.strip()] or [path.read_text(encoding, "replace")]
    best, separator = (0.0, 0), SEPARATORS[0]
    for candidate in SEPARATORS:
        counts = Counter(line.count(candidate) for line in lines if candidate in line)
        if counts:
            cuts, agreeing = counts.most_common(1)[0]
            if (agreeing / len(lines), cuts) > best:
                best, separator = (agreeing / len(lines), cuts), candidate
    return separator


def _header(block: _Block, separator: str, layout: Layout) -> tuple[list[str], _Block]:
    for at, line in enumerate(block.lines):
        text = line.rstrip(b"\r").decode(layout.encoding, errors="replace")
        if text.strip() and text.startswith(layout.header):
            fields = _fields(text, separator)
            if fields is None or "" in fields or len(set(fields)) < len(fields):
                raise Unreadable("its header has an empty name, one name twice, or a broken quote")
            return [name.strip() for name in fields], _Block(
                block.first + at + 1, block.lines[at + 1 :], block.last
            )
    begins = f" that begins with {layout.header!r}" if layout.header else ""
    raise Unreadable(f"has no header{begins}")


def _split(
    block: _Block, names: list[str], separator: str, encoding: str
) -> tuple[Batch, list[bytes]]:
    """Cuts a block into columns: at once where no line needs care, else line by line.

    Also returns the lines of a record that goes on in the next block.
    """
    content = b"\n".join(block.lines)
    careless = encoding == "utf-8" and b'"' not in content and b"\0" not in content
    try:
        text = content.replace(b"\r\n", b"\n").decode(encoding) if careless else ""
    except UnicodeError:
        careless = False
    if not careless:
        return _split_carefully(block, names, separator, encoding)
    lines = (
        pl.Series(text.split("\n"))
        .to_frame("line")
        .with_row_index("at")
        .with_columns(
            (pl.col("at") + block.first).cast(pl.UInt64).alias(ROW_NUMBER),
            pl.col("line").str.strip_suffix("\r"),
        )
    )
    lines = lines.filter(pl.col("line").str.strip_chars() != "")
    fits = pl.col("line").str.count_matches(separator, literal=True) == len(names) - 1
    cut = pl.col("line").str.split_exact(separator, len(names) - 1)
    frame = lines.filter(fits).select(cut.struct.rename_fields(names), ROW_NUMBER).unnest("line")
    bad = [
        BadRow(number, _ragged(line.count(separator) + 1, len(names)), line[:RAW_SHOWN])
        for number, line in lines.filter(~fits).select(ROW_NUMBER, "line").iter_rows()
    ]
    return Batch(frame.select(ROW_NUMBER, *names), bad), []


def _split_carefully(
    block: _Block, names: list[str], separator: str, encoding: str
) -> tuple[Batch, list[bytes]]:
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    at = 0
    while at < len(block.lines):
        taken, found = _record(block.lines, at, names, (separator, encoding))
        if found == _OPEN and at + LONGEST_RECORD > len(block.lines) and not block.last:
            break
        number = block.first + at
        if isinstance(found, str):
            bad.append(_bad(number, found, block.lines[at]))
        elif found:
            rows.append(found)
            numbers.append(number)
        at += taken
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return Batch(_numbered(frame, numbers), bad), block.lines[at:]


def _record(
    lines: list[bytes], at: int, names: list[str], form: tuple[str, str]
) -> tuple[int, list[str] | str]:
    """The record that begins at a line: how many lines it takes, and its values or its fault.

    A quoted value may go on over lines, but not over one that is a whole row by itself: then the
    quote was never closed, and the rows after it are good.
    """
    separator, encoding = form
    text = ""
    for taken, line in enumerate(lines[at : at + LONGEST_RECORD], 1):
        if b"\0" in line:
            return 1, "holds a NUL"
        try:
            part = line.rstrip(b"\r").decode(encoding)
        except UnicodeError:
            return 1, f"is not {encoding.upper()}"
        if taken == 1 and not part.strip():
            return 1, []
        if taken > 1 and len(_fields(part, separator) or ()) == len(names) > 1:
            return 1, _INTERRUPTED
        text = f"{text}\n{part}" if taken > 1 else part
        fields = _fields(text, separator)
        if fields is None:
            continue
        if len(fields) == len(names):
            return taken, fields
        return 1, _ragged(len(fields), len(names))
    return 1, _OPEN


def _fields(text: str, separator: str) -> list[str] | None:
    """The values of one record; None while a quote is open or stands where none may."""
    if len(separator) > 1 or '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except (csv.Error, StopIteration):
        return None


def _ragged(found: int, wanted: int) -> str:
    return f"has {found} values where {wanted} belong"


def _bad(number: int, reason: str, line: bytes) -> BadRow:
    return BadRow(number, reason, line[: 4 * RAW_SHOWN].decode(errors="replace")[:RAW_SHOWN])


def _numbered(frame: pl.DataFrame, numbers: list[int]) -> pl.DataFrame:
    return frame.insert_column(0, pl.Series(ROW_NUMBER, numbers, pl.UInt64))
