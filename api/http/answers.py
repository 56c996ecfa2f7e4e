"""Answers that were rendered before.

In: a question and the version it was asked of. Out: the same bytes as the first time.
Never: more entries or bytes than allowed, and never the answer of another version.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock


class Answers:
    """The least recently used answer goes first. May be used from any thread."""

    def __init__(self, *, entries: int, largest: int) -> None:
        self._entries, self._largest = entries, largest
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @property
    def size(self) -> int:
        """What the kept answers take."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, question: Hashable, render: Callable[[], bytes]) -> bytes:
        """The kept answer, or a rendered one that is kept from now on.

        Two threads that miss at once both render; an error of `render` is not kept.
        """
        with self._lock:
            known = self._kept.get(question)
            if known is not None:
                self._kept.move_to_end(question)
                return known
        answer = render()
        with self._lock:
            self._keep(question, answer)
        return answer

    def _keep(self, question: Hashable, answer: bytes) -> None:
        if question in self._kept or len(answer) > self._largest:
            return
        self._kept[question] = answer
        self._bytes += len(answer)
        while len(self._kept) > self._entries or self._bytes > self._largest:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone)
