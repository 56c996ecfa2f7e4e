"""Warm starts: what is kept of LightFM, that a spoilt file is never opened, that quality stays."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from engine.errors import ArtefactCorrupt
from engine.store import eventlog
from engine.store.artefacts import open_model
from engine.store.home import Home
from engine.store.versions import champion
from tests.training.planted import events_like, pairs_of, recipe, tasteful
from training.flow import retrain
from training.matrices import Pairs
from training.parts import Features, fit_logistic, fit_warp
from training.warm import load_fitted, save_fitted


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def kept(home: Home) -> Path:
    return home.warm / champion(home) / "lightfm.joblib"


def test_what_was_saved_is_loaded(tmp_path):
    home, pairs = Home(tmp_path), pairs_of(tasteful(60, 8))
    parts = [work(pairs, Features(), recipe(), 0) for work in (fit_warp, fit_logistic)]
    save_fitted(home, "v", parts, pairs)
    found = load_fitted(home, "v")
    assert set(found["models"]) == {"warp-0", "logistic"}
    assert found["users"] == pairs.users.to_list()
    assert found["products"] == pairs.products.to_list()
    ours, theirs = parts[0].fitted["warp-0"], found["models"]["warp-0"]
    assert (ours.item_embeddings == theirs.item_embeddings).all()


def test_a_spoilt_file_is_refused_and_never_opened(copied_home, tmp_path):
    home = copied_home()
    canary = tmp_path / "canary"
    kept(home).write_bytes(pickle.dumps(Canary(canary)))
    with pytest.raises(ArtefactCorrupt, match="differs from its hash"):
        retrain(home, warm=True)
    assert not canary.exists()
    # the canary does sing where the hash is right
    digest = hashlib.sha256(kept(home).read_bytes()).hexdigest()
    kept(home).with_suffix(".sha256").write_text(digest)
    load_fitted(home, champion(home))
    assert canary.exists()


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_one_flipped_bit_is_enough(copied_home, place, monkeypatch):
    home = copied_home()
    content = bytearray(kept(home).read_bytes())
    content[place] ^= 1
    kept(home).write_bytes(bytes(content))

    def opened(file: Any) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(joblib, "load", opened)
    with pytest.raises(ArtefactCorrupt, match="differs from its hash"):
        load_fitted(home, champion(home))


def test_where_nothing_was_kept_the_way_out_is_said(copied_home):
    home = copied_home()
    shutil.rmtree(home.warm)
    with pytest.raises(ArtefactCorrupt, match="retrain without --warm"):
        retrain(home, warm=True)


def test_a_first_retrain_may_be_warm(tmp_path):
    home = Home(tmp_path)
    eventlog.append_events(home, events_like(tasteful(60, 8)))
    assert retrain(home, warm=True).promoted


def test_a_warm_retrain_keeps_quality_and_takes_in_new_people(copied_home):
    home = copied_home()
    before = open_model(home)
    product = before.products["product_id"][0][:-1] + "{:d}"
    newcomers = events_like(np.ones((30, 4), int), user="new {:05d}", product=product)
    eventlog.append_events(home, newcomers)
    outcome = retrain(home, warm=True)
    model = open_model(home, outcome.version)
    assert model.users.height == before.users.height + 30
    assert model.metrics["auc"] > before.metrics["auc"] - 0.05
    assert outcome.promoted


def continued(pairs: Pairs, before: Pairs, epochs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Item rows of WARP after few epochs on `pairs`: started from a long fit, and started cold."""
    long = fit_warp(before, Features(), recipe(warp__epochs=30), 0)
    warm = {
        "models": long.fitted,
        "users": before.users.to_list(),
        "products": before.products.to_list(),
    }
    chosen = recipe(warp__epochs=epochs)
    parts = [fit_warp(pairs, Features(), chosen, 0, warm=start) for start in (warm, None)]
    return tuple(part.users @ part.products.T for part in parts)


def test_a_warm_fit_goes_on_where_the_last_one_stopped():
    """One epoch from a long fit knows what one epoch from nothing does not."""
    opinions = tasteful(200, 20)
    pairs = pairs_of(opinions)
    warm, cold = continued(pairs, pairs)
    liked, disliked = opinions == 1, opinions == -1
    gaps = [said[liked].mean() - said[disliked].mean() for said in (warm, cold)]
    assert gaps[0] > 3 * max(gaps[1], 0.01)


def test_rows_are_matched_by_id_not_by_number():
    opinions = tasteful(200, 20)
    before = pairs_of(opinions)
    moved = pairs_of(np.vstack([np.zeros((50, 20), int), opinions]))
    names = [f"a{number:05d}" for number in range(50)] + before.users.to_list()
    now = Pairs(type(moved.users)(names), moved.products, *(vars(moved)[k] for k in PAIR_ARRAYS))
    warm, _ = continued(now, before)
    liked, disliked = opinions == 1, opinions == -1
    assert warm[50:][liked].mean() - warm[50:][disliked].mean() > 0.3
    assert not np.ptp(warm[:50], axis=0).any()


PAIR_ARRAYS = ("rows", "columns", "polarity", "weight", "at")


def test_another_width_starts_cold():
    pairs = pairs_of(tasteful(60, 8))
    long = fit_warp(pairs, Features(), recipe(warp__factors=4), 0)
    warm = {
        "models": long.fitted,
        "users": pairs.users.to_list(),
        "products": pairs.products.to_list(),
    }
    warmly = fit_warp(pairs, Features(), recipe(), 0, warm=warm)
    assert warmly.users.tobytes() == fit_warp(pairs, Features(), recipe(), 0).users.tobytes()
