"""`mokhatab word` as people and schedulers say it: tables, JSON, exit codes, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from api import printing_word
from engine.frames import EVENTS
from engine.operations.word_health import word_of, word_of_all
from engine.operations.word_heard import span_of
from engine.store.eventlog import append_events, upsert
from engine.store.home import Home
from tests.api.conftest import Said

Run = Callable[..., Said]
LAST = datetime(2026, 3, 1, tzinfo=UTC)
DAY = "2026-02-28"
BLAME, PRAISE = "Terrible, the battery broke at once.", "عالی بود، خیلی راضی هستم"


def said(product: str, ill: int, well: int, *, days_ago: float = 1) -> list[dict[str, Any]]:
    at = LAST - timedelta(days=days_ago)
    return [
        {
            "event_id": f"{product}-{days_ago:g}-{n}",
            "user_id": f"u{days_ago:g}-{n}",
            "product_id": product,
            "action": "comment",
            "occurred_at": at,
            "text": BLAME if n < ill else PRAISE,
        }
        for n in range(ill + well)
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One product of which people suddenly speak ill, and a calm one; read only."""
    made = Home(tmp_path_factory.mktemp("word"))
    rows = said("bad", 40, 60) + said("bad", 5, 60, days_ago=40) + said("calm", 3, 30)
    append_events(made, pl.DataFrame(rows, schema=EVENTS.columns))
    upsert(made, "products", pl.DataFrame({"product_id": ["bad"], "name": ["Phone [bold]12"]}))
    return made


def test_people_read_state_reasons_figures_and_aspects(run: Run, home: Home) -> None:
    told = run(home, "word", "bad", "--as-of", DAY).out
    assert "Phone [bold]12 (bad): alert" in told
    assert "rose from" in told
    assert "95% intervals" in told
    assert "40 (100%)" in told
    assert "battery" in told
    assert "█" in told


def test_without_a_product_all_are_told_the_worst_first(run: Run, home: Home) -> None:
    told = run(home, "word", "--as-of", DAY).out
    assert told.index("Phone [bold]12") < told.index("calm")
    assert "1 alert, 0 to watch, of 2 products" in told


def test_schedulers_are_told_by_the_exit_code(run: Run, home: Home) -> None:
    assert run(home, "word", "--as-of", DAY, "--alert").code == 3
    assert run(home, "word", "bad", "--as-of", DAY, "--alert", "--json").code == 3
    assert run(home, "word", "calm", "--as-of", DAY, "--alert").code == 0
    assert run(home, "word", "--as-of", "2026-01-30", "--alert").code == 0
    assert run(home, "word", "bad", "--as-of", DAY).code == 0


def test_json_is_strict_and_dense(run: Run, home: Home) -> None:
    one = json.loads(
        run(home, "word", "bad", "--as-of", DAY, "--json").out, parse_constant=pytest.fail
    )
    assert one["until"] == "2026-02-28T23:59:59+00:00"
    assert (one["word"]["negative"], one["before"]["negative"], one["days"]) == (40, 5, 28)
    assert one["negative_share"]["lower"] < 0.4 < one["negative_share"]["upper"]
    everything = run(home, "word", "--as-of", DAY, "--days", "7", "--json").json
    assert [row["product_id"] for row in everything["products"]] == ["bad", "calm"]


def test_who_spoke_long_ago_is_told_where_nobody_spoke_of_late(run: Run, home: Home) -> None:
    told = run(home, "word", "calm", "--as-of", "2026-08-01").out
    assert "calm: silent" in told
    assert "Nobody who may be heard spoke in 28 days; the last word was on 2026-02-28." in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("bed",), "no product 'bed'; known and near: bad"),
        (("bad", "--days", "0"), "days: 0 is not within 1 to 366"),
        (("bad", "--days", "-3"), "days: -3 is not within 1 to 366"),
        (("--days", "9999"), "days: 9999 is not within 1 to 366"),
        (("bad", "--as-of", "2999-01-01"), "lies ahead of the clock"),
        (("bad", "--as-of", "soon"), "'soon' is no moment"),
        (("",), "id: is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    run: Run, home: Home, words: tuple[str, ...], told: str
) -> None:
    found = run(home, "word", *words)
    assert found.code == 1
    assert told in found.err


def test_a_home_without_a_log_says_that_nobody_spoke(run: Run, tmp_path: Path) -> None:
    found = run(Home(tmp_path / "new"), "word", "--alert")
    assert found.code == 0
    assert "0 alerts, 0 to watch, of 0 products" in found.out


@pytest.mark.parametrize("wide", [40, 80])
def test_narrow_terminals_show_every_figure(home: Home, wide: int) -> None:
    span = span_of(home, now=LAST)
    one, everything = word_of(home, "bad", span), word_of_all(home, span)
    for drawn in (printing_word.product(one), printing_word.products(everything)):
        console = Console(width=wide, markup=False, emoji=False, no_color=True)
        with console.capture() as captured:
            console.print(drawn)
        lines = captured.get().splitlines()
        assert max(map(len, lines)) <= wide
        assert not [line for line in lines if "…" in line]
