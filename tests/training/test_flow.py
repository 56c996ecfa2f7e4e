"""Retraining from outside: the same data give the same arrays, and odd data a clear end."""

from __future__ import annotations

import json
import shutil
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.audiences.scores import logits, rates
from engine.errors import Busy, NothingToLearn
from engine.operations.audiences import best_segments
from engine.store import eventlog
from engine.store.artefacts import Model, open_model
from engine.store.home import Home
from engine.store.locks import only_one
from engine.store.versions import champion, read_manifest
from tests.training.planted import (
    events_like,
    events_of,
    quick_home,
    tasteful,
    tiny_home,
    world_events,
)
from tests.worlds import tiny
from training.flow import gather, retrain
from training.recipe import load_recipe


def hashes(home: Home) -> dict[str, str]:
    """SHA-256 of every array and table of the champion, the sums of the model's own manifest."""
    files = read_manifest(home, champion(home))["files"]
    assert sum(name.endswith(".npy") for name in files) > 10
    return {name: content["sha256"] for name, content in files.items()}


def every_score(model: Model) -> np.ndarray:
    return np.stack(
        [
            rates(logits(model.embeddings, head.user_terms, head, slice(None)), head.knots)
            for head in (model.interest, model.probability)
        ]
    )


def test_the_same_events_in_another_order_and_twice_give_the_same_arrays(
    trained_home: Home, tmp_path: Any
) -> None:
    home = quick_home(tmp_path / "other")
    shuffled = world_events().sample(fraction=1, shuffle=True, seed=7)
    for part in (shuffled[9_000:], shuffled[:10_000], shuffled):
        eventlog.append_events(home, part)
    for name in ("users", "products"):
        rows = getattr(tiny(), name)
        eventlog.upsert(home, name, rows.sample(fraction=1, shuffle=True, seed=8))
    retrain(home, seed=0)
    assert hashes(home) == hashes(trained_home)


def test_another_seed_gives_other_arrays(trained_home: Home, copied_home: Any) -> None:
    home = copied_home()
    shutil.rmtree(home.models)
    retrain(home, seed=1)
    ours, theirs = hashes(home), hashes(trained_home)
    assert ours["embeddings.npy"] != theirs["embeddings.npy"]
    assert ours["users.arrow"] == theirs["users.arrow"]


def test_a_retrain_leaves_a_champion_its_window_and_its_figures(trained_home: Home) -> None:
    model = open_model(trained_home)
    assert model.window["events"] == world_events()["event_id"].n_unique()
    assert model.as_of == world_events()["occurred_at"].max().isoformat()
    assert model.users.height == tiny().events["user_id"].n_unique()
    assert model.products["product_id"].to_list() == sorted(tiny().products["product_id"])
    assert model.metrics["auc"] > model.metrics["activity_auc"] + 0.1
    assert model.metrics["taste"] > 0.65
    assert json.loads(json.dumps(model.metrics)) == model.metrics
    assert "age" in model.users.columns or set(tiny().users.columns) <= set(model.users.columns)


def test_counts_of_users_and_products_are_those_of_the_events(trained_home: Home) -> None:
    model = open_model(trained_home)
    for side in (model.users, model.products):
        assert side["likes"].sum() > 0
        assert (side["likes"] + side["dislikes"] <= side["acts"]).all()
    assert model.users["likes"].sum() == model.products["likes"].sum()
    assert model.holdout.height > 0


@pytest.mark.parametrize(
    ("user", "product"),
    [
        ("کاربر {:05d}", "کالای {:05d}"),
        ("😀{:05d}👨‍👩‍👧", "🎧 {:05d}"),
        ("é{:05d}" + "x" * 248, "{:05d}"),
    ],
)
def test_ids_of_any_script_come_through(tmp_path: Any, user: str, product: str) -> None:
    home = quick_home(tmp_path / "home", events_like(tasteful(120, 12), user=user, product=product))
    retrain(home)
    model = open_model(home)
    assert model.users["user_id"].to_list() == sorted(user.format(row) for row in range(120))
    name = product.format(3)
    assert best_segments(model, name)["product_id"] == name
    assert best_segments(model, name)["segments"]


@pytest.mark.parametrize(
    ("acts", "words"),
    [
        ([], "mokhatab ingest"),
        ([("a", "x", "dislike"), ("b", "y", "dislike"), ("b", "x", "hide")], "no likes"),
        ([("a", "x", "view"), ("b", "y", "click")], "no likes"),
        ([("a", "x", "like"), ("a", "y", "like")], "1 user and 2 products:"),
        ([("a", "x", "like"), ("b", "x", "like")], "2 users and 1 product:"),
        ([("a", None, "follow"), ("b", None, "post")], "mokhatab ingest|no events on products"),
    ],
)
def test_too_little_to_learn_from_is_said_and_leaves_nothing(
    tmp_path: Any, acts: list, words: str
) -> None:
    home = quick_home(tmp_path / "home", events_of(acts) if acts else None)
    with pytest.raises(NothingToLearn, match=words):
        retrain(home)
    assert not list(home.models.glob("*")) if home.models.is_dir() else True


SMALL_WORLDS = {
    "two users, two products": [("a", "x", "like"), ("b", "y", "like")],
    "with a dislike": [("a", "x", "like"), ("b", "y", "like"), ("a", "y", "dislike")],
    "everybody likes everything": [(u, p, "like") for u in "abcd" for p in "wxyz"],
    "one like among views": [
        ("a", "x", "like"),
        *((u, p, "view") for u in "bcdefgh" for p in "xyz"),
    ],
}


@pytest.mark.parametrize("acts", SMALL_WORLDS.values(), ids=SMALL_WORLDS.keys())
def test_the_smallest_worlds_give_a_model_with_finite_scores(tmp_path: Any, acts: list) -> None:
    home = quick_home(tmp_path / "home", events_of(acts))
    outcome = retrain(home)
    found = every_score(open_model(home, outcome.version))
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_a_user_with_only_dislikes_and_a_product_nobody_acted_on_have_scores(
    tmp_path: Any,
) -> None:
    opinions = tasteful(200, 20)
    opinions[0] = np.where(np.arange(20) % 2 == 0, -1, 0)
    home = quick_home(tmp_path / "home", events_like(opinions))
    names = [f"p{number:05d}" for number in range(20)]
    tastes = [["even", "odd"][number % 2] for number in range(20)]
    table = {"product_id": [*names, "new"], "tags": [*[[taste] for taste in tastes], ["even"]]}
    eventlog.upsert(home, "products", pl.DataFrame(table))
    retrain(home)
    model = open_model(home)
    new = model.products["product_id"].to_list().index("new")
    assert model.products["acts"][new] == 0
    found = every_score(model)
    assert np.isfinite(found).all()
    liking = found[1, :, 0][[p for p in range(20) if p != new]]
    assert liking[::2].mean() < liking[1::2].mean()
    assert best_segments(model, "new")["segments"]


def test_features_can_be_switched_off(copied_home: Any, trained_home: Home) -> None:
    home = copied_home()
    shutil.rmtree(home.models)
    override = home.root / "configs" / "models" / "stack.toml"
    override.write_text(override.read_text() + "\n[features]\nuse = false\n")
    retrain(home, seed=0)
    model = open_model(home)
    assert model.recipe["features"]["use"] is False
    assert np.isfinite(every_score(model)).all()
    assert hashes(home)["embeddings.npy"] != hashes(trained_home)["embeddings.npy"]


def test_features_make_a_product_known_before_anybody_acted(tmp_path: Any) -> None:
    """Of two products that are new, each is for those who like its tag."""
    opinions = tasteful(200, 20)
    home = quick_home(tmp_path / "home", events_like(opinions))
    rows = [{"product_id": f"p{n:05d}", "tags": [["even", "odd"][n % 2]]} for n in range(20)]
    rows += [
        {"product_id": "new even", "tags": ["even"]},
        {"product_id": "new odd", "tags": ["odd"]},
    ]
    eventlog.upsert(home, "products", pl.DataFrame(rows))
    retrain(home)
    model = open_model(home)
    ids = model.products["product_id"].to_list()
    head = model.probability
    said = logits(model.embeddings, head.user_terms, head, slice(None))
    said = said[ids.index("new even")] - said[ids.index("new odd")]
    even = (opinions[:, ::2] == 1).sum(1) > (opinions[:, 1::2] == 1).sum(1)
    assert said[even].mean() > said[~even].mean()


def test_two_retrains_at_once_are_refused(copied_home: Any) -> None:
    home = copied_home()
    before = champion(home)
    with only_one(home.lock), pytest.raises(Busy):
        retrain(home)
    assert champion(home) == before


def test_only_the_newest_versions_stay_and_the_champion_always(copied_home: Any) -> None:
    home = copied_home()
    override = home.root / "configs" / "training.toml"
    override.write_text("[models]\nkeep = 1\n")
    first = champion(home)
    seen = [first]
    for seed in (1, 2):
        seen.append(retrain(home, seed=seed).version)
        home.champion.write_text(first + "\n")
    retrain(home, seed=3)
    assert (home.models / first).is_dir()
    assert not (home.models / seen[1]).exists()
    assert not (home.warm / seen[1]).exists()


def test_a_corrupt_champion_does_not_stop_the_next(copied_home: Any) -> None:
    home = copied_home()
    before = champion(home)
    (home.models / before / "embeddings.npy").write_bytes(b"spoilt")
    outcome = retrain(home, seed=1)
    assert outcome.promoted
    assert outcome.champion is None
    assert champion(home) == outcome.version


def test_who_follows_whom_is_learned_from_acts_as_from_the_table(tmp_path: Any) -> None:
    home = tiny_home(tmp_path / "home")
    people = eventlog.scan_events(home).select("user_id").unique().sort("user_id").collect()
    one, two, three = people["user_id"].head(3)
    eventlog.add_follows(home, pl.DataFrame({"follower_id": [one], "followee_id": [two]}))
    first = eventlog.scan_events(home).head(1).collect()
    told = first.with_columns(
        event_id=pl.lit("follow-1"),
        user_id=pl.lit(two),
        product_id=pl.lit(None, pl.String),
        action=pl.lit("follow"),
        target_user_id=pl.lit(three),
    )
    eventlog.append_events(home, told)
    material = gather(home, load_recipe(home), 0)
    ties = material.features.ties
    assert ties is not None
    known = material.pairs.users.to_list()
    found = {
        (known[int(row)], known[int(column)]) for row, column in zip(*ties.nonzero(), strict=True)
    }
    assert found == {(one, two), (two, one), (two, three), (three, two)}
