"""Equal tables are equal files, however they were made."""

from __future__ import annotations

import io
import random

import polars as pl

from engine.store.mapping import in_row_order


def _bytes(frame: pl.DataFrame) -> bytes:
    target = io.BytesIO()
    frame.rechunk().write_ipc(target, compression="uncompressed")
    return target.getvalue()


def _table(ids: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"user_id": ids, "tags": [[id, "short"] for id in ids]}).sort("user_id")


def test_equal_frames_of_long_texts_are_equal_files() -> None:
    ids = [f"کاربر شماره {number:06d} 🙂" for number in range(500)]
    shuffled = ids.copy()
    random.Random(1).shuffle(shuffled)
    one, other = _table(ids), _table(shuffled)
    assert one.equals(other)
    assert _bytes(one) != _bytes(other), "polars lays texts out in row order: the detour can go"
    assert _bytes(in_row_order(one)) == _bytes(in_row_order(other))


def test_nulls_and_empty_texts_survive() -> None:
    frame = pl.DataFrame({"name": ["a", None, ""], "tags": [["x", None], None, []]})
    assert in_row_order(frame).equals(frame)
