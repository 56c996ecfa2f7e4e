"""Targeting from outside: the verb that tunes it, the audience it widens, what explains it."""

from __future__ import annotations

import io

import polars as pl
import pytest
from rich.console import Console

from api import printing, printing_targeting
from engine.store.home import Home
from tests.training.planted import events_like, quick_home, tasteful

VALUES = ("share", "blend", "segments", "overlap")


def drawn(content: object) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(content)
    return out.getvalue()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a champion and nothing tuned."""
    from training.flow import retrain

    made = quick_home(tmp_path_factory.mktemp("aim") / "home", events_like(tasteful(120, 10)))
    retrain(made)
    return made


def test_what_holds_by_default_is_explained(run, home):
    said = run(home, "segments", "p00003", "--goal", "sales", "--explain", "--json").json
    told = said["targeting"]
    assert told["basis"] == "default"
    assert all(told[name]["used"] == told[name]["default"] for name in VALUES)
    assert "targeting" not in run(home, "segments", "p00003", "--json").json
    text = run(home, "segments", "p00003", "--explain").out
    assert "nothing tuned is used" in text
    assert "5.00%" in text


def test_an_audience_without_share_or_size_is_as_wide_as_targeting_says(run, home, tmp_path):
    out = tmp_path / "people.csv"
    said = run(home, "audience", "p00003", "--out", str(out), "--json").json
    assert said["rows"] == pl.read_csv(out).height == 6


@pytest.mark.slow
def test_targeting_is_tuned_taken_up_and_explained(run, home):
    found = run(home, "tune", "--what", "targeting", "--trials", "2", "--json").json
    assert {one["what"] for one in found["studies"]} == {"audience", "segments"}
    assert run(home, "retrain", "--json").code in (0, 3)
    told = run(home, "segments", "p00003", "--explain", "--json").json["targeting"]
    kept = [one for one in found["studies"] if one["goal"] == "traffic" and one["kept"]]
    assert (told["basis"] == "default") == (not kept)


def test_studies_are_told_with_what_stays():
    worth = {"tuned": 2.0, "default": 1.5, "fixed": 1.75, "gain": 0.5, "error": 0.125}
    study = {"goal": "sales", "what": "audience", "trials": 9, "pruned": 2, "kept": True}
    other = study | {"goal": "loyalty", "what": "segments", "kept": False}
    shorter = {name: value for name, value in worth.items() if name != "fixed"}
    answer = {"split": "pairs", "studies": [study | {"worth": worth}, other | {"worth": shorter}]}
    text = drawn(printing_targeting.aimed(answer))
    for words in ("1.750", "+0.500 ± 0.125", "kept", "the default stays", "random opinions"):
        assert words in text
    assert "mokhatab retrain" in text
    nothing = {"split": "time", "studies": [other | {"worth": shorter}]}
    assert "nothing changes" in drawn(printing_targeting.aimed(nothing))


@pytest.mark.parametrize(
    ("basis", "words"), [("group", "products like this one"), ("product", "for this product")]
)
def test_values_stand_beside_the_defaults(basis, words):
    pairs = {"share": (0.125, 0.05), "blend": (0.9, 0.3), "segments": (3, 10), "overlap": (0.4, 1)}
    values = {name: {"used": used, "default": usual} for name, (used, usual) in pairs.items()}
    targeting = {"goal": "sales", "basis": basis, **values}
    answer = {"product_id": "p", "model_version": "v", "segments": [], "targeting": targeting}
    text = drawn(printing.segments(answer))
    for figure in ("12.50%", "5.00%", "90%", "30%", "40%", "100%", words, "no segment stands out"):
        assert figure in text
