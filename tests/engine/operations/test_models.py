"""Models: promoted after a look at every file, rolled back, held open and swapped."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.errors import ArtefactCorrupt, NotTrained, UnknownEntity
from engine.operations import models
from engine.store import artefacts, versions
from engine.store.home import Home
from tests.api.planted import planted


class Clock:
    """Time that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def _save(home: Home, *versions: str) -> None:
    for number, version in enumerate(versions):
        artefacts.save(home, dataclasses.replace(planted("v", seed=number % 2), version=version))


def _break(home: Home, version: str) -> None:
    path = home.models / version / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def _holder(home: Home, clock: Clock, alerts: list[str]) -> models.ModelHolder:
    return models.ModelHolder(
        home,
        check_seconds=1.0,
        clock=clock,
        alert=lambda version, _: alerts.append(version),
    )


def test_versions_are_listed_with_the_champion(home: Home) -> None:
    _save(home, "v1", "v2")
    assert [model["champion"] for model in models.list_models(home)] == [False, False]
    models.promote_model(home, "v2", actor="me")
    listed = {model["version"]: model["champion"] for model in models.list_models(home)}
    assert listed == {"v1": False, "v2": True}
    assert models.show_model(home)["version"] == "v2"


def test_an_unreadable_manifest_is_listed_as_not_sound(home: Home) -> None:
    _save(home, "v1")
    (home.models / "v1" / "manifest.json").write_text("{")
    assert models.list_models(home)[0]["sound"] is False


def test_a_promotion_is_noted_with_actor_and_reason(home: Home) -> None:
    _save(home, "v1", "v2")
    models.promote_model(home, "v1", actor="me", reason="first")
    assert models.promote_model(home, "v2", actor="you") == {"version": "v2", "previous": "v1"}
    (move,) = models.show_model(home, "v1")["promotions"]
    assert (move["actor"], move["reason"]) == ("me", "first")


def test_a_corrupt_version_is_not_promoted(home: Home) -> None:
    _save(home, "v1", "v2")
    models.promote_model(home, "v1", actor="me")
    _break(home, "v2")
    with pytest.raises(ArtefactCorrupt):
        models.promote_model(home, "v2", actor="me")
    assert versions.champion(home) == "v1"


@pytest.mark.parametrize("version", ["v9", "../v1", "", "v1/../v1", "/etc/passwd", "v1\0"])
def test_only_known_versions_are_promoted(home: Home, version: str) -> None:
    _save(home, "v1")
    with pytest.raises(UnknownEntity):
        models.promote_model(home, version, actor="me")


def test_rollback_goes_to_the_newest_sound_version_before(home: Home) -> None:
    _save(home, "v1", "v2", "v3", "v4")
    models.promote_model(home, "v4", actor="me")
    _break(home, "v3")
    assert models.rollback_model(home, actor="me")["version"] == "v2"
    assert models.rollback_model(home, actor="me")["version"] == "v1"
    with pytest.raises(models.NoEarlierModel):
        models.rollback_model(home, actor="me")


def test_without_a_champion_there_is_nothing_to_hold(home: Home) -> None:
    holder = _holder(home, Clock(), [])
    with pytest.raises(NotTrained):
        holder.model()


def test_a_first_champion_is_noticed(home: Home) -> None:
    clock = Clock()
    holder = _holder(home, clock, [])
    _save(home, "v1")
    versions.promote(home, "v1")
    clock.now = 2.0
    with pytest.raises(NotTrained):
        holder.model()
    holder.wait()
    assert holder.model().version == "v1"


def test_a_moved_pointer_is_noticed_only_after_the_interval(home: Home) -> None:
    clock = Clock()
    _save(home, "v1", "v2")
    versions.promote(home, "v1")
    holder = _holder(home, clock, [])
    versions.promote(home, "v2")
    clock.now = 0.9
    assert holder.model().version == "v1"
    holder.wait()
    assert holder.model().version == "v1"
    clock.now = 1.1
    holder.model()
    holder.wait()
    assert holder.model().version == "v2"


def test_a_model_that_was_handed_out_stays_whole_after_a_swap_and_a_sweep(home: Home) -> None:
    clock = Clock()
    _save(home, "v1", "v2")
    versions.promote(home, "v1")
    holder = _holder(home, clock, [])
    before = holder.model()
    versions.promote(home, "v2")
    versions.sweep(home, keep=1)
    clock.now = 2.0
    holder.model()
    holder.wait()
    assert holder.model().version == "v2"
    assert before.embeddings.sum() == pytest.approx(planted("v", seed=0).embeddings.sum(), rel=1e-4)
    assert before.users["user_id"].to_list() == planted("v", seed=0).users["user_id"].to_list()


def test_a_corrupt_new_champion_is_refused_and_the_old_one_goes_on(home: Home) -> None:
    clock, alerts = Clock(), list[str]()
    _save(home, "v1", "v2")
    versions.promote(home, "v1")
    holder = _holder(home, clock, alerts)
    _break(home, "v2")
    versions.promote(home, "v2")
    clock.now = 2.0
    holder.model()
    holder.wait()
    assert holder.model().version == "v1"
    assert alerts == ["v2"]
    assert holder.held.degraded
    assert "v2" in holder.held.refused
    versions.promote(home, "v1")
    clock.now = 4.0
    holder.model()
    holder.wait()
    assert not holder.held.degraded


def test_a_cold_start_falls_back_to_what_came_before_the_champion(home: Home) -> None:
    alerts = list[str]()
    _save(home, "v1", "v2", "v3")
    versions.promote(home, "v2")
    _break(home, "v2")
    holder = _holder(home, Clock(), alerts)
    assert holder.model().version == "v1"  # v3 never won at the gate
    assert alerts == ["v2"]


def test_where_nothing_is_sound_nothing_is_served(home: Home) -> None:
    _save(home, "v1")
    versions.promote(home, "v1")
    _break(home, "v1")
    holder = _holder(home, Clock(), [])
    with pytest.raises(ArtefactCorrupt):
        holder.model()


@pytest.mark.parametrize("content", [b"", b"../../etc", b"\xff\xfe", b"v9\n", b"v1\nv2"])
def test_a_pointer_that_names_no_version_takes_no_model_away(home: Home, content: bytes) -> None:
    clock, alerts = Clock(), list[str]()
    _save(home, "v1")
    versions.promote(home, "v1")
    holder = _holder(home, clock, alerts)
    home.champion.write_bytes(content)
    clock.now = 2.0
    holder.model()
    holder.wait()
    assert holder.model().version == "v1"
    assert alerts


def test_a_pointer_that_vanished_takes_no_model_away(home: Home) -> None:
    clock = Clock()
    _save(home, "v1")
    versions.promote(home, "v1")
    holder = _holder(home, clock, [])
    home.champion.unlink()
    clock.now = 2.0
    holder.model()
    holder.wait()
    assert holder.model().version == "v1"


def test_an_answer_is_valid_for_the_hours_that_are_set() -> None:
    since = datetime(2026, 11, 20, 23, 30, 1, 999, tzinfo=UTC)
    assert models.valid_until(since, 24) == "2026-11-21T23:30:01Z"
    assert models.valid_until(since, 0.5) == "2026-11-21T00:00:01Z"


def _moved(home: Home, holder: models.ModelHolder, clock: Clock) -> models.InUse:
    clock.now += 2.0
    holder.in_use()
    holder.wait()
    return holder.in_use()


def test_a_model_is_in_use_since_the_pointer_was_moved_to_it(home: Home) -> None:
    clock = Clock()
    _save(home, "v1", "v2")
    versions.promote(home, "v1")
    holder = _holder(home, clock, [])
    assert abs(holder.in_use().since - datetime.now(UTC)) < timedelta(minutes=1)
    for hour, version in enumerate(("v2", "v1", "v1")):
        at = 1e9 + 3600 * hour
        versions.promote(home, version)
        os.utime(home.champion, (at, at))
        found = _moved(home, holder, clock)
        assert (found.model.version, found.since) == (version, datetime.fromtimestamp(at, UTC))


def test_the_model_before_a_refused_champion_keeps_the_time_of_its_own_promotion(
    home: Home,
) -> None:
    clock = Clock()
    _save(home, "v1", "v2")
    versions.promote(home, "v1")
    os.utime(home.champion, (1e9, 1e9))
    holder = _holder(home, clock, [])
    _break(home, "v2")
    versions.promote(home, "v2")
    found = _moved(home, holder, clock)
    assert (found.model.version, found.since) == ("v1", datetime.fromtimestamp(1e9, UTC))
