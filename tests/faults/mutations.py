"""Files with a few bytes changed, read by forks of one process that has loaded everything.

In: a folder, a kind of file, and how many. Out: on its output, each reading that ended badly.
Never: a fork's end taken for its parent's.
"""

from __future__ import annotations

import gc
import io
import json
import os
import random
import resource
import shutil
import sys
import traceback
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from engine import settings
from engine.errors import FrameError
from engine.signals.events import Limits, judge_events
from training import reading
from training.lines import Layout

ROWS = 40
NASTY = [
    *(b'"', b'""', b'",', b",", b",,,", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xff", b"\xc3"),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\xf4\x90\x80\x80", b"\xe2\x80\xae", b"\\"),
    *(b"{", b"}", b"[", b"]", b"[" * 5000, b"NaN", b"1e999", b"9" * 5000, b"\\ud800", b"a" * 5000),
    *(b"9999-12-31T23:59:59Z", b"\x85", "\u2028".encode(), b"::", b"\t", b";", b"null", b"\x1f"),
]
LIMITS = Limits.of(settings.load("events")["limits"], settings.load_rows("actions"))
NOW = datetime(2026, 11, 1, tzinfo=UTC)
READ, REFUSED, STARVED, LOST, BROKEN = 0, 3, 4, 7, 8


def plain() -> list[dict[str, object]]:
    return [
        {
            "event_id": f"e{row}",
            "user_id": f"u{row}",
            "product_id": "پ",
            "action": ("like", "view", "review")[row % 3],
            "occurred_at": 1_767_323_045 + row,
            "value": None if row % 3 < 2 else 4.5,
            "text": 'خوب, "good"' if row % 5 == 0 else None,
        }
        for row in range(ROWS)
    ]


def seeds_of(kind: str) -> list[bytes]:
    """Files of this kind without a fault. Uses polars: not for a process that forks."""
    frame = pl.DataFrame(plain())
    if kind == "csv":
        return [frame.write_csv().encode()]
    if kind == "ndjson":
        return [frame.write_ndjson().encode()]
    extra = pl.Series("extra", [[1, 2], None] * (ROWS // 2))
    wide = frame.with_columns(extra, pl.col("occurred_at").cast(pl.Datetime("ms")).alias("at"))
    found = []
    for packing in ("zstd", "lz4", "snappy", "gzip", "uncompressed"):
        for group in (7, 100):
            file = io.BytesIO()
            wide.write_parquet(file, compression=packing, row_group_size=group)
            found.append(file.getvalue())
    return found


def changed(content: bytes, chance: random.Random, nasty: list[bytes]) -> bytes:
    """One cut, exchange or insertion."""
    at = chance.randrange(len(content) + 1)
    gone = chance.choice((0, 0, 1, 1, 2, 8))
    come = chance.choice((b"", chance.randbytes(1), chance.randbytes(4), *nasty))
    return content[:at] + come + content[at + gone :]


def mutated(kind: str, seeds: list[bytes], chance: random.Random) -> tuple[bytes, set[str]]:
    """A file with faults, and the ids in its lines that were left alone."""
    content = chance.choice(seeds)
    if kind == "parquet" or chance.random() < 0.3:
        for _ in range(chance.randint(1, 4)):
            content = changed(content, chance, NASTY if kind != "parquet" else [])
        return content[: chance.choice((len(content), len(content), len(content) // 2))], set()
    lines = content.split(b"\n")[:-1]
    hit = chance.sample(range(1, len(lines)), 3)
    for at in hit:
        lines[at] = changed(lines[at], chance, NASTY)
    first = 1 if kind == "csv" else 0
    safe = {f"e{at - first}" for at in range(first, len(lines)) if at not in hit}
    return b"\n".join(lines) + b"\n", safe


def attempt(path: Path, folder: Path, safe: set[str]) -> int:
    """Reads and judges a file as an ingest does."""
    task = reading._Task(str(path), str(folder), asdict(Layout()), 4096, 1, 1)
    sys.argv = ["", json.dumps(asdict(task))]
    try:
        reading.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    found = set()
    for batch in sorted(folder.glob("rows-*.parquet")):
        try:
            good, _ = judge_events(pl.read_parquet(batch), now=NOW, limits=LIMITS)
        except FrameError:
            return REFUSED
        found |= set(good["event_id"])
    if safe - found:
        print(f"{path}: lost {sorted(safe - found)}", file=sys.__stderr__)
        return LOST
    return READ


def forked(path: Path, folder: Path, safe: set[str]) -> int:
    """How the attempt of a fork ended; below 0: by that signal."""
    child = os.fork()
    if child == 0:
        code = BROKEN
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            code = attempt(path, folder, safe)
        except BaseException:  # a panic of the parser is no Exception
            traceback.print_exc(limit=-3)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Tells how often each end was met; files that ended badly stay in the folder."""
    root, kind, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    seeds = [path.read_bytes() for path in sorted(root.glob("seed-*"))]
    ends: Counter[int] = Counter()
    gc.freeze()  # a collector that looks at shared pages would make each fork copy them
    for number in range(count):
        content, safe = mutated(kind, seeds, random.Random(f"{kind} {number}"))
        path, folder = root / f"{number}.{kind}", root / f"{number}"
        path.write_bytes(content)
        folder.mkdir()
        end = forked(path, folder, safe)
        ends[end] += 1
        shutil.rmtree(folder)
        if end in (READ, REFUSED, STARVED):
            path.unlink()
        else:
            print(f"{path} ended with {end}", file=sys.stderr)
    print(json.dumps(ends))


if __name__ == "__main__":
    main()
