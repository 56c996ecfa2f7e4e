"""The production server: granian around the application, several processes over one model.

In: a home, an address, a number of processes. Out: answers until SIGINT or SIGTERM.
Never: training in a serving process, or a request cut off because the server was asked to stop.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.mp import MPServer

from engine import settings
from engine.store.catalog import open_catalog
from engine.store.home import Home

APPLICATION = "api.serve:application"
SHARED = (
    "api.http.access",
    "api.http.docs",
    "api.http.edge",
    "api.http.schemas",
    "flask_openapi.openapi",
    "limits.strategies",
    "polars",
    "prometheus_client.multiprocess",
    "scipy.sparse",
    "sqlalchemy.dialects.sqlite",
    "structlog",
)
"""Loaded once, before the workers are forked, so that they share its pages.

A fork has none of its parent's threads. Of these modules only polars starts one, an idle one that
tidies up after queries which did not fit into memory; its pool begins with a worker's first query.
"""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h
WORKERS = "MOKHATAB_WORKERS"
SERVER = "MOKHATAB_SERVER_PROCESS"
FIGURES = "PROMETHEUS_MULTIPROC_DIR"


def serve(
    home: Home, *, host: str | None = None, port: int | None = None, workers: int | None = None
) -> NoReturn:
    """Becomes the server: this process is replaced, and ends when it is told to stop.

    What is not given is read from `configs/serving.toml`. A fresh interpreter is needed because
    workers are forks of the server, and a fork of whatever trained before would not be sound.

    Raises:
        ConfigError: a setting is not allowed.
        SQLAlchemyError: the business records cannot be reached.
    """
    settings.load("serving", home.root)
    with open_catalog(home):
        pass  # while there is somebody to tell what is wrong with it
    sys.stdout.flush()
    sys.stderr.flush()
    given = {"--host": host, "--port": port, "--workers": workers}
    chosen = [text for name, value in given.items() if value for text in (name, str(value))]
    os.execv(sys.executable, [*command(home), *chosen])


def command(home: Home) -> list[str]:
    """How the server is started for a home; `--host --port --workers --target` may follow."""
    return [sys.executable, "-P", "-m", "api.serve", str(home.root)]


def main(arguments: list[str] | None = None) -> None:
    """Serves a home until SIGINT or SIGTERM; running requests are finished first."""
    parser = argparse.ArgumentParser(prog="python -m api.serve")
    parser.add_argument("home", type=Path)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--target", default=APPLICATION, help="another WSGI factory")
    asked = parser.parse_args(arguments)
    home = Home(asked.home.absolute())
    chosen = settings.load("serving", home.root)["server"]
    workers = asked.workers or chosen.workers
    host, port = asked.host or chosen.host, asked.port or chosen.port
    try:
        address = _address(host, port)
    except OSError as error:
        sys.exit(f"mokhatab: cannot listen on {host}:{port}: {error.strerror}")
    with open_catalog(home):
        pass  # its shape is brought up to date here, before several processes open it
    figures = tempfile.mkdtemp(prefix="mokhatab-figures-")
    os.environ.update(_environment(home, workers, figures))
    for module in SHARED:
        importlib.import_module(module)
    gc.freeze()  # a collector that looks at shared pages would make them its own
    server = _server(chosen, asked.target, workers=workers)
    server.bind_addr, server.bind_port = address, port
    try:
        server.serve()
    finally:
        shutil.rmtree(figures, ignore_errors=True)


def _address(host: str, port: int) -> str:
    """The IP address that a name stands for, version 4 first, where this port of it is free.

    Raises:
        OSError: nothing has this name, or the port is taken or not allowed.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, _, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)
    return str(place[0])


def application() -> Flask:
    """The application of one process, as the environment describes it."""
    # Until the worker listens it has nothing to finish, and would ignore what its parent handles.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_DFL)
    _end_with(int(os.environ.get(SERVER, "0")))
    _return_memory_soon()
    from api.app import create_app  # after the environment is set: figures are shared by it

    home = Home(settings.default_home())
    log_to = open(sys.stdout.fileno(), "wb", buffering=0, closefd=False)  # noqa: SIM115
    return create_app(home, workers=int(os.environ.get(WORKERS, "1")), log_to=log_to)


def _end_with(server: int) -> None:
    """Lets the kernel end this worker with its server: nobody else would, and it has their port."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux has it
    if server and prctl is not None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != server:
            sys.exit("the server is gone")


def _return_memory_soon() -> None:
    """Rankings need large arrays for an instant; the allocator shall not keep them afterwards."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it
    if mallopt is not None:
        for option, value in ((M_MMAP_THRESHOLD, 1 << 18), (M_TRIM_THRESHOLD, 1 << 20)):
            mallopt(option, value)
        mallopt(M_ARENA_MAX, 1)


def _environment(home: Home, workers: int, figures: str) -> dict[str, str]:
    return {
        "MOKHATAB_HOME": str(home.root),
        WORKERS: str(workers),
        SERVER: str(os.getpid()),
        FIGURES: figures,
        # Processes that each start a thread per core only take turns: one per request is best.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
        # polars brings an allocator of its own: it too gives back what it no longer needs, and
        # does so without threads, which would be missing in a fork.
        "_RJEM_MALLOC_CONF": "background_thread:false,narenas:1,dirty_decay_ms:0,muzzy_decay_ms:0",
    }


def _server(chosen: settings.Section, target: str, *, workers: int) -> MPServer:
    return MPServer(
        target,
        interface=Interfaces.WSGI,
        factory=True,
        workers=workers,
        blocking_threads=chosen.waiting,  # `Turns` lets few of them compute at a time
        backpressure=chosen.waiting,
        http=HTTPModes.http1,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=int(chosen.header_read_seconds * 1000)),
        workers_kill_timeout=chosen.shutdown_seconds,
        respawn_failed_workers=True,
        log_access=False,
    )


if __name__ == "__main__":
    main()
