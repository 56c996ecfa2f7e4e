"""The connections of this process as the kernel knows them: the server tells nothing of its own.

In: the port of the server, and for how long somebody was slow. Out: those connections, ended, so
that threads which wait for them go on. Never: a connection that was answered in that time, or one
that this process made itself.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OPEN = Path("/proc/self/fd")
SENT, CAME = 44, 52
"""Where `struct tcp_info` (linux/tcp.h) has the milliseconds since data were sent, and came."""
TICKS = 50
"""Milliseconds by which two clocks of the kernel may differ."""


def end_unanswered(port: int, address: str, seconds: float) -> int:
    """Reads no more from those at this port whose request has been under way for so long.

    A request of this address was not answered, and none of its age will be: its body did not come.
    What the server sends now still arrives. Returns how many connections there were.
    """
    found = 0
    for line in _lines(port):
        with suppress(OSError):
            info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, CAME + 4)
            (sent,), (came,) = (struct.unpack_from("I", info, at) for at in (SENT, CAME))
            unanswered = sent >= 1000 * seconds - TICKS and came <= sent
            if unanswered and line.getpeername()[0] == address:
                line.shutdown(socket.SHUT_RD)
                found += 1
    return found


def end_where_nothing_is_taken(port: int, seconds: float) -> None:
    """Lets the kernel end those at this port whose other side takes nothing of what waits."""
    for line in _lines(port):
        with suppress(OSError):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def _lines(port: int) -> Iterator[socket.socket]:
    """Connections that were made to a port of ours; they may end at any moment."""
    for file in list(OPEN.iterdir()) if OPEN.is_dir() else ():
        with suppress(OSError):
            if not file.is_socket():
                continue
            with socket.socket(fileno=os.dup(int(file.name))) as line:
                inet = line.family in (socket.AF_INET, socket.AF_INET6)
                listens = line.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                if inet and not listens and line.getsockname()[1] == port:
                    yield line
