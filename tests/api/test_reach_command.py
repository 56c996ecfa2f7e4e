"""`mokhatab reach` as people and benchmarks say it: files, the ties of a home, who is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from engine.operations.consent import record_consent
from engine.operations.erasure import erase_user
from engine.store.eventlog import add_follows
from engine.store.home import Home
from tests.api.conftest import Said

Run = Callable[..., Said]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STARS = pl.DataFrame(
    {
        "follower_id": [f"a-{n}" for n in range(30)] + [f"b-{n}" for n in range(20)],
        "followee_id": ["a"] * 30 + ["b"] * 20,
    }
)


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_a_file_of_ties_is_answered_as_benchmarks_read_it(
    run: Run, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"ties.{ending}"
    getattr(STARS, f"write_{ending}")(file)
    told = run(Home(tmp_path / "h"), "reach", "--graph", str(file), "--seeds", "2", "--json").json
    assert told["seeds"] == ["a", "b"]
    assert told["lower"] <= told["expected_reach"] == 52.0 <= told["upper"]
    assert told["gains"] == pytest.approx([31, 21], rel=0.05)
    assert (told["people"], told["ties"], told["proven"] > 0.9) == (52, 50, True)


def test_ties_of_the_home_are_taken_and_who_withdrew_is_not_named(run: Run, tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    refused = run(home, "reach", "--seeds", "1")
    assert refused.code == 1
    assert "nobody here follows anybody" in refused.err
    add_follows(home, STARS, now=NOW)
    assert run(home, "reach", "--seeds", "1", "--json").json["seeds"] == ["a"]
    record_consent(home, "a", source="test", now=NOW, gpc=True)
    told = run(home, "reach", "--seeds", "1", "--json").json
    assert (told["seeds"], told["expected_reach"]) == (["b"], pytest.approx(21, rel=0.1))


def test_who_was_erased_is_not_named_though_a_file_names_them(run: Run, tmp_path: Path) -> None:
    home, file = Home(tmp_path / "h"), tmp_path / "ties.parquet"
    STARS.write_parquet(file)
    erase_user(home, "a", now=NOW)
    told = run(home, "reach", "--graph", str(file), "--seeds", "9", "--json").json
    assert told["seeds"][0] == "b"
    assert "a" not in told["seeds"]


def test_people_read_a_table_with_interval_and_proof(run: Run, tmp_path: Path) -> None:
    STARS.write_parquet(tmp_path / "ties.parquet")
    told = run(Home(tmp_path / "h"), "reach", "--graph", str(tmp_path / "ties.parquet")).out
    assert "together they reach 52 of 52 people (95% interval 52 to 52)" in told
    assert "proven: at least 9" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("follower_id,followee\na,b\n", "followee_id: missing; found follower_id, followee"),
        ("follower_id,followee_id\na,a\n", "has no tie between two people"),
        ("follower_id,followee_id,chance\na,b,1.5\n", "of 1 tie is no number from 0 to 1"),
        ("follower_id,followee_id,chance\na,b,often\n", "chance holds what is no number"),
    ],
)
def test_what_is_no_graph_is_told(run: Run, tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "ties.csv"
    file.write_text(content)
    said = run(Home(tmp_path / "h"), "reach", "--graph", str(file))
    assert said.code == 1
    assert told in said.err


@pytest.mark.parametrize("words", [("--seeds", "0"), ("--proof", "1"), ("--proof", "-0.1")])
def test_what_cannot_be_meant_is_refused(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    STARS.write_parquet(tmp_path / "ties.parquet")
    said = run(Home(tmp_path / "h"), "reach", "--graph", str(tmp_path / "ties.parquet"), *words)
    assert said.code != 0


def test_json_is_strict(run: Run, tmp_path: Path) -> None:
    STARS.write_parquet(tmp_path / "t.parquet")
    said = run(Home(tmp_path / "h"), "reach", "--graph", str(tmp_path / "t.parquet"), "--json")
    assert json.loads(said.out, parse_constant=pytest.fail)["level"] == 0.95
