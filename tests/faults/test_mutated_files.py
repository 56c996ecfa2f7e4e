"""Thousands of damaged files: each is read or refused, and no line pays for what another holds."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from engine.errors import UnreadableFile
from engine.store.home import Home
from tests.faults.mutations import NOW, READ, REFUSED, STARVED, mutated, seeds_of
from training.ingest import ingest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
@pytest.mark.parametrize(
    "count",
    [40, pytest.param(3400, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
    ids=["few", "many"],
)
def test_no_damage_ends_a_parser(tmp_path: Path, kind: str, count: int) -> None:
    for number, seed in enumerate(seeds_of(kind)):
        (tmp_path / f"seed-{number}").write_bytes(seed)
    # Forks have none of polars' threads: their parent must not have started any.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-m", "tests.faults.mutations", str(tmp_path), kind, str(count)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    ends = {int(end): times for end, times in json.loads(done.stdout).items()}
    print(f"{kind}: {ends.get(READ, 0)} read, {ends.get(REFUSED, 0)} refused, of {count}")
    assert set(ends) <= {READ, REFUSED, STARVED}, done.stderr[-3000:]
    assert sum(ends.values()) == count
    assert ends.get(READ, 0) > 0, "what is damaged a little can be read"


def test_a_table_with_very_many_columns_is_refused(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(50_000)]
    (tmp_path / "wide.csv").write_text(",".join(names) + "\n" + "," * 49_999 + "\n")
    few = [pl.Series(name, [1]) for name in names[:5000]]
    pl.DataFrame(few).write_parquet(tmp_path / "wide.parquet")
    for name in ("wide.csv", "wide.parquet"):
        with pytest.raises(UnreadableFile, match="more than 4096 columns"):
            ingest(Home(tmp_path / "home"), events=tmp_path / name, now=NOW)


def test_what_a_parser_panics_at_is_told_as_damaged(tmp_path: Path) -> None:
    """One of the files above, whose reading ends in a failed assertion of the parser."""
    broken, _ = mutated("parquet", seeds_of("parquet"), random.Random("parquet 1843"))
    (tmp_path / "broken.parquet").write_bytes(broken)
    with pytest.raises(UnreadableFile, match="is damaged"):
        ingest(Home(tmp_path / "home"), events=tmp_path / "broken.parquet", now=NOW)
