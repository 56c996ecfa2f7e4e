"""Tables over memory maps hold what was written, and let go of the file when they go."""

from __future__ import annotations

import datetime as dt
import gc
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal
from polars.testing.parametric import dataframes

from engine.store import mapping
from engine.store.mapping import map_table

EVERY_KIND = pl.DataFrame(
    {
        "text": ["کوتاه", None, "a text that is longer than twelve bytes 🌸", ""],
        "number": [1, 2, None, 4],
        "yes": [True, False, None, True],
        "texts": [["a"], [], None, ["b", "another text of more than twelve bytes"]],
        "nested": [[[1]], [[2, 3]], [], None],
        "day": [dt.date(2020, 1, 1)] * 4,
        "at": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)] * 4,
        "rate": [1.5, -0.0, None, 0.25],
        "pair": [{"a": 1, "b": "x"}] * 4,
        "nothing": [None] * 4,
        "small": pl.Series([1, 2, 3, 4], dtype=pl.UInt8),
        "fixed": pl.Series([[1, 2]] * 4, dtype=pl.Array(pl.Int8, 2)),
    }
)


def _written(folder: Path, frame: pl.DataFrame, **options: object) -> Path:
    path = folder / "table.arrow"
    rows = max(1, frame.height)
    chosen = {"compression": "uncompressed", "record_batch_size": rows} | options
    frame.rechunk().write_ipc(path, **chosen)  # type: ignore[arg-type]
    return path


def test_every_kind_of_column_is_mapped_as_it_was_written(tmp_path: Path) -> None:
    before = len(mapping._LENT)
    mapped = map_table(_written(tmp_path, EVERY_KIND))
    assert len(mapping._LENT) > before
    assert_frame_equal(mapped, EVERY_KIND)


def test_a_mapped_table_copies_nothing(tmp_path: Path) -> None:
    rows = 2_000_000
    frame = pl.select(pl.int_range(rows, dtype=pl.Int64).alias("n")).with_columns(
        text=pl.format("a user with a long name {}", "n")
    )
    path = _written(tmp_path, frame)
    script = (
        "import sys, re; from pathlib import Path; from engine.store.mapping import map_table\n"
        "def anonymous():\n"
        "    text = Path('/proc/self/smaps_rollup').read_text()\n"
        "    return int(re.search(r'Pss_Anon: +(\\d+)', text)[1])\n"
        "before = anonymous(); table = map_table(Path(sys.argv[1]))\n"
        "total = table['n'].sum() + table['text'].len(); print(anonymous() - before)"
    )
    grown = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert int(grown.stdout) * 1024 < path.stat().st_size / 8


def test_the_map_goes_with_the_last_column(tmp_path: Path) -> None:
    before = set(mapping._LENT)
    column = map_table(_written(tmp_path, EVERY_KIND))["text"]
    gc.collect()
    assert len(set(mapping._LENT) - before) == 1
    assert column.to_list() == EVERY_KIND["text"].to_list()
    del column
    gc.collect()
    assert set(mapping._LENT) <= before


@pytest.mark.parametrize(
    "frame",
    [
        EVERY_KIND.head(0),
        EVERY_KIND.select(pl.col("text").cast(pl.Categorical)),
        EVERY_KIND.select(pl.col("text").cast(pl.Enum(EVERY_KIND["text"].drop_nulls()))),
    ],
    ids=["empty", "categories", "enum"],
)
def test_what_cannot_be_mapped_is_read(tmp_path: Path, frame: pl.DataFrame) -> None:
    assert_frame_equal(map_table(_written(tmp_path, frame)), frame)


@pytest.mark.parametrize("options", [{"compression": "zstd"}, {"record_batch_size": 2}])
def test_compressed_and_cut_files_are_read(tmp_path: Path, options: dict[str, object]) -> None:
    assert_frame_equal(map_table(_written(tmp_path, EVERY_KIND, **options)), EVERY_KIND)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.arrow"
    path.write_bytes(b"ARROW1" + b"\0" * 100 + b"ARROW1")
    with pytest.raises(pl.exceptions.PolarsError):
        map_table(path)


@settings(max_examples=60, deadline=None)
@given(
    frame=dataframes(
        max_cols=4,
        max_size=20,
        excluded_dtypes=[pl.Categorical, pl.Enum, pl.Decimal],
        allow_time_zones=False,
    )
)
def test_any_table_comes_back(
    tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame
) -> None:
    path = _written(tmp_path_factory.mktemp("any"), frame)
    assert_frame_equal(map_table(path), frame)
