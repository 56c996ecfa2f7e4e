"""Attribution from outside: a file of paths, credits as a table or JSON, and what is refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from engine.store.home import Home
from tests.benchmarks.attribution import draw_paths

HEAD = "path_id,channel,occurred_at,converted"
SOME = """
a,search,2026-03-01T10:00:00Z,1
a,social,2026-03-01T11:00:00Z,1
b,social,2026-03-02,0
c,search,1772445600,1
d,mail,2026-03-03T00:00:00+03:30,no
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def written(folder: Path, text: str, name: str = "paths.csv") -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_credits_of_all_rules_sum_to_what_was_brought(run, home, tmp_path):
    said = run(home, "attribute", written(tmp_path, HEAD + SOME), "--json").json
    assert (said["paths"], said["touches"], said["brought"]) == (4, 5, 2.0)
    assert [row["channel"] for row in said["channels"]] == ["mail", "search", "social"]
    for rule in ("last_touch", "linear", "shapley"):
        assert sum(row[rule] for row in said["channels"]) == pytest.approx(2)
    last = {row["channel"]: row["last_touch"] for row in said["channels"]}
    assert last == {"mail": 0, "search": 1, "social": 1}
    assert said["placements"] is None
    assert not home.root.exists(), "nothing is kept"


def test_placements_share_the_credit_of_their_channels(run, home, tmp_path):
    paths = draw_paths(2_000, 4).with_columns(
        segment_id=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("s1"))
    )
    file = tmp_path / "paths.parquet"
    paths.write_parquet(file)
    said = run(home, "attribute", str(file), "--json").json
    channels, placements = pl.DataFrame(said["channels"]), pl.DataFrame(said["placements"])
    assert set(placements["segment_id"]) == {"-", "s1"}
    for rule in ("last_touch", "linear", "shapley"):
        summed = placements.group_by("channel").agg(pl.col(rule).sum()).sort("channel")
        assert summed[rule].to_list() == pytest.approx(channels[rule].to_list())


def test_the_table_is_for_eyes(run, home, tmp_path):
    out = run(home, "attribute", written(tmp_path, HEAD + SOME)).out
    assert "4 paths in 5 rows brought 2" in out
    assert all(word in out for word in ("last touch", "linear", "Shapley", "search"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("path_id,channel,occurred_at\na,b,2026-01-01\n", "converted"),
        ("path_id,channel,converted\na,b,1\n", "occurred_at"),
        (f"{HEAD}\na,b,yesterday,1\n", "row 1: occurred_at is not a time"),
        (f"{HEAD}\na,b,2026-01-01,1\na,,2026-01-01,1\n", "row 2: channel is missing"),
        (f"{HEAD}\na,b,2026-01-01,maybe\n", "row 1: value is not a number"),
        (f"{HEAD}\na,b,2026-01-01,-1\n", "row 1: value is negative"),
        (f"{HEAD}\na,b,2026-01-01,1\na,b,2026-01-02,0\n", "brought two different things"),
        (f"{HEAD}\n", "there are none"),
    ],
)
def test_paths_that_cannot_be_read_are_told(run, home, tmp_path, text, told):
    found = run(home, "attribute", written(tmp_path, text))
    assert found.code == 1
    assert told in found.err


def test_a_file_that_is_not_there_is_told(run, home, tmp_path):
    found = run(home, "attribute", str(tmp_path / "none.csv"))
    assert found.code == 1
    assert "does not exist" in found.err
