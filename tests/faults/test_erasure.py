"""Erasure leaves nothing: no answer, no byte in the home, no way back by another import."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.errors import UnknownEntity
from engine.frames import FOLLOWEE, FOLLOWER, TARGET, USER
from engine.operations import audiences
from engine.operations.consent import record_consent, show_consent
from engine.operations.erasure import erase_user, without_erased
from engine.operations.models import ModelHolder
from engine.operations.permits import Permits
from engine.signals.activitystreams import read_activity
from engine.store import eventlog
from engine.store.artefacts import Model, open_model
from engine.store.forgotten import forgotten, newest_erasure
from engine.store.home import Home
from engine.store.removal import without_users
from engine.store.results import record_results
from engine.store.versions import champion, versions
from tests.training.planted import events_like, quick_home, tasteful
from training.flow import retrain
from training.ingest import ingest

CANARY = "canary-4711"
ALL = dict.fromkeys(("store", "profile", "select", "measure"), True)
TABLES = ("events", "users", "follows", "results")
LATER = datetime(2026, 11, 23, tzinfo=UTC)


def acts() -> pl.DataFrame:
    """A taste, with one person called by a name that nothing else holds."""
    events = events_like(tasteful(120, 15))
    users = events[USER].unique().sort()
    return events.with_columns(
        pl.col(USER).replace({users[40]: CANARY}),
        pl.when(pl.col(USER) == users[3]).then(pl.lit(CANARY)).alias(TARGET),
    )


def write_files(folder: Path) -> dict[str, Path]:
    """Events, users and follows that name the canary, one refused row among them."""
    folder.mkdir(exist_ok=True)
    events = acts().select(USER, "product_id", "action", "occurred_at", TARGET)
    others = events.filter(pl.col(USER) != CANARY)[USER].unique().sort()
    lines = events.with_columns(pl.col("occurred_at").dt.to_string("iso:strict")).write_ndjson()
    bad = {"user_id": CANARY, "product_id": "p", "action": "none", "occurred_at": "2026-01-01"}
    paths = {name: folder / f"{name}.ndjson" for name in ("events", "users", "follows")}
    other = bad | {"user_id": "someone", TARGET: CANARY}
    paths["events"].write_text(lines + json.dumps(bad) + "\n" + json.dumps(other) + "\n")
    people = [{USER: user, "city": "t"} for user in (CANARY, *others)]
    paths["users"].write_text("\n".join(map(json.dumps, people)))
    ties = [(CANARY, others[0]), (others[1], CANARY), (others[1], others[2])]
    rows = [{FOLLOWER: one, FOLLOWEE: other} for one, other in ties]
    paths["follows"].write_text("\n".join(map(json.dumps, rows)))
    return paths


def holding(home: Home, text: str = CANARY) -> list[str]:
    """Files that hold the id as it is, or in the columns and cells of tables."""
    found = []
    for path in home.root.rglob("*"):
        if not path.is_file():
            continue
        held = text.encode() in path.read_bytes()
        if path.suffix == ".parquet" and "_delta_log" not in path.parts:
            frame = pl.read_parquet(path)
            held |= any(frame[c].eq(text).any() for c, t in frame.schema.items() if t == pl.String)
        if held:
            found.append(str(path.relative_to(home.root)))
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = quick_home(tmp_path_factory.mktemp("erasure") / "a home é")
    ingest(home, now=LATER, **write_files(home.root.parent / "files"))
    record_consent(home, CANARY, source="form", now=LATER, purposes=ALL)
    retrain(home)
    return home


@pytest.fixture
def home(trained: Home, tmp_path: Path) -> Home:
    shutil.copytree(trained.root, tmp_path / "a home é")
    return Home(tmp_path / "a home é")


def test_no_byte_of_the_person_stays_in_the_home(home: Home) -> None:
    kept = holding(home)
    for place in ("log/events", "log/users", "log/follows", "models", "quarantine", "catalog"):
        assert any(path.startswith(place) for path in kept), place
    receipt = erase_user(home, CANARY, now=LATER)
    assert holding(home) == []
    removed = receipt["removed"]
    assert removed["tables"]["events"] == acts().filter(pl.col(USER) == CANARY).height
    assert (removed["tables"]["users"], removed["tables"]["follows"]) == (1, 2)
    assert (removed["quarantine"], removed["fitted"]) == (2, 1)
    assert len(removed["models"]) == 1
    assert removed["consents"] == 1
    assert CANARY not in json.dumps(receipt)
    assert (home.root / "receipts" / f"{receipt['receipt']}.json").is_file()


def test_others_keep_what_they_had(home: Home) -> None:
    before = eventlog.scan_events(home).collect()
    erase_user(home, CANARY, now=LATER)
    after = eventlog.scan_events(home).collect()
    wanted = before.filter(pl.col(USER) != CANARY).with_columns(
        pl.when(pl.col(TARGET) != CANARY).then(pl.col(TARGET)).alias(TARGET)
    )
    assert after.sort("event_id").equals(wanted.sort("event_id"))
    assert after[TARGET].null_count() == after.height
    assert eventlog.append_events(home, after) == 0, "the log still knows what it holds"


def test_another_import_does_not_bring_them_back(home: Home, tmp_path: Path) -> None:
    erase_user(home, CANARY, now=LATER)
    counts = ingest(home, now=LATER, **write_files(tmp_path / "again")).tables
    assert [counts[name].stored for name in ("events", "users", "follows")] == [0, 0, 0]
    assert counts["events"].quarantined["user was erased"] > 1
    assert holding(home) == []
    eventlog.append_events(home, acts())
    eventlog.upsert(home, "users", pl.DataFrame({USER: [CANARY], "city": ["t"]}))
    eventlog.add_follows(home, pl.DataFrame({FOLLOWER: [CANARY], FOLLOWEE: ["u00001"]}))
    # another person's act was handed over with its target as it was: only doors take names out
    assert [path for path in holding(home) if not path.startswith("log/events")] == []
    log = eventlog.scan_events(home)
    assert log.filter(pl.col(USER) == CANARY).collect().is_empty()
    assert show_consent(home, CANARY)["erased"]


def test_everybody_else_is_answered_as_before(home: Home) -> None:
    before = open_model(home)
    product = before.products["product_id"][0]
    ranked = audiences.audience(before, product, share=1, include_known=True)
    erase_user(home, CANARY, now=LATER)
    after = open_model(home)
    assert after.version != before.version
    assert versions(home) == [after.version] == [champion(home)]
    again = audiences.audience(after, product, share=1, include_known=True)
    others = ranked.ids != CANARY
    assert again.ids.to_list() == ranked.ids.filter(others).to_list()
    assert again.scores.tolist() == ranked.scores[others.to_numpy()].tolist()
    one = before.users[USER][60]
    told, retold = (
        audiences.user_segments(m, [one], limit=100)["users"][one] for m in (before, after)
    )
    assert [s["segment_id"] for s in told] == [s["segment_id"] for s in retold]
    with pytest.raises(UnknownEntity):
        audiences.user_segments(after, [CANARY])


def test_a_process_that_slept_through_an_erasure_does_not_name_them(home: Home) -> None:
    holders = [_holder(home) for _ in range(2)]
    awake, asleep = holders
    assert CANARY in awake.model().users[USER]
    product = open_model(home).products["product_id"][0]
    erase_user(home, CANARY, now=LATER)
    for holder in holders:
        found = audiences.audience(holder.model(), product, share=1, include_known=True)
        assert CANARY not in found.ids
    assert CANARY in asleep.model().users[USER], "it still answers from what it had mapped"
    with pytest.raises(UnknownEntity):
        audiences.user_segments(asleep.model(), [CANARY])


def test_a_stranger_who_is_erased_disturbs_nobody(home: Home) -> None:
    holder = _holder(home)
    before = holder.model()
    erase_user(home, "somebody else", now=LATER)
    for after in (holder.model(), _holder(home).model()):
        assert after.version == before.version
        assert after.withheld is not None
        assert not after.withheld.rows.size
    assert open_model(home).window["erasures"] == newest_erasure(home)


def _holder(home: Home) -> ModelHolder:
    return ModelHolder(
        home,
        check_seconds=3600,
        clock=lambda: 0.0,
        alert=lambda version, reason: None,
        permits=Permits(home, check_seconds=3600, clock=lambda: 0.0),
    )


def test_a_model_that_was_learned_meanwhile_is_cleaned_before_it_is_kept(home: Home) -> None:
    learned = open_model(home)
    assert without_erased(home, learned) is learned
    erase_user(home, CANARY, now=LATER)
    cleaned = without_erased(home, learned)
    assert CANARY not in cleaned.users[USER]
    assert cleaned.users.height == learned.users.height - 1
    assert cleaned.window["erasures"] == newest_erasure(home)


def test_asking_twice_and_for_a_stranger_does_no_harm(home: Home) -> None:
    erase_user(home, CANARY, now=LATER)
    version = champion(home)
    again = erase_user(home, CANARY, now=LATER)
    assert again["removed"]["models"] == {}
    assert again["removed"]["tables"] == dict.fromkeys(TABLES, 0)
    erase_user(home, 'nobody\'s "name"', now=LATER)
    assert champion(home) == version
    gone = forgotten(home, pl.Series([CANARY, 'nobody\'s "name"', "u00001", None]))
    assert gone.to_list() == [True, True, False, False]


def test_a_home_without_anything_can_be_asked(tmp_path: Path) -> None:
    receipt = erase_user(Home(tmp_path), CANARY, now=LATER)
    assert receipt["removed"]["models"] == {}
    assert receipt["removed"]["consents"] == 0, "its own withdrawal is none of theirs"
    assert holding(Home(tmp_path)) == []


def test_the_last_row_of_a_table_goes_like_any_other(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    eventlog.upsert(home, "users", pl.DataFrame({USER: [CANARY], "city": ["t"]}))
    eventlog.add_follows(home, pl.DataFrame({FOLLOWER: [CANARY], FOLLOWEE: ["other"]}))
    removed = erase_user(home, CANARY, now=LATER)["removed"]["tables"]
    assert removed == dict.fromkeys(TABLES, 0) | {"users": 1, "follows": 1}
    assert holding(home) == []
    eventlog.upsert(home, "users", pl.DataFrame({USER: ["other"], "city": ["t"]}))
    assert eventlog.scan_table(home, "users").collect().rows() == [("other", "t")]


def test_the_second_who_is_erased_leaves_as_little_as_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    people = ["AAA-canary", "mmm-canary", "zzz-canary"]
    events = events_like(tasteful(3, 15)).with_columns(pl.col(USER).rank("dense").alias("of"))
    named = pl.Series(people).gather(events["of"].cast(pl.UInt32) - 1)
    eventlog.append_events(home, events.with_columns(named.alias(USER)))
    for gone in ("AAA-canary", "zzz-canary", "mmm-canary"):
        erase_user(home, gone, now=LATER)
        assert holding(home, gone) == []
    assert eventlog.scan_events(home).collect().is_empty()


def test_who_was_followed_or_blocked_is_no_product_afterwards(tmp_path: Path) -> None:
    home, person = Home(tmp_path / "home"), "https://s/canary-4711"
    file = tmp_path / "acts.ndjson"
    said = [
        {"type": kind, "actor": f"https://s/{kind}", "object": person, "published": "2026-01-01"}
        for kind in ("Follow", "Block", "Like", "Flag")
    ]
    file.write_text("\n".join(json.dumps(read_activity(one)) for one in said))
    assert ingest(home, events=file, now=LATER).tables["events"].stored == 4
    record_results(home, [spent_on(person)], now=LATER)
    assert erase_user(home, person, now=LATER)["removed"]["tables"]["results"] == 1
    assert holding(home, person) == []
    ingest(home, events=file, now=LATER)
    assert holding(home, person) == []
    assert eventlog.scan_events(home).collect().height == 4
    assert eventlog.scan_table(home, "results").collect().height == 1


def test_a_product_that_shares_its_number_with_the_person_stays(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    events = events_like(tasteful(20, 15)).with_columns(
        pl.lit("5").alias("product_id"),
        pl.col("action").replace_strict({}, default="like").alias("action"),
    )
    half = pl.int_range(pl.len()) % 2 == 0
    events = events.with_columns(
        pl.when(half).then(pl.lit("5")).alias(TARGET),
        pl.when(half).then(pl.lit("follow")).otherwise("action").alias("action"),
    )
    eventlog.append_events(home, events)
    record_results(home, [spent_on("5")], now=LATER)
    erase_user(home, "5", now=LATER)
    left = eventlog.scan_events(home).collect()
    assert left.height == events.height
    assert set(left.filter(pl.col("action") == "follow")["product_id"]) == {None}
    assert set(left.filter(pl.col("action") == "like")["product_id"]) == {"5"}
    assert eventlog.scan_table(home, "results").collect()["product_id"].to_list() == ["5"]


def spent_on(product: str) -> pl.DataFrame:
    row = {
        "date": LATER.date(), "channel": "c", "impressions": 1, "clicks": 1, "spend": 1.0,
        "product_id": product,
    }  # fmt: skip
    return pl.DataFrame([row], schema_overrides={"date": pl.Date})


def test_refused_lines_that_cannot_be_read_go_where_they_hold_the_id(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.quarantine.mkdir(parents=True)
    raws = [
        f'{{"user_id": "{CANARY}", "prod',
        f"x{CANARY}y;cut",
        json.dumps({"actor": {"id": CANARY}}),
        json.dumps({"text": f"thanks, {CANARY}!"}),
        json.dumps({"user_id": f"{CANARY}0"}),
        '{"user_id": "other", "prod',
    ]
    lines = [json.dumps({"table": "events", "row": 1, "reason": "bad", "raw": raw}) for raw in raws]
    file = home.quarantine / "one.ndjson"
    file.write_text("\n".join([*lines, f"half of a line {CANARY}"]) + "\n")
    assert erase_user(home, CANARY, now=LATER)["removed"]["quarantine"] == 5
    assert file.read_text().splitlines() == lines[4:6]


@pytest.mark.parametrize("gone", [[0], [119], [3, 4, 5], list(range(0, 120, 7))])
def test_people_taken_out_leave_all_others_as_they_were(trained: Home, gone: list[int]) -> None:
    model = open_model(trained)
    left = without_users(model, np.array(gone))
    stays = np.setdiff1d(np.arange(model.users.height), gone)
    for name in ("embeddings",):
        assert np.array_equal(getattr(left, name), getattr(model, name)[stays])
    for product in range(model.products.height):
        kept = np.setdiff1d(model.seen.of(product), gone)
        assert np.array_equal(stays[left.seen.of(product)], kept)
    for at in range(model.segments.table.height):
        assert np.array_equal(stays[_members(left, at)], np.setdiff1d(_members(model, at), gone))
    assert left.users.equals(model.users[stays])
    held = model.holdout.filter(~pl.col("user").is_in(gone))
    assert np.array_equal(stays[left.holdout["user"].to_numpy()], held["user"].to_numpy())


def _members(model: Model, at: int) -> np.ndarray:
    offsets = model.segments.offsets
    return np.asarray(model.segments.members[offsets[at] : offsets[at + 1]])
