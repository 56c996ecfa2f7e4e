"""Acts that pass on word, as the log tells them: blocks, undos, complaints, objects, channels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.errors import ArtefactCorrupt, UnknownEntity
from engine.frames import AT, EVENTS, FOLLOWEE, FOLLOWER, USER
from engine.operations.carriers import carriers_graph
from engine.operations.consent import record_consent
from engine.store import eventlog
from engine.store.artefacts import open_model, save
from engine.store.carriers import Carriers
from engine.store.home import Home
from tests.api.planted import planted
from training.carriers import Told, learn_carriers
from training.passing import GOOD, SHARED, done_by, passed_on

START = datetime(2026, 1, 1, tzinfo=UTC)
CHOSEN = settings.load("reach", Path("nowhere"))["passing"]


def acts(*rows: dict[str, Any]) -> pl.DataFrame:
    """Events an hour apart, in the log's schema; what a row does not say is null."""
    told = [
        {"event_id": f"e{at}", "occurred_at": START + timedelta(hours=at), **row}
        for at, row in enumerate(rows)
    ]
    return pl.DataFrame(told, schema=EVENTS.columns)


def share(user: str, target: str, **more: Any) -> dict[str, Any]:
    return {"user_id": user, "target_user_id": target, "action": "share", **more}


def learned(home: Home, frame: pl.DataFrame, seed: int = 0) -> Carriers | None:
    told = Told(frame.lazy(), frame.lazy(), frame[AT].max())
    return learn_carriers(home, told, pl.Series(USER, ["a", "b"], pl.String), seed=seed)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_complaint_is_passed_on_as_bad_word(home: Home) -> None:
    rows = [share("a", "b"), share("c", "b", text="this is terrible, awful, do not buy it"),
            share("d", "b", text="wonderful, I love it")]  # fmt: skip
    found = passed_on(home, acts(*rows).lazy(), CHOSEN)
    assert dict(found.select(USER, GOOD).iter_rows()) == {"a": True, "c": False, "d": True}


def test_what_was_taken_back_or_came_before_a_block_counts_for_nothing(home: Home) -> None:
    block = {"user_id": "c", "target_user_id": "b", "action": "block"}
    undo = {"user_id": "a", "action": "undo", "object_id": "e0"}
    rows = [share("a", "b"), share("c", "b"), share("d", "d"), share("e", "b"), block, undo]
    found = passed_on(home, acts(*rows).lazy(), CHOSEN)
    assert found[USER].to_list() == ["e"]
    answered = acts({**share("a", "b"), "action": "mention"})
    assert passed_on(home, answered.lazy(), CHOSEN)[SHARED].to_list() == [False]


def test_what_somebody_posts_is_what_others_share_and_the_first_act_counts(home: Home) -> None:
    rows = [
        {"user_id": "a", "action": "post"},
        {"user_id": "b", "action": "share", "object_id": "e0"},
        {"user_id": "b", "action": "share", "object_id": "e0"},
        {"user_id": "c", "action": "review", "product_id": "p", "value": 1.0},
        {"user_id": "c", "action": "view", "product_id": "q"},
    ]
    found = done_by(home, acts(*rows).lazy(), CHOSEN).sort(AT)
    assert found.select(USER, GOOD).rows() == [("a", True), ("b", True), ("c", False)]
    objects = found["object"].to_list()
    assert objects[0] == objects[1] != objects[2]


def test_shares_without_a_source_are_put_down_to_whom_one_follows(home: Home) -> None:
    ties = [("b", "a"), ("c", "a"), ("b", "d")]
    eventlog.add_follows(home, pl.DataFrame(ties, schema=[FOLLOWER, FOLLOWEE], orient="row"))
    posts = [{"user_id": "a", "action": "post", "event_id": f"post{n}"} for n in range(6)]
    silent = [{"user_id": "d", "action": "post"} for _ in range(6)]
    shares = [{"user_id": "b", "action": "share", "object_id": f"post{n}"} for n in range(5)]
    carriers = learned(home, acts(*posts, *silent, *shares))
    assert carriers is not None
    ids = carriers.people[USER].to_list()
    taker = np.repeat(np.arange(4), np.diff(carriers.starts))
    chance = {
        (ids[t], ids[s]): p
        for t, s, p in zip(taker, carriers.others, carriers.chances, strict=True)
    }
    assert chance[("b", "a")] > 0.5 > chance[("c", "a")]
    assert chance[("b", "d")] < 0.5
    pace = dict(zip(ids, carriers.pace.tolist(), strict=True))
    assert pace["a"] > 0 == pace["d"]


def test_channels_have_chances_of_their_own_and_unknown_ones_are_told(home: Home) -> None:
    loud = [share(f"t{n}", "a", channel="telegram") for n in range(8) for _ in range(3)]
    rows = [*loud, share("t0", "z", channel="instagram"), share("t1", "z")]
    carriers = learned(home, acts(*rows))
    assert carriers is not None
    assert carriers.channels["channel"].to_list() == ["instagram", "telegram"]
    model = replace(planted("w1"), carriers=carriers)
    graph = carriers_graph(model, "telegram")
    assert len(graph) == len(carriers_graph(model))
    assert set(graph.users.gather(graph.takes.others)) == {"a"}
    assert graph is carriers_graph(model, "telegram")
    with pytest.raises(UnknownEntity, match="telegram"):
        carriers_graph(model, "facebook")


def test_nothing_is_learned_of_whom_others_pass_on_but_who_did_not_agree(home: Home) -> None:
    refused = {"store": True, "profile": False, "select": False, "measure": False}
    record_consent(home, "b", source="form", now=START, purposes=refused)
    carriers = learned(home, acts(share("a", "b"), share("a", "c")))
    assert carriers is not None
    assert carriers.people[USER].to_list() == ["a", "c"]


def test_the_same_log_and_seed_give_the_same_word(home: Home) -> None:
    rng = np.random.default_rng(2)
    pairs = rng.integers(0, 30, (300, 2))
    frame = acts(*(share(f"u{a:02d}", f"u{b:02d}", channel="xy"[a % 2]) for a, b in pairs))
    one, other = learned(home, frame), learned(home, frame.sample(fraction=1, shuffle=True, seed=1))
    assert one is not None
    assert other is not None
    for name in ("starts", "others", "chances", "carry", "pace", "channel_ties"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert (one.pace > 0).sum() == len({f"{b}" for a, b in pairs if a != b})


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("chances", np.array([0.5, 1.5], np.float32), "outside of 0 to 1"),
        ("others", np.array([0, 7], np.int32), "not there"),
        ("starts", np.array([0, 2, 1, 2]), "first tie to the last"),
        ("carry", np.zeros(9, np.float32), "9 rows where 3"),
        ("pace", np.array([0, np.nan, 0], np.float32), "not finite"),
    ],
)
def test_a_word_that_cannot_be_is_not_written(
    home: Home, part: str, value: np.ndarray, words: str
) -> None:
    carriers = learned(home, acts(share("a", "b"), share("c", "b")))
    assert carriers is not None
    model = replace(planted("w2"), carriers=carriers)
    save(home, model)
    assert open_model(home, "w2").carriers is not None
    with pytest.raises(ArtefactCorrupt, match=words):
        save(home, replace(model, version="w3", carriers=replace(carriers, **{part: value})))
