"""Who was followed is a product to a model: erased, they are one no longer, and wait nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from engine.errors import UnknownEntity
from engine.frames import EVENTS, PRODUCT, TARGET, USER
from engine.interests.folding import PARTS, fold_in
from engine.operations import audiences
from engine.operations.erasure import erase_user
from engine.store import eventlog, suspects
from engine.store.artefacts import open_model, verify
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.inbox import Inbox, Reply
from tests.faults.test_erasure import holding
from tests.training.planted import events_like, quick_home, tasteful
from training.flow import retrain

CREATOR = "https://social.example/@canary-4711"
LATER = datetime(2026, 11, 23, tzinfo=UTC)


def follow(user: str, **said: str | None) -> dict[str, object]:
    act = {"event_id": f"{user} followed", USER: user, PRODUCT: CREATOR, "action": "follow"}
    return {**dict.fromkeys(EVENTS.columns), **act, "occurred_at": LATER, **said}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = quick_home(tmp_path_factory.mktemp("followed") / "home")
    events = events_like(tasteful(120, 15))
    eventlog.append_events(home, events)
    users = events[USER].unique().sort()[::2]
    moment = events["occurred_at"].max() - timedelta(days=1)
    rows = [follow(user, **{TARGET: CREATOR}) | {"occurred_at": moment} for user in users]
    eventlog.append_events(home, pl.DataFrame(rows, schema=EVENTS.columns))
    retrain(home)
    return home


def test_reasons_of_suspects_name_them_no_longer(tmp_path: Path) -> None:
    found = pl.DataFrame({USER: ["a", "b"], "reason": [f"9 likes of {CREATOR} from now", "z"]})
    with open_catalog(Home(tmp_path)) as catalog:
        suspects.hold(catalog, found)
        erase_user(Home(tmp_path), CREATOR, now=LATER)
        reasons = suspects.held(catalog)["reason"].to_list()
    assert reasons == ["9 likes of (erased) from now", "z"]


def test_the_product_that_a_person_was_is_gone_and_others_stand_as_before(trained: Home) -> None:
    home, before = trained, open_model(trained)
    assert CREATOR in before.products[PRODUCT]
    others = [id for id in before.products[PRODUCT] if id != CREATOR]
    ranked = {id: audiences.audience(before, id, share=0.2) for id in others[:3]}
    removed = erase_user(home, CREATOR, now=LATER)["removed"]
    after = open_model(home)
    verify(home, after.version)
    assert (removed["products"], list(removed["models"].values())) == (1, [after.version])
    assert after.products[PRODUCT].to_list() == others
    assert holding(home, CREATOR) == []
    with pytest.raises(UnknownEntity):
        audiences.audience(after, CREATOR, share=0.2)
    for id, was in ranked.items():
        now = audiences.audience(after, id, share=0.2)
        assert now.ids.to_list() == was.ids.to_list()
        old, new = before.products[PRODUCT].index_of(id), after.products[PRODUCT].index_of(id)
        assert np.array_equal(after.seen.of(new), before.seen.of(old))
        for name in ("best", "curves"):
            told, was_told = (getattr(model.segments, name) for model in (after, before))
            told = told.filter(pl.col("product") == new).drop("product")
            assert told.height or name == "best"
            assert told.equals(was_told.filter(pl.col("product") == old).drop("product"))
    assert after.seen.offsets[-1] == after.seen.users.size
    # who comes later is folded in as before, part by part
    assert (before.folding["columns"][:, 0] >= 0).sum() >= len(PARTS) - 1  # nobody told of ties
    gone = before.products[PRODUCT].index_of(CREATOR)
    acts = sparse.csr_array(np.eye(len(others), dtype=np.float32))
    known = sparse.csr_array(np.delete(np.eye(len(others) + 1, dtype=np.float32), gone, axis=0))
    now, was = (
        fold_in(model.folding, likes=each, dislikes=each * 0, seen=each).embeddings
        for model, each in ((after, acts), (before, known))
    )
    width = int(before.folding["columns"].max())  # activity is a share of all products
    assert now[:, :width] == pytest.approx(was[:, :width], abs=1e-4)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({TARGET: CREATOR}, (None, None)),
        ({}, (None, None)),
        ({TARGET: CREATOR, PRODUCT: "p"}, ("p", None)),
        ({"action": "like"}, (None, None)),
    ],
)
def test_who_is_named_only_as_product_or_target_waits_nowhere(
    tmp_path: Path, said: dict[str, str], left: tuple[str | None, str | None]
) -> None:
    home = Home(tmp_path)
    rows = pl.DataFrame([follow("a", **said), follow("b", **{PRODUCT: "p"})], schema=EVENTS.columns)
    with open_catalog(home) as catalog:
        Inbox(home, catalog).add("events", rows, None, Reply(200, "", b""))
    assert erase_user(home, CREATOR, now=LATER)["removed"]["inbox"] == 0
    with open_catalog(home) as catalog:
        found = Inbox(home, catalog).events_of(["a", "b"])
    assert found.select(PRODUCT, TARGET).rows() == [left, ("p", None)]
