"""Around every request: an id, security headers, one line of log, figures.

In: a WSGI application. Out: the same, watched from outside.
Never: a path, a query or a key in the log; the route's pattern says what was asked.
"""

from __future__ import annotations

import itertools
import re
import secrets
import string
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any
from urllib.parse import quote

from api.http.metrics import Metrics

Environ = dict[str, Any]
Start = Callable[..., Any]
REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
CLOSED = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
PRIVATE = ("Cache-Control", "no-store")


class Edge:
    """WSGI around WSGI."""

    def __init__(self, inner: Callable[..., Iterable[bytes]], metrics: Metrics, log: Any) -> None:
        self._inner, self._metrics, self._log = inner, metrics, log
        self._process, self._number = secrets.token_hex(6), itertools.count(1)

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        began = perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        known = given and REQUEST_ID.fullmatch(given)
        request_id = given if known else f"{self._process}-{next(self._number):x}"
        environ["mokhatab.request_id"] = request_id
        query = environ.get("QUERY_STRING", "")
        if not query.isascii():  # raw bytes, one character each: they need not be text
            environ["QUERY_STRING"] = quote(query, safe=string.punctuation, encoding="latin-1")
        status = 500

        def respond(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            nonlocal status
            status = int(line[:3])
            return start(line, _completed(headers, request_id), *rest)

        body = self._inner(environ, respond)
        if type(body) is list:
            self._finished(environ, status, began, sum(map(len, body)))
            return body
        return self._watched(body, lambda sent: self._finished(environ, status, began, sent))

    def _watched(self, body: Iterable[bytes], finished: Callable[[int], None]) -> Iterator[bytes]:
        sent = 0
        try:
            for part in body:
                sent += len(part)
                yield part
        finally:
            if hasattr(body, "close"):
                body.close()
            finished(sent)

    def _finished(self, environ: Environ, status: int, began: float, sent: int) -> None:
        seconds = perf_counter() - began
        method = environ["REQUEST_METHOD"]
        method = method if method in METHODS else "OTHER"
        route = environ.get("mokhatab.route", "none")
        self._metrics.finished(method, route, status, seconds)
        self._log.info(
            "request",
            method=method,
            route=route,
            status=status,
            seconds=round(seconds, 6),
            bytes=sent,
            request_id=environ["mokhatab.request_id"],
        )


def _completed(headers: list[tuple[str, str]], request_id: str) -> list[tuple[str, str]]:
    complete = [*headers, *HEADERS, ("X-Request-Id", request_id)]
    named = [name for name, _ in headers]
    complete += [header for header in (CLOSED, PRIVATE) if header[0] not in named]
    return complete
