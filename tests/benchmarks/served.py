"""A server of our own for the length of a block, and wrk asking it.

In: a home and a WSGI factory. Out: requests per second and the tail.
Never: a server that outlives the block.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from api.serve import APPLICATION, command
from engine.store.home import Home

ROOT = Path(__file__).parents[2]
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Served:
    """A running server."""

    address: str
    process: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


def empty() -> Flask:
    """The peer: one view that returns nothing, without anything around it."""
    app = Flask(__name__)

    @app.get("/v1/empty")
    def nothing() -> str:
        return ""

    return app


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives away to whoever connects."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.SystemRandom().randrange(12_000, 32_000)))
            return int(probe.getsockname()[1])


@contextmanager
def served(home: Home, target: str = APPLICATION, *, ready: str = "/readyz") -> Iterator[Served]:
    """Starts the production server on a free port, with the settings that ship."""
    port = free_port()
    started = [*command(home), "--port", str(port), "--target", target]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        started, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address + ready, process)
            running = Served(address, process)
            while not all(map(_listens, running.workers())):
                time.sleep(0.05)
            time.sleep(0.2)  # granian misses a signal in the instant before it listens
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _listens(pid: int) -> bool:
    """Its event loop, a thread of tokio, is there."""
    names = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/comm")]
    return any(name.startswith("tokio") for name in names)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(address)


def require_wrk() -> str:
    """Where wrk is.

    Raises:
        SystemExit: it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk is needed to measure HTTP: apt-get install wrk")
    return found


def measure(
    address: str, script: Path, *, seconds: int, connections: int = 32
) -> tuple[float, float]:
    """Requests per second and the 99th percentile in ms.

    Raises:
        RuntimeError: an answer was not 2xx, or a connection failed.
    """
    asked = [require_wrk(), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s"]
    text = subprocess.run(
        [*asked, str(script), address], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    if rate is None or tail is None:
        raise RuntimeError(text)
    return float(rate[1]), float(tail[1]) * UNITS[tail[2]]


def cycle(folder: Path, paths: list[str], key: str | None) -> Path:
    """A wrk script that asks all paths in turn."""
    header = f'wrk.headers["Authorization"] = "Bearer {key}"\n' if key else ""
    quoted = ",\n".join(f'"{path}"' for path in paths)
    script = folder / f"cycle-{len(paths)}.lua"
    script.write_text(
        f"local paths = {{\n{quoted}\n}}\nlocal at = 0\n{header}"
        "request = function()\n  at = at % #paths + 1\n"
        '  return wrk.format("GET", paths[at])\nend\n'
    )
    return script
