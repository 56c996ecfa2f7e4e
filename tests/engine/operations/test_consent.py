"""Withdrawn people are in no answer, from the next one on; others stay as they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from engine.errors import InvalidValue, UnknownEntity
from engine.frames import EVENTS, USER
from engine.operations import audiences
from engine.operations.consent import (
    consented,
    import_consents,
    record_consent,
    show_consent,
    unwelcome,
)
from engine.operations.permits import Permits, members_among, permitted_now
from engine.operations.withholding import segment_sizes_now
from engine.privacy.consent import PURPOSES, SELECT
from engine.store.home import Home
from tests.api.planted import planted

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ALL = dict.fromkeys(PURPOSES, True)
NO_SELECTION = ALL | {SELECT: False}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    return Home(tmp_path)


@pytest.fixture(scope="module")
def model():
    return planted("v1")


def say(home: Home, user: str, purposes: dict[str, bool], **options):
    return record_consent(home, user, source="test", now=NOW, purposes=purposes, **options)


def deny_by_default(home: Home) -> None:
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs" / "privacy.toml").write_text("[defaults]\nselect = false\n")


def everybody(model, product: str) -> list[str]:
    found = audiences.audience(model, product, share=1, include_known=True)
    return found.ids.to_list()


def test_without_a_record_the_defaults_speak(home):
    assert show_consent(home, "u")["in_force"] == ALL
    assert not show_consent(home, "u")["recorded"]
    assert not home.catalog.exists(), "a question makes no database"


def test_what_was_said_later_holds_whatever_arrives_later(home):
    say(home, "u", NO_SELECTION, at=NOW - timedelta(days=1))
    say(home, "u", ALL, at=NOW - timedelta(days=3))
    assert not show_consent(home, "u")["in_force"][SELECT]
    say(home, "u", ALL)
    assert show_consent(home, "u")["in_force"][SELECT]


def test_of_two_records_of_one_moment_the_later_kept_holds(home):
    say(home, "u", ALL)
    say(home, "u", NO_SELECTION)
    assert not show_consent(home, "u")["in_force"][SELECT]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"purposes": ALL, "gpc": True},
        {"gpc": False},
        {"tcf": "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"},
        {"purposes": ALL, "at": NOW + timedelta(seconds=1)},
    ],
)
def test_what_is_not_clear_is_refused_and_nothing_kept(home, asked):
    with pytest.raises(InvalidValue):
        record_consent(home, "u", source="test", now=NOW, **asked)
    assert not show_consent(home, "u")["recorded"]


def test_gpc_objects_and_leaves_the_rest_as_it_was(home):
    say(home, "u", ALL | {"measure": False})
    found = record_consent(home, "u", source="header", now=NOW, gpc=True)
    assert found["purposes"] == {
        "store": True, "profile": False, "select": False, "measure": False,
    }  # fmt: skip


@pytest.mark.parametrize("missing", ["select", "profile", "store"])
def test_who_withdraws_is_in_no_answer(home, model, missing):
    gone = model.users[USER][17]
    before = everybody(model, "product-003")
    say(home, gone, ALL | {missing: False})
    now = permitted_now(home, model)
    assert set(before) - set(everybody(now, "product-003")) == {gone}
    assert everybody(now, "product-003") == [user for user in before if user != gone]
    answer = audiences.user_segments(now, [gone, before[0]])
    assert gone not in answer["users"]
    assert answer["unknown"] == [gone]
    scored = pl.concat(audiences.score_all(now))
    assert gone not in scored[USER]
    assert scored.height == (model.users.height - 1) * model.products.height


def test_who_withdrew_is_not_named_as_being_near(home, model):
    gone = model.users[USER][17]
    say(home, gone, NO_SELECTION)
    with pytest.raises(UnknownEntity) as raised:
        audiences.user_segments(permitted_now(home, model), [gone])
    assert gone not in raised.value.near


def test_sizes_count_nobody_who_withdrew(home, model):
    random = np.random.default_rng(3)
    gone = random.choice(model.users.height, 90, replace=False)
    rows = pl.DataFrame(
        [{USER: model.users[USER][int(row)], **NO_SELECTION, "source": "test"} for row in gone]
    )
    assert import_consents(home, rows, now=NOW)["stored"] == 90
    now = permitted_now(home, model)
    parts, sizes = model.segments, segment_sizes_now(now)
    named = {}
    for at, id in enumerate(parts.table["segment_id"]):
        members = parts.members[parts.offsets[at] : parts.offsets[at + 1]]
        named[id] = np.setdiff1d(members, gone).size
        assert sizes[at] in (named[id], 0)
    assert (sizes > 0).any()
    for product in ("product-001", "product-005"):
        told = audiences.best_segments(now, product)["segments"]
        assert told
        for segment in told:
            if segment["segment_id"] in named:
                assert segment["size"] == named[segment["segment_id"]]
        left = audiences.audience(now, product, share=1).rows.size
        for point in audiences.curve(now, product)["points"]:
            assert point["size"] <= left
    user = next(row for row in range(model.users.height) if row not in gone)
    belongs = audiences.user_segments(now, [model.users[USER][user]])["users"]
    for segment in next(iter(belongs.values())):
        if segment["segment_id"] in named:
            assert segment["size"] == named[segment["segment_id"]]


def test_a_segment_that_became_too_small_is_not_told_of(home, model):
    parts = model.segments
    at = int(np.diff(parts.offsets).argmin())
    members = parts.members[parts.offsets[at] : parts.offsets[at + 1]]
    for row in members[1:]:
        say(home, model.users[USER][int(row)], NO_SELECTION)
    now = permitted_now(home, model)
    assert segment_sizes_now(now)[at] == 0
    last = model.users[USER][int(members[0])]
    ids = [one["segment_id"] for one in audiences.user_segments(now, [last])["users"][last]]
    assert parts.table["segment_id"][at] not in ids


def test_a_channel_speaks_of_nobody_who_withdrew(home, model):
    before = audiences.best_segments(model, "product-001", channel="telegram")["segments"]
    on_channel = model.users.filter(pl.col("channels").list.contains("telegram"))[USER]
    gone = pl.DataFrame(
        [{USER: user, **NO_SELECTION, "source": "t"} for user in on_channel[: len(on_channel) // 2]]
    )
    assert import_consents(home, gone, now=NOW)["stored"] == gone.height
    after = audiences.best_segments(permitted_now(home, model), "product-001", channel="telegram")[
        "segments"
    ]
    assert max(one["size"] for one in after) < max(one["size"] for one in before)


def test_one_process_notices_what_another_records(home, model):
    permits = Permits(home, check_seconds=3600)
    user = model.users[USER][5]
    assert permits.permitted(model).withheld.rows.size == 0
    first = permits.permitted(model)
    assert permits.permitted(model) is first, "nothing changed: nothing is made anew"
    say(home, user, NO_SELECTION)
    assert permits.permitted(model).withheld.rows.tolist() == [5]
    say(home, user, ALL)
    assert permits.permitted(model).withheld.rows.size == 0
    assert not permits.permitted(model).withheld.members.any()


def test_step_by_step_and_at_once_withhold_the_same(home, model):
    permits = Permits(home, check_seconds=3600)
    random = np.random.default_rng(8)
    for _ in range(25):
        row = int(random.integers(40))
        say(home, model.users[USER][row], ALL | {SELECT: bool(random.integers(2))})
        step = permits.permitted(model).withheld
    whole = permitted_now(home, model).withheld
    assert step.rows.tolist() == whole.rows.tolist()
    assert step.members.tolist() == whole.members.tolist()
    assert step.marks == whole.marks


def test_where_consent_is_asked_first_only_those_who_agreed_are_addressed(home, model):
    deny_by_default(home)
    user = model.users[USER][9]
    assert everybody(permitted_now(home, model), "product-001") == []
    say(home, user, ALL)
    assert everybody(permitted_now(home, model), "product-001") == [user]


def test_few_and_many_are_counted_alike(model):
    random = np.random.default_rng(1)
    for count in (1, 7, 200):
        rows = np.sort(random.choice(model.users.height, count, replace=False))
        mask = np.zeros(model.users.height, bool)
        mask[rows] = True
        parts = model.segments
        wanted = np.add.reduceat(mask[parts.members], parts.offsets[:-1], dtype=np.int64)
        assert members_among(parts, mask, rows).tolist() == wanted.tolist()


def test_events_are_left_to_those_who_agreed(home):
    events = pl.LazyFrame({USER: ["a", "b", "b", "c"]})
    assert consented(home, events, "profile") is events
    say(home, "b", ALL | {"profile": False})
    assert sorted(consented(home, events, "profile").collect()[USER]) == ["a", "c"]


def test_who_refuses_to_be_stored_is_not_stored(home):
    say(home, "b", dict.fromkeys(PURPOSES, False))
    rows = pl.DataFrame({USER: ["a", "b", None]})
    assert unwelcome(home, EVENTS.name, rows).to_list() == [
        None, "user did not agree to be stored", None,
    ]  # fmt: skip


def filed(**columns):
    """A file of three rows by a, b and c, where everybody agrees."""
    said = {name: ["yes"] * 3 for name in PURPOSES}
    return pl.DataFrame({USER: ["a", "b", "c"], **said, "source": ["x"] * 3} | columns)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("select", None), ("select", "maybe"), ("source", " "), ("source", "x" * 201),
        ("user_id", ""), ("user_id", "u" * 257), ("occurred_at", "soon"),
        ("occurred_at", "2099-01-01T00:00:00Z"), ("gpc", "perhaps"),
        ("tcf", "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"),
    ],
)  # fmt: skip
def test_one_bad_row_is_named_and_the_others_are_recorded(home, column, value):
    rows = filed()
    good = rows[column][0] if column in rows.columns else None
    values = ["a", value, "c"] if column == USER else [good, value, good]
    rows = rows.with_columns(pl.Series(column, values, pl.String))
    told = import_consents(home, rows, now=NOW)
    assert (told["read"], told["stored"], told["refused"]) == (3, 2, 1)
    ((reason, numbers),) = told["why"].items()
    assert reason.startswith(f"{column}: ")
    assert numbers == [2]
    assert [show_consent(home, user)["recorded"] for user in "abc"] == [True, False, True]


def test_a_file_without_a_usable_row_is_refused(home):
    for rows in (filed(tcf=["CPX"] * 3), filed().drop("select"), filed().drop("source")):
        with pytest.raises(InvalidValue):
            import_consents(home, rows, now=NOW)
    assert import_consents(home, filed().clear(), now=NOW)["stored"] == 0


@pytest.mark.parametrize("said", ["1", "true", True, 1])
def test_gpc_in_a_file_objects_as_the_signal_does(home, said):
    say(home, "b", ALL | {"measure": False}, at=NOW - timedelta(days=1))
    rows = filed(gpc=pl.Series([None, said, said], strict=False))
    empty = [pl.when(pl.col(USER) != "b").then(pl.col(name)).alias(name) for name in PURPOSES]
    assert import_consents(home, rows.with_columns(empty), now=NOW)["stored"] == 3
    objected = ALL | {"profile": False, "select": False}
    wanted = {"a": ALL, "b": objected | {"measure": False}, "c": objected}
    assert {user: show_consent(home, user)["purposes"] for user in "abc"} == wanted


def test_a_file_of_gpc_alone_needs_no_purposes(home):
    rows = filed(gpc=["1", "0", None]).drop(list(PURPOSES))
    told = import_consents(home, rows, now=NOW)
    assert (told["stored"], told["why"]) == (1, {"store: is empty": [2, 3]})
    assert show_consent(home, "a")["purposes"] == ALL | {"profile": False, "select": False}


def test_ids_of_a_file_are_kept_as_they_came_and_words_may_have_blanks(home):
    rows = filed(**{USER: [" a", "\t", "c"]}, select=[" No ", "yes", "no"])
    told = import_consents(home, rows, now=NOW)
    assert told["why"] == {"user_id: is empty": [2]}
    assert show_consent(home, " a")["recorded"]
    assert not show_consent(home, " a")["purposes"][SELECT]
    assert not show_consent(home, "a")["recorded"]


def test_an_objection_stands_on_what_the_same_file_said_before(home):
    rows = filed(**{USER: ["a"] * 3}, gpc=[None, "1", "1"], measure=["no", None, None])
    later = pl.int_range(pl.len()) > 0
    rows = rows.with_columns(pl.when(~later).then(pl.col(name)).alias(name) for name in PURPOSES)
    import_consents(home, rows, now=NOW)
    objected = {"store": True, "profile": False, "select": False, "measure": False}
    assert show_consent(home, "a")["purposes"] == objected
