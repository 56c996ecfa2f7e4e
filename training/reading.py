"""Files of other people, parsed where a crash of the parser can hurt nobody.

In: a path, what is known about its layout, and limits. Out: Parquet batches in a folder, and the
rows that are none with their numbers and reasons. Never: the parser in the caller's own process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from engine.errors import UnreadableFile
from engine.frames import REASON
from engine.settings import Section
from engine.signals.events import RAW, ROW, ROW_NUMBER
from training.archives import read_archive
from training.lines import (
    BadRow,
    Batch,
    Layout,
    Unreadable,
    read_delimited,
    read_objects,
    sniff_format,
)

BATCH_ROWS = 250_000
"""Rows of a Parquet file that are held at once; text is cut by bytes instead."""
LARGEST_WIDTH = 4096
"""More columns than this is no table of events; each costs memory in every batch."""
_REFUSED, _MEMORY = 3, 4
_STARVED = (
    "memory allocation of",
    "<jemalloc>",
    "Resource temporarily unavailable",
    "Cannot allocate memory",
)
"""What a parser says at its limit: of its own memory, of its allocator's, or of a new thread's."""
_THREADS = 4
"""Threads of a parser: each holds address space, so the limit means the same on every machine."""


@dataclass(frozen=True)
class Reading:
    """What came out of a file: its batches in order, its bad rows, and the columns found."""

    path: Path
    batches: tuple[Path, ...]
    refused: tuple[Path, ...]
    columns: tuple[str, ...]
    rows: int

    def bad_rows(self) -> pl.DataFrame:
        """Rows that could not be told apart into columns: row, reason, raw."""
        empty = pl.DataFrame(schema={ROW: pl.UInt64, REASON: pl.String, RAW: pl.String})
        return pl.concat([empty, *(pl.read_parquet(path) for path in self.refused)])

    def frames(self) -> Iterator[pl.DataFrame]:
        """The batches one by one, with their row numbers in column `ROW_NUMBER`."""
        return (pl.read_parquet(path) for path in self.batches)


@dataclass
class _Task:
    """What the parsing process is told, as one JSON object."""

    path: str
    folder: str
    layout: dict[str, Any] = field(default_factory=dict)
    memory_megabytes: int = 0
    batch_megabytes: int = 0
    line_megabytes: int = 0


def read_file(path: Path, folder: Path, *, layout: Layout, limits: Section) -> Reading:
    """Parses Parquet, text, NDJSON or an archive in a process of its own into Parquet batches.

    Row numbers count rows from 1 in Parquet, entries from 1 in the archive of a network, and lines
    from 1 in text, as an editor shows them.
    Everything in text stays text.

    Args:
        path: the file.
        folder: an empty folder to put the batches into.
        layout: what the file does not say about itself.
        limits: section `reading` of the events' settings.

    Raises:
        UnreadableFile: no such file, empty, of another format, or its parser failed, crashed, took
            too long or wanted more memory than allowed.
    """
    if not path.is_file():
        raise UnreadableFile(str(path), "is a folder" if path.exists() else "does not exist")
    if path.stat().st_size == 0:
        raise UnreadableFile(str(path), "is empty")
    task = _Task(
        str(path.resolve()),
        str(folder.resolve()),
        asdict(layout),
        limits.memory_megabytes,
        limits.batch_megabytes,
        limits.line_megabytes,
    )
    told = _run(path, task, limits)
    return Reading(
        path,
        tuple(sorted(folder.glob("rows-*.parquet"))),
        tuple(sorted(folder.glob("refused-*.parquet"))),
        tuple(told["columns"]),
        told["rows"],
    )


def _run(path: Path, task: _Task, limits: Section) -> dict[str, Any]:
    root = str(Path(__file__).parents[1])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        "RUST_BACKTRACE": "0",
        "POLARS_MAX_THREADS": str(min(_THREADS, os.cpu_count() or 1)),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "training.reading", json.dumps(asdict(task))],
            env=environment,
            capture_output=True,
            timeout=limits.timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnreadableFile(
            str(path), f"was not read within {limits.timeout_seconds} seconds"
        ) from None
    if done.returncode == 0:
        told: dict[str, Any] = json.loads(done.stdout)
        return told
    complaint = done.stderr.decode(errors="replace")
    if done.returncode == _MEMORY or any(sign in complaint for sign in _STARVED):
        detail = f"needs more than {limits.memory_megabytes} MB to be read"
    elif done.returncode == _REFUSED:
        detail = complaint.strip()
    elif done.returncode < 0:
        detail = f"its parser was ended by {signal.Signals(-done.returncode).name}"
    else:
        last = complaint.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        detail = f"its parser failed: {last[0][:300]}"
    raise UnreadableFile(str(path), detail)


def parse(task: _Task) -> dict[str, Any]:
    """Does the reading; runs in the parsing process.

    Raises:
        Unreadable: the file as a whole is no table.
    """
    path, folder, layout = Path(task.path), Path(task.folder), Layout.of(task.layout)
    line = task.line_megabytes * 1_000_000
    block = max(task.batch_megabytes * 1_000_000, line)
    kind = sniff_format(path)
    columns: dict[str, None] = {}
    rows, parent = 0, os.getppid()
    if kind == "parquet":
        batches = _parquet(path)
    elif kind == "archive":
        batches = read_archive(path)
    elif kind == "ndjson":
        batches = read_objects(path, layout, block, line)
    else:
        batches = read_delimited(path, layout, block, line)
    for number, batch in enumerate(batches):
        columns |= dict.fromkeys(name for name in batch.frame.columns if name != ROW_NUMBER)
        if len(columns) > LARGEST_WIDTH:
            raise Unreadable(f"has more than {LARGEST_WIDTH} columns")
        rows += batch.frame.height + len(batch.bad)
        if batch.frame.height:
            batch.frame.write_parquet(folder / f"rows-{number:06}.parquet", compression="lz4")
        if batch.bad:
            _bad_frame(batch.bad).write_parquet(folder / f"refused-{number:06}.parquet")
        if os.getppid() != parent:
            raise SystemExit("whoever asked is gone")
    return {"columns": list(columns), "rows": rows}


def _parquet(path: Path) -> Iterator[Batch]:
    whole = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    height = whole.select(pl.len()).collect().item()
    for start in range(0, max(height, 1), BATCH_ROWS):
        yield Batch(
            whole.slice(start, BATCH_ROWS).collect().with_row_index(ROW_NUMBER, offset=start + 1)
        )


def _bad_frame(bad: list[BadRow]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            ROW: pl.Series([row.number for row in bad], dtype=pl.UInt64),
            REASON: [row.reason for row in bad],
            RAW: [row.raw for row in bad],
        }
    )


def main() -> None:
    """Entry of the parsing process: limits itself, reads, tells the outcome on its output."""
    task = _Task(**json.loads(sys.argv[1]))
    limit = task.memory_megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        told = parse(task)
    except Unreadable as error:
        sys.stderr.write(str(error))
        sys.exit(_REFUSED)
    except MemoryError:
        sys.exit(_MEMORY)
    except pl.exceptions.PolarsError as error:
        sys.stderr.write(f"is damaged: {str(error).splitlines()[0][:300]}")
        sys.exit(_REFUSED)
    except pl.exceptions.PanicException:  # which tells more of the parser than of the file
        sys.stderr.write("is damaged in a way that its parser has no words for")
        sys.exit(_REFUSED)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
