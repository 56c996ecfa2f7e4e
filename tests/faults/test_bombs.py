"""Files that grow when they are opened: refused unopened, or where they would take too much."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import time
import zipfile
from pathlib import Path

import polars as pl
import pytest

from engine.errors import UnreadableFile
from engine.store.eventlog import scan_events
from engine.store.home import Home
from tests.faults.test_bad_files import NOW
from training.ingest import ingest

MIB = 1 << 20


def zipped(entries: int, size: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in range(entries):
            archive.writestr(f"{entry}.json", b" " * size)
    return file.getvalue()


BOMBS = {
    "gzip": lambda: gzip.compress(b" " * (256 * MIB), 1),
    "gzip in gzip": lambda: gzip.compress(gzip.compress(b" " * (256 * MIB), 1)),
    "zip": lambda: zipped(1, 256 * MIB),
    "zip of 100,000": lambda: zipped(100_000, 1),
    "bzip2": lambda: bz2.compress(b" " * (64 * MIB)),
    "xz": lambda: lzma.compress(b" " * (64 * MIB), preset=0),
}


@pytest.mark.parametrize(
    "bomb", ["gzip", *(pytest.param(b, marks=pytest.mark.slow) for b in list(BOMBS)[1:])]
)
def test_what_is_packed_is_refused_unopened(tmp_path: Path, bomb: str) -> None:
    content, home = BOMBS[bomb](), Home(tmp_path / "home")
    for name in ("events.csv", "events.ndjson", "outbox.json", "like.js"):
        (tmp_path / name).write_bytes(content)
        began = time.monotonic()
        with pytest.raises(UnreadableFile, match="is compressed; unpack it first"):
            ingest(home, events=tmp_path / name, now=NOW)
        print(f"{bomb}, {len(content) >> 10} KiB as {name}: {time.monotonic() - began:.2f} s")


def test_a_small_table_that_fills_memory_is_refused(tmp_path: Path) -> None:
    """64 columns of one value each: a thousand times its file."""
    rows = 1_000_000
    act = {"user_id": "u", "product_id": "p", "action": "like", "occurred_at": 1_700_000_000}
    same = [pl.repeat(value, rows, eager=True).alias(name) for name, value in act.items()]
    more = [pl.repeat(0, rows, dtype=pl.Int64, eager=True).alias(f"c{n}") for n in range(60)]
    path, home = tmp_path / "events.parquet", Home(tmp_path / "home")
    frame = pl.DataFrame([*same, *more])
    frame.write_parquet(path, compression="zstd")
    assert frame.estimated_size() > 1000 * path.stat().st_size
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs" / "events.toml").write_text("[reading]\nmemory_megabytes = 512\n")
    with pytest.raises(UnreadableFile, match="needs more than 512 MB"):
        ingest(home, events=path, now=NOW)
    assert scan_events(home).collect().is_empty()
