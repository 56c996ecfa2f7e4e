"""One writer at a time, also across processes that die.

In: a path. Out: a lock held while a block runs. Never: a stale lock; the kernel frees it when its
holder ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import Busy


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
