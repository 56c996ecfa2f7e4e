"""Equal tables are equal files, however they were made."""

from __future__ import annotations

import polars as pl

from engine.store.artefacts import _in_row_order


def test_equal_frames_of_long_texts_lie_alike_in_memory_order(tmp_path):
    ids = [f"کاربر شماره {number:06d} 🙂" for number in range(500)]
    lists = [[id, "a tag that is longer than twelve bytes"] if i % 3 else None
             for i, id in enumerate(ids)]  # fmt: skip
    straight = pl.DataFrame({"user_id": ids, "tags": lists})
    shuffled = straight.sample(fraction=1, shuffle=True, seed=3).sort("user_id")
    assert shuffled.equals(straight.sort("user_id"))
    files = []
    for number, frame in enumerate((straight.sort("user_id"), shuffled)):
        path = tmp_path / f"{number}.arrow"
        anew = _in_row_order(frame)
        assert anew.equals(frame)
        anew.rechunk().write_ipc(path, compression="uncompressed")
        files.append(path.read_bytes())
    assert files[0] == files[1]
