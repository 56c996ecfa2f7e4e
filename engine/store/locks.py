"""One writer at a time, also across processes that die.

In: a path. Out: a lock held while a block runs. Never: a stale lock; the kernel frees it when its
holder ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from engine.errors import Busy
from engine.store.home import Home

ADDING = 0x696E6278
"""Any constant does: PostgreSQL's advisory locks are numbers."""


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Holds the lock while the block runs.

    Raises:
        Busy: another process holds it; the error names its process number.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Busy(f"process {file.read().strip() or 'unknown'}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def lock_byte(descriptor: int, place: int) -> bool:
    """Locks one byte of an open file, unless another open file has it; closing it gives it back."""
    wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextmanager
def moving(home: Home) -> Iterator[None]:
    """One process at a time moves waiting rows to the log, or takes them out; others wait."""
    home.log.mkdir(parents=True, exist_ok=True)
    with (home.log / ".moving.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def take_turns(connection: Connection, *, shared: bool) -> None:
    """Numbers are given before they can be seen: a border must wait for those under way.

    SQLite has one writer at a time, so its numbers are seen in order anyway.
    """
    if connection.dialect.name == "postgresql":
        lock = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
        connection.execute(sa.select(lock(ADDING)))
