"""The people of approved campaigns: who is addressed, and who is held out to measure by.

In: ids with the side of each. Out: the same, one Parquet file for each approval.
Never: a person who was erased while the file was made, or a file that others may read.
"""

from __future__ import annotations

import fcntl
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from engine.frames import USER
from engine.store.files import replace_durably
from engine.store.forgotten import forgotten
from engine.store.home import Home

HELD_OUT = "held_out"
COLUMNS: dict[str, type[pl.DataType]] = {USER: pl.String, HELD_OUT: pl.Boolean}


def keep_audience(home: Home, name: str, people: pl.DataFrame) -> None:
    """Writes who is in the audience of an approval, durably.

    Who was erased since the people were chosen is left out: an erasure leaves its trace before it
    looks for files, so of two at once one sees the other.

    Args:
        home: where it lies.
        name: of the file, which no other approval has: letters, digits and `._-@`.
        people: in `COLUMNS`, each person once.
    """
    with _one_at_a_time(home):
        gone = forgotten(home, people[USER], anew=True)
        _write(_path(home, name), people.select(list(COLUMNS)).filter(~gone))


def read_audience(home: Home, name: str) -> pl.DataFrame | None:
    """The people of an approval by id; nothing where there is none."""
    path = _path(home, name)
    return pl.read_parquet(path, glob=False).sort(USER) if path.is_file() else None


def drop_audience(home: Home, name: str) -> None:
    """Removes the people of an approval that no longer holds."""
    _path(home, name).unlink(missing_ok=True)


def forget_in_audiences(home: Home, user: str) -> int:
    """Takes a person out of every audience; returns out of how many."""
    found = 0
    if not _folder(home).is_dir():
        return found
    with _one_at_a_time(home):
        for draft in _folder(home).glob(".*.parquet-*"):  # of a process that was killed
            draft.unlink(missing_ok=True)
        for path in sorted(_folder(home).glob("*.parquet")):
            people = pl.read_parquet(path, glob=False)
            left = people.filter(pl.col(USER) != user)
            if left.height < people.height:
                _write(path, left)
                found += 1
    return found


def _folder(home: Home) -> Path:
    return home.root / "campaigns"


def _path(home: Home, name: str) -> Path:
    return _folder(home) / f"{name}.parquet"


def _write(path: Path, people: pl.DataFrame) -> None:
    content = io.BytesIO()
    people.sort(USER).write_parquet(content)
    replace_durably(path, content.getvalue())


@contextmanager
def _one_at_a_time(home: Home) -> Iterator[None]:
    _folder(home).mkdir(parents=True, exist_ok=True, mode=0o700)
    with (_folder(home) / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
