"""`mokhatab forecast` as people say it: of files, of a home's shares, of what cannot be told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.operations.consent import record_consent
from engine.operations.erasure import erase_user
from engine.store.eventlog import add_follows, append_events
from engine.store.home import Home
from tests.api.conftest import Said

Run = Callable[..., Said]
START = datetime(2026, 1, 1, tzinfo=UTC)
CASCADES, PEOPLE, HOURS = 40, 40, 12


def shares() -> pl.DataFrame:
    """Posts that are shared, some by many and fast, mostly by the same few; p39 runs still."""
    rng = np.random.default_rng(4)
    rows = []
    for post in range(CASCADES):
        size = 3 if post == CASCADES - 1 else int(rng.integers(2, 16))
        odds = np.append(np.full(8, 6.0), np.ones(PEOPLE - 8))
        who = rng.choice(PEOPLE, size, replace=False, p=odds / odds.sum())
        hours = np.sort(rng.random(size)) * HOURS / size + HOURS * post
        rows += [(f"p{post}", f"u{one:02d}", hour) for one, hour in zip(who, hours, strict=True)]
    return pl.DataFrame(rows, schema=["cascade_id", "user_id", "hour"], orient="row")


TIES = pl.DataFrame(
    {
        "follower_id": [f"u{n:02d}" for n in range(PEOPLE)],
        "followee_id": [f"u{(n + 1) % PEOPLE:02d}" for n in range(PEOPLE)],
    }
)


def acts(action: str, column: str) -> pl.DataFrame:
    """The same as events, about products or about objects."""
    table = shares()
    moments = [START + timedelta(hours=hour) for hour in table["hour"]]
    nothing = ("product_id", "object_id", "channel", "target_user_id", "text", "language")
    return table.select(
        pl.format("{}-{}", pl.lit(action), pl.int_range(pl.len())).alias("event_id"),
        "user_id",
        pl.lit(action).alias("action"),
        pl.Series("occurred_at", moments, pl.Datetime("us", "UTC")),
        pl.col("cascade_id").alias(column),
        *(pl.lit(None, pl.String).alias(name) for name in nothing if name != column),
        pl.lit(None, pl.Float64).alias("value"),
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that knows these shares, and who follows whom in a ring."""
    found = Home(tmp_path / "h")
    append_events(found, acts("share", "object_id"))
    add_follows(found, TIES, now=START)
    return found


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Words that name the same as files, the last cascade running."""
    table = shares().with_columns((pl.col("hour") * 3600).alias("at_seconds")).drop("hour")
    last = pl.col("cascade_id") == f"p{CASCADES - 1}"
    table.filter(~last).write_parquet(tmp_path / "past.parquet")
    table.filter(last).drop("cascade_id").write_csv(tmp_path / "now.csv")
    TIES.write_csv(tmp_path / "ties.csv")
    names = {"cascade": "now.csv", "cascades": "past.parquet", "follows": "ties.csv"}
    return [word for name, file in names.items() for word in (f"--{name}", str(tmp_path / file))]


RUNNING = f"p{CASCADES - 1}"


def test_a_running_post_of_a_home_is_forecast(run: Run, home: Home) -> None:
    told = run(home, "forecast", "--object", RUNNING, "--limit", "5", "--json").json
    adopted = set(shares().filter(pl.col("cascade_id") == RUNNING)["user_id"])
    assert (told["adopters"], told["cascades"], told["people"]) == (3, CASCADES - 1, PEOPLE)
    size = told["size"]
    assert 3 <= size["lower"] <= size["expected"] <= size["upper"]
    assert len(told["next"]) == 5
    assert not adopted & {one["user_id"] for one in told["next"]}
    chances = [one["chance"] for one in told["next"]]
    assert chances == sorted(chances, reverse=True)
    assert all(one["reason"] for one in told["next"])


def test_who_may_not_be_addressed_is_not_named(run: Run, home: Home) -> None:
    words = ("forecast", "--object", RUNNING, "--limit", "3", "--json")
    first, second, _ = (one["user_id"] for one in run(home, *words).json["next"])
    agreed = {"store": True, "profile": True, "select": False, "measure": True}
    record_consent(home, first, source="test", now=START, purposes=agreed)
    erase_user(home, second, now=START)
    told = run(home, *words).json
    named = {one["user_id"] for one in told["next"]}
    assert not named & {first, second}
    assert told["withheld"] >= 1
    assert len(named) == 3


def test_files_are_forecast_without_a_home(run: Run, files: list[str], tmp_path: Path) -> None:
    told = run(Home(tmp_path / "none"), "forecast", *files, "--json").json
    assert (told["adopters"], told["cascades"], told["unknown"]) == (3, CASCADES - 1, 0)
    out = run(Home(tmp_path / "none"), "forecast", *files, "--limit", "2").out
    assert "3 have adopted so far" in out
    assert "80% interval" in out


def test_somebody_unknown_may_adopt_first(run: Run, files: list[str], tmp_path: Path) -> None:
    (tmp_path / "now.csv").write_text("user_id,at_seconds\nstranger,1728000\nstranger,1728009\n")
    told = run(Home(tmp_path / "none"), "forecast", *files, "--json").json
    assert (told["adopters"], told["unknown"]) == (1, 1)
    assert "stranger" not in {one["user_id"] for one in told["next"]}


def test_a_product_and_other_acts_may_be_meant(run: Run, home: Home) -> None:
    append_events(home, acts("like", "product_id"))
    words = ("forecast", "--product", RUNNING, "--action", "like", "--json")
    told = run(home, *words).json
    assert (told["adopters"], told["cascades"]) == (3, CASCADES - 1)


def test_who_posted_stands_at_the_beginning(run: Run, home: Home) -> None:
    post = acts("post", "object_id").head(1)
    post = post.with_columns(pl.lit(RUNNING).alias("event_id"), pl.lit("author").alias("user_id"))
    append_events(home, post.with_columns(pl.lit(None, pl.String).alias("object_id")))
    told = run(home, "forecast", "--object", RUNNING, "--json").json
    assert told["adopters"] == 4


def test_what_nothing_is_known_of_is_told(run: Run, home: Home) -> None:
    said = run(home, "forecast", "--product", "none")
    assert said.code == 1
    assert "no cascade of product 'none'" in said.err
    said = run(home, "forecast", "--object", RUNNING, "--action", "like")
    assert "no cascade of object" in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name one of --object, --product and --cascade"),
        (("--object", "p1", "--product", "q"), "name one of"),
        (("--object", "p391"), "known and near: "),
    ],
)
def test_what_is_not_asked_well_is_told(
    run: Run, home: Home, words: tuple[str, ...], told: str
) -> None:
    said = run(home, "forecast", *words)
    assert said.code == 1
    assert told in said.err


def test_without_a_past_it_is_told_what_is_missing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "now.csv"
    file.write_text("user_id,at_seconds\na,1\n")
    said = run(Home(tmp_path / "h"), "forecast", "--cascade", str(file))
    assert said.code == 1
    assert "0 cascades of the past can be learned from, 20 are needed" in said.err
    file.write_text("cascade_id,user_id\nx,a\ny,b\n")
    assert "2 cascades" in run(Home(tmp_path / "h"), "forecast", "--cascade", str(file)).err


def test_acts_that_are_not_known_are_told_with_those_near(
    run: Run, home: Home, files: list[str]
) -> None:
    for words in (("--object", RUNNING), files):
        said = run(home, "forecast", *words, "--action", "shares")
        assert said.code == 1
        assert "no action 'shares'; known and near: share" in said.err
    said = run(home, "forecast", *files, "--action", "share")
    assert "leave --action" in said.err


@pytest.mark.parametrize(
    ("begins", "told"),
    [(-5000, "before all others"), (CASCADES * HOURS * 3600, None), (1.7e9, "long after all")],
)
def test_clocks_that_do_not_fit_are_told(
    run: Run, files: list[str], tmp_path: Path, begins: float, told: str | None
) -> None:
    (tmp_path / "now.csv").write_text(f"user_id,at_seconds\nu01,{begins}\n")
    said = run(Home(tmp_path / "none"), "forecast", *files)
    assert ("both files need one clock" in said.out) == (told is not None)
    assert (told or "") in said.out


def test_absurd_moments_give_no_absurd_size(run: Run, files: list[str], tmp_path: Path) -> None:
    (tmp_path / "now.csv").write_text("user_id,at_seconds\nx,5e18\ny,-1e300\n")
    told = run(Home(tmp_path / "none"), "forecast", *files, "--json").json
    assert told["size"]["upper"] < 100 * PEOPLE
    assert max(one["chance"] for one in told["next"]) < 0.99


def test_where_two_are_known_they_are_not_said_to_come_surely(
    run: Run, files: list[str], tmp_path: Path
) -> None:
    """Nobody but those of a tie is known before the first cascade."""
    (tmp_path / "now.csv").write_text("user_id,at_seconds\na,0\n")
    (tmp_path / "ties.csv").write_text("follower_id,followee_id\nb,a\nc,b\n")
    told = run(Home(tmp_path / "none"), "forecast", *files, "--json").json
    assert told["candidates"] == 2
    assert max(one["chance"] for one in told["next"]) < 0.9
    assert "most who come will be others" in run(Home(tmp_path / "none"), "forecast", *files).out


def test_json_is_strict(run: Run, files: list[str], tmp_path: Path) -> None:
    said = run(Home(tmp_path / "none"), "forecast", *files, "--json")
    assert json.loads(said.out, parse_constant=pytest.fail)["size"]["level"] == 0.8


def test_rows_without_moments_are_taken_in_their_order(
    run: Run, files: list[str], tmp_path: Path
) -> None:
    """Then moments of the others are not looked at either."""
    (tmp_path / "now.csv").write_text("user_id\nu01\nu02\nu01\n")
    told = run(Home(tmp_path / "none"), "forecast", *files, "--limit", "3", "--json").json
    assert told["adopters"] == 2
    assert told["size"]["upper"] > 2
    assert all("ago" not in one["reason"] for one in told["next"])
