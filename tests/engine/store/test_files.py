"""Files are there whole or not at all, whatever fails on the way."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from engine.errors import UnreadableFile
from engine.store.files import replace_durably, stream, table_format, write_table

READERS = {"csv": pl.read_csv, "parquet": pl.read_parquet, "ndjson": pl.read_ndjson}
FRAME = pl.DataFrame({"id": ["علی", "😀", 'a"b,c'], "score": [0.5, -1.0, 3.0]})


@pytest.mark.parametrize("ending", ["csv", "parquet", "ndjson", "jsonl", "CSV", "Parquet"])
def test_a_table_is_read_back_as_it_was_written(tmp_path, ending):
    path = tmp_path / "deep" / f"out.{ending}"
    write_table(path, FRAME.lazy())
    assert READERS[table_format(path)](path).equals(FRAME)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["out.xlsx", "out", "out.csv.gz", ".csv"])
def test_an_unknown_ending_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(UnreadableFile, match="known: csv, parquet, ndjson"):
        write_table(tmp_path / "new" / name, FRAME.lazy())
    assert not (tmp_path / "new").exists()


class SourceLost(RuntimeError):
    pass


def failing():
    """A hundred thousand rows, then the source fails."""
    for start in range(0, 100_000, 10_000):
        yield pl.DataFrame({"id": [f"row {start + at}" for at in range(10_000)]})
    raise SourceLost("the source is gone")


@pytest.mark.parametrize("ending", ["csv", "parquet", "ndjson"])
@pytest.mark.parametrize("before", [None, b"what was there"])
def test_nothing_half_written_is_left_when_the_source_fails(tmp_path, ending, before):
    path = tmp_path / f"out.{ending}"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(Exception, match="the source is gone"):
        write_table(path, stream(failing, {"id": pl.String}))
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([before] if before else [])


@pytest.mark.parametrize("ending", ["csv", "parquet", "ndjson"])
def test_the_order_of_rows_is_kept(tmp_path, ending):
    blocks = lambda: (pl.DataFrame({"n": range(s, s + 20_000)}) for s in range(0, 200_000, 20_000))  # noqa: E731
    path = tmp_path / f"out.{ending}"
    write_table(path, stream(blocks, {"n": pl.Int64}))
    assert READERS[ending](path)["n"].to_list() == list(range(200_000))


def test_a_stream_gives_what_is_asked_of_it():
    blocks = lambda: (pl.DataFrame({"n": [at, at + 1], "m": [0, 1]}) for at in range(0, 10, 2))  # noqa: E731
    frame = stream(blocks, {"n": pl.Int64, "m": pl.Int64})
    assert frame.collect().height == 10
    assert frame.head(3).collect()["n"].to_list() == [0, 1, 2]
    assert frame.filter(pl.col("m") == 1).select("n").collect()["n"].to_list() == [1, 3, 5, 7, 9]
    assert frame.filter(pl.col("m") == 1).head(2).collect()["n"].to_list() == [1, 3]


def test_a_stream_makes_no_more_blocks_than_are_asked_for():
    made = []

    def blocks():
        for at in range(1000):
            made.append(at)
            yield pl.DataFrame({"n": [at]})

    assert stream(blocks, {"n": pl.Int64}).head(3).collect().height == 3
    assert len(made) <= 4


def test_replacing_leaves_the_old_content_where_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "pointer"
    replace_durably(path, b"old")
    assert path.read_bytes() == b"old"

    def refuse(self, target):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space left"):
        replace_durably(path, b"new")
    monkeypatch.undo()
    assert [each.read_bytes() for each in path.parent.iterdir()] == [b"old"]
