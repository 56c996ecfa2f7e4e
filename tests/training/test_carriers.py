"""Who passes on whose word, from the log to a model and back: consent, order, erasure."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.errors import InvalidValue
from engine.frames import AT, FOLLOWEE, FOLLOWER, USER
from engine.operations.audiences import best_segments
from engine.operations.carriers import carriers_graph
from engine.operations.consent import record_consent
from engine.operations.erasure import erase_user
from engine.store import eventlog
from engine.store.artefacts import Model, open_model, save
from engine.store.carriers import Carriers
from engine.store.eventlog import scan_events
from engine.store.home import Home
from engine.store.versions import champion
from tests.training.planted import events_like, quick_home, tasteful
from training.carriers import Told, learn_carriers
from training.flow import retrain

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OUTSIDER = "known by ties alone"
REFUSER = "u00007"


def follows(people: list[str]) -> pl.DataFrame:
    """A chain, a star around the first, and somebody whom only ties know."""
    chain = list(zip(people[1:], people[:-1], strict=True))
    star = [(person, people[0]) for person in people[2:30]]
    rows = [*chain, *star, (people[5], OUTSIDER), (OUTSIDER, people[6])]
    return pl.DataFrame(rows, schema=[FOLLOWER, FOLLOWEE], orient="row")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = quick_home(tmp_path_factory.mktemp("word") / "home", events_like(tasteful(120, 15)))
    people = scan_events(home).select(USER).unique().sort(USER).collect()[USER].to_list()
    eventlog.add_follows(home, follows(people))
    refused = {"store": True, "profile": False, "select": False, "measure": False}
    record_consent(home, REFUSER, source="form", now=NOW, purposes=refused)
    retrain(home)
    return home


def told(home: Home) -> Told:
    acts = scan_events(home)
    return Told(acts, acts, acts.select(pl.col(AT).max()).collect().item())


def carriers_in(model: Model) -> Carriers:
    assert model.carriers is not None
    return model.carriers


def tie_names(model: Model) -> set[tuple[str, str]]:
    carriers = carriers_in(model)
    ids = carriers.people[USER]
    taker = np.repeat(np.arange(ids.len()), np.diff(carriers.starts))
    return set(zip(ids.gather(taker), ids.gather(carriers.others), strict=True))


def test_a_retrain_keeps_the_ties_of_all_who_agreed(trained: Home) -> None:
    model = open_model(trained)
    people = sorted([*model.users[USER], REFUSER])
    wanted = {tie for tie in follows(people).iter_rows() if REFUSER not in tie}
    assert tie_names(model) == wanted
    assert carriers_in(model).people[USER].is_sorted()


def test_each_person_knows_their_row_among_the_users(trained: Home) -> None:
    model = open_model(trained)
    people = carriers_in(model).people
    known = people.drop_nulls("row")
    assert model.users[USER].gather(known["row"]).to_list() == known[USER].to_list()
    assert people.filter(pl.col("row").is_null())[USER].to_list() == [OUTSIDER]


def test_the_graph_maps_what_the_model_maps_and_is_made_once(trained: Home) -> None:
    model = open_model(trained)
    graph = carriers_graph(model)
    assert graph is carriers_graph(model)
    for mine, kept in ((graph.takes.others, "others"), (graph.takes.chances, "chances")):
        assert np.shares_memory(mine, getattr(carriers_in(model), kept))


def test_who_follows_whom_likes_the_same_after_them_by_a_chance_below_one(trained: Home) -> None:
    carriers = carriers_in(open_model(trained))
    assert 0 < carriers.chances.min() <= carriers.chances.max() < 1
    assert (carriers.against > 0).any()  # where both dislike the same
    assert (carriers.chances + carriers.against <= 1).all()


def test_nobody_carries_the_word_of_whom_nobody_follows(trained: Home) -> None:
    carriers = carriers_in(open_model(trained))
    alone = np.bincount(carriers.others, minlength=carriers.people.height) == 0
    assert alone.any()
    assert (carriers.carry[alone] == 0).all()
    assert (carriers.carry[~alone] > 0).mean() > 0.9


def test_the_same_ties_in_another_order_give_the_same_arrays(trained: Home, tmp_path: Any) -> None:
    home = quick_home(tmp_path / "other", scan_events(trained).collect())
    rows = eventlog.scan_table(trained, "follows").collect()
    eventlog.add_follows(home, rows.sample(fraction=1, shuffle=True, seed=3))
    refused = {"store": True, "profile": False, "select": False, "measure": False}
    record_consent(home, REFUSER, source="form", now=NOW, purposes=refused)
    model = open_model(trained)
    one, other = carriers_in(model), learn_carriers(home, told(home), model.users[USER], seed=0)
    assert other is not None
    assert one.people.equals(other.people)
    for name in ("starts", "others", "chances", "against", "carry", "pace"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("person", ["u00000", "u00005", OUTSIDER])
def test_erasure_takes_a_person_and_their_ties(trained: Home, tmp_path: Path, person: str) -> None:
    shutil.copytree(trained.root, tmp_path / "home")
    home = Home(tmp_path / "home")
    before = open_model(home)
    erase_user(home, person, now=NOW)
    after = open_model(home)
    assert after.version != before.version
    assert tie_names(after) == {tie for tie in tie_names(before) if person not in tie}
    kept = carriers_in(after).people.drop_nulls("row")
    assert after.users[USER].gather(kept["row"]).to_list() == kept[USER].to_list()
    others = carriers_in(before).people[USER] != person
    assert np.array_equal(carriers_in(after).carry, carriers_in(before).carry[others.to_numpy()])
    folder = home.models / champion(home)
    assert not any(person.encode() in path.read_bytes() for path in folder.iterdir())


def test_a_version_without_ties_opens_and_says_what_is_missing(
    trained: Home, tmp_path: Path
) -> None:
    home = quick_home(tmp_path / "home", events_like(tasteful(120, 15)))
    whole = open_model(trained)
    assert learn_carriers(home, told(home), whole.users[USER], seed=0) is None
    save(home, replace(whole, carriers=None))
    model = open_model(home, whole.version)
    assert model.carriers is None
    assert not list((home.models / model.version).glob("carriers_*"))
    with pytest.raises(InvalidValue, match="ingest --follows"):
        carriers_graph(model)


def test_a_model_written_anew_reads_back_the_same(trained: Home, tmp_path: Path) -> None:
    model, home = open_model(trained), Home(tmp_path / "other")
    save(home, model)
    again = carriers_in(open_model(home, model.version))
    assert again.people.equals(carriers_in(model).people)
    assert np.array_equal(again.others, carriers_in(model).others)
    assert np.array_equal(again.carry, carriers_in(model).carry)


def test_segments_tell_what_reach_they_earn(trained: Home) -> None:
    model = open_model(trained)
    earned = model.segments.best["earned_reach"]
    assert earned.null_count() == 0
    assert (earned > 0).any()
    assert model.products["passed_on"].is_between(0, 1).all()


def test_where_nobody_follows_anybody_no_reach_is_told_for_none(tmp_path: Path) -> None:
    home = quick_home(tmp_path / "alone", events_like(tasteful(120, 15)))
    retrain(home)
    model = open_model(home)
    assert model.carriers is None
    assert model.segments.best["earned_reach"].null_count() == model.segments.best.height
    first = best_segments(model, model.products["product_id"][0])["segments"]
    assert {one["earned_reach"] for one in first} == {None}
