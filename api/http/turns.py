"""Who computes and who only waits for a network: a slow client holds a thread, never a turn.

In: a WSGI application. Out: the same, of which so many requests compute at a time, and whose
bodies have to come. Never: a request that waits for somebody else's slow line.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from werkzeug.exceptions import ClientDisconnected, RequestTimeout

from api.http.lines import end_unanswered, end_where_nothing_is_taken

Environ = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """How long to wait for a client.

    A body may rest for `seconds`, longer by what came before at `slowest` bytes a second; an answer
    of which nothing is taken, for `stalled` seconds.
    """

    seconds: float
    slowest: int
    stalled: float


class _Queue:
    """A semaphore whose turns are handed to who has waited longest; Python's own lets others in."""

    def __init__(self, turns: int) -> None:
        self._free, self._lock = turns, Lock()
        self._waiting: deque[Lock] = deque()

    def acquire(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            door = Lock()
            door.acquire()
            self._waiting.append(door)
        door.acquire()

    def release(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Turns:
    """WSGI around WSGI: `at_once` requests compute; those that receive or send do not count."""

    def __init__(self, inner: Callable[..., Iterable[bytes]], *, at_once: int, pace: Pace) -> None:
        self._inner, self.pace = inner, pace
        self._turns = _Queue(at_once)
        self._idle: deque[_Receiver] = deque()
        self._most_idle = at_once

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        with self._turns:
            if _has_body(environ):
                environ["wsgi.input"] = _Arriving(environ, self)
            body = self._inner(environ, start)
        if type(body) is list:
            return body
        end_where_nothing_is_taken(int(environ["SERVER_PORT"]), self.pace.stalled)
        return self._sent(body)

    def receive(self, stream: Any, size: int, seconds: float) -> bytes:
        """Bytes of a body; while they come, the turn of their request is somebody else's.

        Raises:
            Empty: they did not come in time.
        """
        try:
            receiver = self._idle.pop()
        except IndexError:
            receiver = _Receiver()
        self._turns.release()
        try:
            part = receiver.read(stream, size, seconds)
        except BaseException:
            receiver.leave()
            raise
        finally:
            self._turns.acquire()
        if len(self._idle) < self._most_idle:
            self._idle.append(receiver)
        else:  # a crowd was here, whose threads would wait for another for ever
            receiver.leave()
        return part

    def _sent(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """The parts of an answer; while one is sent, its turn is somebody else's."""
        parts = iter(body)
        try:
            while True:
                with self._turns:
                    part = next(parts, None)
                if part is None:
                    return
                yield part
        finally:
            if hasattr(body, "close"):
                body.close()


def _has_body(environ: Environ) -> bool:
    told = environ.get("CONTENT_LENGTH", "")
    return told not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ


class _Receiver:
    """A thread that waits for bytes in the place of one that has an answer to give."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Any, int] | None] = SimpleQueue()
        self._came: SimpleQueue[bytes | Exception] = SimpleQueue()
        Thread(target=self._receive, daemon=True).start()

    def read(self, stream: Any, size: int, seconds: float) -> bytes:
        """So many bytes of a stream, fewer at its end.

        Raises:
            Empty: they did not come in time; this receiver is of no more use.
        """
        self._asked.put((stream, size))
        came = self._came.get(timeout=max(0.0, seconds))
        if isinstance(came, Exception):
            raise came
        return came

    def leave(self) -> None:
        """Ends it once its stream has: the server closes the connection after the answer."""
        self._asked.put(None)

    def _receive(self) -> None:
        while (asked := self._asked.get()) is not None:
            stream, size = asked
            del asked
            try:
                self._came.put(stream.read(size))
            except Exception as error:
                self._came.put(error)
            del stream


class _Arriving:
    """The body of one request, as a file that is only read."""

    def __init__(self, environ: Environ, turns: Turns) -> None:
        told = environ.get("CONTENT_LENGTH", "")
        self._length = int(told) if told.isdecimal() else 0
        self._stream, self._turns = environ["wsgi.input"], turns
        self._port, self._address = int(environ["SERVER_PORT"]), environ.get("REMOTE_ADDR", "")
        self._received, self._began = 0, time.monotonic()

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end.

        Raises:
            RequestTimeout: they come too slowly.
            ClientDisconnected: the line broke before all had come.
        """
        pace = self._turns.pace
        until = self._began + pace.seconds + self._received / pace.slowest
        try:
            part = self._turns.receive(self._stream, size, until - time.monotonic())
        except Empty:
            end_unanswered(self._port, self._address, time.monotonic() - self._began)
            raise RequestTimeout("the body came too slowly") from None
        self._received += len(part)
        if not part and size and self._received < self._length:
            raise ClientDisconnected("the body ended before its length")
        return part
