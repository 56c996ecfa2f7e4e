"""`mokhatab spread` as people and scripts say it: files, a home's own ties, ads, bad words."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from api.printing_spread import spread
from engine.store.eventlog import add_follows
from engine.store.home import Home
from tests.api.conftest import Said

Run = Callable[..., Said]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LINE = pl.DataFrame(
    {
        "follower_id": ["b", "c", "d", "x2"],
        "followee_id": ["a", "b", "c", "x1"],
        "chance": [1.0, 1.0, 1.0, 1.0],
    }
)
AT_ONCE = "[delays]\nmedian_hours = 2.0\nshape = 0.0\n[runs]\nfirst = 64\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Each step takes two hours there."""
    home = Home(tmp_path / "h")
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs/spread.toml").write_text(AT_ONCE)
    return home


def files(folder: Path, *ids: str) -> tuple[str, ...]:
    LINE.write_parquet(folder / "ties.parquet")
    pl.DataFrame({"user_id": ids}, schema={"user_id": pl.String}).write_csv(folder / "ids.csv")
    return (
        "spread",
        "--graph",
        str(folder / "ties.parquet"),
        "--starters",
        str(folder / "ids.csv"),
    )


@pytest.mark.parametrize("model", ["cascade", "threshold"])
def test_word_of_a_file_goes_as_far_as_its_ties_and_hours_let_it(
    run: Run, home: Home, tmp_path: Path, model: str
) -> None:
    words = (*files(tmp_path, "a"), "--json", "--model", model)
    told = run(home, *words).json
    assert (told["expected_reach"], told["lower"], told["upper"]) == (4, 4, 4)
    assert (told["earned"]["expected"], told["starters"], told["law"]) == (3, 1, model)
    assert [point["expected"] for point in told["curve"][:4]] == [1, 2, 4, 4]
    ended = run(home, *words, "--horizon-hours", "5").json
    assert ended["expected_reach"] == 3
    assert ended["curve"][-1] == {"hours": 5.0, "expected": 3, "lower": 3, "upper": 3}


def test_starters_without_ties_are_told_and_count_themselves(
    run: Run, home: Home, tmp_path: Path
) -> None:
    words = files(tmp_path, "x1", "n1", "n2", "n2", "n3", "n4", "n5", "n6")
    told = run(home, *words, "--json").json
    assert told["without_ties"] == {"count": 6, "examples": ["n1", "n2", "n3", "n4", "n5"]}
    assert (told["starters"], told["expected_reach"]) == (7, 8)
    seen = run(home, *words).out
    assert "! 6 starters without ties here, who reach only themselves: n1, n2" in seen
    alone = run(home, *files(tmp_path, "n1", "n2"), "--json").json
    assert (alone["expected_reach"], alone["earned"]["expected"]) == (2, 0)


def test_a_column_of_chances_is_heeded(run: Run, home: Home, tmp_path: Path) -> None:
    words = files(tmp_path, "a")
    file = tmp_path / "ids.csv"
    file.write_text("user_id,chance\na,0.25\na,0.5\nx1,\n")
    told = run(home, *words, "--json").json
    assert told["lower"] <= 2 + 4 * 0.5 <= told["upper"]
    file.write_text("user_id,chance\na,1.5\n")
    assert "chance: 1 chance of 1 is not from 0 to 1" in run(home, *words).err
    file.write_text("user_id,chance\na,often\n")
    assert "chance holds what is no number" in run(home, *words).err


def test_ties_of_the_home_are_taken_where_no_model_learned_any(
    run: Run, home: Home, tmp_path: Path
) -> None:
    words = ("spread", *files(tmp_path, "a")[3:])
    assert "nobody here follows anybody" in run(home, *words).err
    add_follows(home, LINE.drop("chance"), now=NOW)
    told = run(home, *words, "--json").json
    assert (told["expected_reach"], told["source"]) == (4, "follows")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--horizon-hours", "0"), "horizon: 0 hours is not above 0"),
        (("--horizon-hours", "-3"), "horizon: -3 hours is not above 0"),
        (("--horizon-hours", "nan"), "horizon: nan hours is not above 0"),
        (("--model", "rumour"), "--model is cascade or threshold"),
        (("--paid", "0.3"), "need a --product"),
        (("--product", "p"), "give either --starters, or --product"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    run: Run, home: Home, tmp_path: Path, more: tuple[str, ...], told: str
) -> None:
    said = run(home, *files(tmp_path, "a"), *more)
    assert said.code != 0
    assert told in said.err


def test_nobody_starts_from_an_empty_or_foreign_file(run: Run, home: Home, tmp_path: Path) -> None:
    assert "starters: are nobody" in run(home, *files(tmp_path)).err
    words = files(tmp_path, "a")
    (tmp_path / "ids.csv").write_text("name\na\n")
    assert "starters.user_id: missing; found name" in run(home, *words).err


def test_ads_for_a_segment_are_told_with_what_they_earn(run: Run, planted_home: Home) -> None:
    words = ("spread", "--product", "product-003", "--segment", "top-5", "--paid", "0.3")
    told = run(planted_home, *words, "--json")
    answer = json.loads(told.out, parse_constant=pytest.fail)
    assert answer["paid"] == pytest.approx(0.3 * answer["segment"]["size"])
    both = answer["paid"] + answer["earned"]["expected"]
    assert answer["together"]["expected"] == pytest.approx(both)
    assert answer["together"]["lower"] < both < answer["together"]["upper"]
    by = [point["expected"] for point in answer["curve"]]
    assert answer["paid"] < by[0] < by[-1] < both
    assert by == sorted(by)
    assert 0 < answer["per_touch"]["lower"] < answer["per_touch"]["upper"]
    assert "no segment 'nowhere'" in run(planted_home, *words[:4], "nowhere", *words[5:]).err
    assert "is not above 0, up to 1" in run(planted_home, *words[:-1], "1.5").err
    assert "--product needs --segment and --paid" in run(planted_home, *words[:-2]).err


def test_the_picture_fits_the_terminal(
    run: Run, home: Home, planted_home: Home, tmp_path: Path
) -> None:
    ads = ("spread", "--product", "product-003", "--segment", "top-5", "--paid", "0.3")
    for where, words in ((home, files(tmp_path, "a", "n1")), (planted_home, ads)):
        # a long path is told with its middle left out
        answer = run(where, *words, "--json").json | {"source": "ties.parquet"}
        for width in (40, 80):
            drawn = io.StringIO()
            console = Console(file=drawn, width=width, markup=False, emoji=False)
            console.print(spread(answer))
            lines = drawn.getvalue().splitlines()
            assert max(map(len, lines)) <= width
            bars = [line.count("█") for line in lines if "█" in line]
            assert len(bars) >= 10
            assert bars == sorted(bars)
            assert not [line for line in lines if "…" in line]
            assert "95%" in drawn.getvalue()


def test_a_channel_is_refused_where_a_file_tells_the_ties(
    run: Run, home: Home, tmp_path: Path
) -> None:
    said = run(home, *files(tmp_path, "a"), "--channel", "nowhere").err
    assert "channel: needs ties that a model learned; leave out the graph" in said


def test_truth_values_are_neither_ids_nor_chances_of_starters(
    run: Run, home: Home, tmp_path: Path
) -> None:
    words = list(files(tmp_path, "a"))
    words[words.index("--starters") + 1] = str(tmp_path / "s.parquet")
    for table, column in (
        ({"user_id": ["a"], "chance": [True]}, "chance"),
        ({"user_id": [["a"]]}, "user_id"),
    ):
        pl.DataFrame(table).write_parquet(tmp_path / "s.parquet")
        assert f"starters.{column}: is " in run(home, *words).err
