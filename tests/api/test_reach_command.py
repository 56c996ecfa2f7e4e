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


def test_a_budget_is_proven_beside_as_many_as_may_be_asked(run: Run, tmp_path: Path) -> None:
    """Nobody is heard by anybody: each adds themselves, and a limit cuts what money could buy."""
    home = Home(tmp_path / "h")
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs" / "reach.toml").write_text("[advocates]\nmost = 20\n")
    STARS.with_columns(chance=0.0).write_parquet(tmp_path / "t.parquet")
    words = ("reach", "--graph", str(tmp_path / "t.parquet"), "--cost", "1", "--budget", "40")
    told = run(home, *words, "--json").json
    assert (told["asked"], len(told["seeds"]), told["expected_reach"]) == (20, 20, 20.0)
    assert "of what any 20 advocates for the money could reach" in run(home, *words).out


@pytest.mark.parametrize(
    ("cost", "budget", "asked"), [("0", "0", 2), ("0.1", "0.2", 2), ("0.1", "0.3", 3)]
)
def test_money_is_counted_in_decimals(
    run: Run, tmp_path: Path, cost: str, budget: str, asked: int
) -> None:
    STARS.with_columns(chance=0.0).write_parquet(tmp_path / "t.parquet")
    words = ("--seeds", str(asked), "--cost", cost, "--budget", budget, "--json")
    told = run(Home(tmp_path / "h"), "reach", "--graph", str(tmp_path / "t.parquet"), *words).json
    assert len(told["seeds"]) == asked
    assert told["proven"] <= 1
    assert told["spent"] == pytest.approx(float(cost) * asked)


def test_where_nothing_is_asked_for_money_bounds_nothing(run: Run, tmp_path: Path) -> None:
    """Greed takes the one in the middle first, and two others would reach more."""
    a, b = [f"a-{n}" for n in range(20)], [f"b-{n}" for n in range(20)]
    ties = {"a": a, "b": b, "middle": [*a[:11], *b[:11]]}
    rows = [(fan, source) for source, fans in ties.items() for fan in fans]
    table = pl.DataFrame(rows, schema=["follower_id", "followee_id"], orient="row")
    table.with_columns(chance=1.0).write_parquet(tmp_path / "t.parquet")
    words = ("--seeds", "2", "--cost", "0", "--budget", "0", "--proof", "0.5", "--json")
    told = run(Home(tmp_path / "h"), "reach", "--graph", str(tmp_path / "t.parquet"), *words).json
    assert told["proven"] <= told["upper"] / 42


def test_rare_word_is_no_silence(run: Run, tmp_path: Path) -> None:
    """Nobody of a large network passes much on: whoever is asked hears it all the same."""
    pairs = pl.DataFrame({"follower_id": [f"f{n}" for n in range(20_000)]})
    pairs = pairs.with_columns(followee_id="s" + pl.col("follower_id"), chance=pl.lit(0.01))
    pairs.write_parquet(tmp_path / "t.parquet")
    words = ("reach", "--graph", str(tmp_path / "t.parquet"), "--seeds", "1", "--proof", "0")
    for seed in ("0", "1", "2"):
        told = run(Home(tmp_path / "h"), *words, "--seed", seed, "--json").json
        assert 1 <= told["lower"] <= 1.01 <= told["upper"]
        assert 1 <= told["gains"][0] == told["expected_reach"] < 6
