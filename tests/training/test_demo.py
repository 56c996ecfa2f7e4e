"""The demo: fills an empty home, shows findings beside the truth, and spares other people's data.

In: a tiny planted world, an offline registry. Out: a champion, tables, refusals.
Never: a home of the person who runs the tests.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from engine.errors import DataError
from engine.store.eventlog import scan_events
from engine.store.home import Home
from engine.store.versions import champion
from tests.worlds import tiny
from training.demo import DemoResult, demo
from training.ingest import ingest
from training.simulate import store_world


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, DemoResult, str]:
    home, out = Home(tmp_path_factory.mktemp("demo")), console()
    result = demo(home, seed=1, plan=tiny().plan, console=out)
    return home, result, out.file.getvalue()


def test_it_leaves_a_champion_and_every_event_in_the_home(shown) -> None:
    home, result, _ = shown
    assert champion(home) == result.version
    assert result.promoted
    assert scan_events(home).select(pl.len()).collect().item() == tiny().events.height


def test_it_shows_three_products_one_of_them_driven_by_attributes(shown) -> None:
    _, result, printed = shown
    assert len(result.findings) == 3
    assert result.findings[0].planted == tiny().truth.drive
    assert len({finding.planted for finding in result.findings}) == 3
    for finding in result.findings:
        assert finding.name in printed
        assert f"planted: {finding.planted}" in printed
        assert len(finding.worths) == len(finding.segments) > 0


def test_what_it_found_is_worth_more_than_everybody_and_at_most_the_possible(shown) -> None:
    """Of those who are left: most people have acted on most products of so small a world."""
    firsts = [finding.worths[0] for finding in shown[1].findings]
    assert sum(first.rate > first.everybody for first in firsts) >= 2
    assert np.mean([first.rate / first.everybody for first in firsts]) > 1.2
    assert all(first.rate <= first.possible for first in firsts)
    for finding in shown[1].findings:
        assert finding.planted_worth.rate <= finding.planted_worth.possible
        assert finding.planted_worth.size < finding.planted_size


def test_it_judges_itself_beside_the_oracle(shown) -> None:
    _, result, printed = shown
    assert 0.5 < result.judgement.interest <= result.judgement.interest_oracle
    assert "oracle" in printed


def test_a_home_of_another_demo_is_left_alone(shown) -> None:
    home, result, _ = shown
    with pytest.raises(DataError, match="holds the demo of world with seed 1"):
        demo(home, seed=2, plan=tiny().plan, console=console())
    with pytest.raises(DataError, match="name another home"):
        demo(home, data="movielens", console=console())
    assert champion(home) == result.version


def test_a_home_with_events_of_its_own_is_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    files = store_world(tmp_path / "files", tiny())
    ingest(home, now=tiny().plan.until, events=files["events"])
    with pytest.raises(DataError, match="holds events already"):
        demo(home, seed=1, plan=tiny().plan, console=console())
    assert not (home.root / "demo").exists()


def test_offline_movielens_leaves_the_home_free_for_the_planted_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(DataError, match="run `mokhatab demo`"):
        demo(Home(tmp_path), data="movielens", console=console())
    assert not (tmp_path / "demo").exists()


@pytest.mark.slow
def test_a_second_run_takes_up_where_the_first_ended(shown) -> None:
    home, _, _ = shown
    again = demo(home, seed=1, plan=tiny().plan, console=console())
    assert [finding.product_id for finding in again.findings]
    assert scan_events(home).select(pl.len()).collect().item() == tiny().events.height
