"""Answers that were given before, handed out again before Flask is asked.

In: a question as it was spelled (promotion, path, query) and the key that asks.
Out: the same bytes as the first time. Never: more entries or bytes than allowed, the answer of
another promotion or from before somebody withdrew, or one to a key that may not have it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from engine.errors import ModelError
from engine.operations.models import InUse, ModelHolder

Environ = dict[str, Any]
Question = tuple[str, datetime, tuple[int, ...], str, str]


@dataclass(frozen=True)
class Kept:
    """A rendered answer, and which route with which scope gave it."""

    body: bytes
    headers: tuple[tuple[str, str], ...]
    route: str
    scope: str


class Answers:
    """The least recently used answer goes first. May be used from any thread."""

    def __init__(self, *, entries: int, largest: int) -> None:
        self._entries, self._largest = entries, largest
        self._kept: OrderedDict[Question, Kept] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Bytes that the kept answers take."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, question: Question) -> Kept | None:
        """The kept answer, which counts as used now."""
        with self._lock:
            known = self._kept.get(question)
            if known is not None:
                self._kept.move_to_end(question)
            return known

    def keep(self, question: Question, answer: Kept) -> None:
        """Keeps an answer unless it alone is too large; older ones make room."""
        if len(answer.body) > self._largest:
            return
        with self._lock:
            before = self._kept.pop(question, None)
            self._bytes += len(answer.body) - (len(before.body) if before else 0)
            self._kept[question] = answer
            while len(self._kept) > self._entries or self._bytes > self._largest:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.body)


class Admission(Protocol):
    """Who decides whether a key may have an answer."""

    def admit(self, authorization: str, scope: str) -> list[tuple[str, str]] | None:
        """Headers about the limit, where this key may have what needs this scope now."""


class Shelf:
    """WSGI around WSGI: what is kept and allowed is answered here, all else goes on inside."""

    def __init__(
        self,
        inner: Callable[..., Iterable[bytes]],
        holder: ModelHolder,
        answers: Answers,
        admission: Admission,
    ) -> None:
        self._inner, self._holder = inner, holder
        self._answers, self._admission = answers, admission

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            kept = self._find(environ)
            if kept is not None:
                authorization = environ.get("HTTP_AUTHORIZATION", "")
                limits = self._admission.admit(authorization, kept.scope)
                if limits is not None:
                    environ["mokhatab.route"] = kept.route
                    start("200 OK", [*kept.headers, *limits])
                    return [kept.body]
        return self._inner(environ, start)

    def _find(self, environ: Environ) -> Kept | None:
        try:
            used = self._holder.in_use()
        except (ModelError, SQLAlchemyError):
            return None  # inside, it becomes a problem
        return self._answers.get(question_of(environ, used))


def question_of(environ: Environ, used: InUse) -> Question:
    """What was asked, of which promotion of which version, and after which change of consent."""
    path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
    withheld = used.model.withheld
    return used.model.version, used.since, withheld.marks if withheld else (), path, query
