"""Settings: every shipped file holds; what does not hold names file, key and what is allowed."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine import settings
from engine.errors import ConfigError

FILES = sorted(
    str(path.relative_to(settings.config_folder()).with_suffix(""))
    for path in settings.config_folder().rglob("*.toml")
)
PLAIN = [
    name
    for name in FILES
    if not name.endswith("-search")
    and "rows" not in tomllib.loads((settings.config_folder() / f"{name}.toml").read_text())
]
ROWS = [name for name in FILES if name not in PLAIN and not name.endswith("-search")]
EVERY = [spec for name in PLAIN for keys in settings.specs(name).values() for spec in keys.values()]
RANGED = [spec for spec in EVERY if spec.low is not None]


def override(home: Path, name: str, text: str) -> Path:
    path = home / "configs" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_there_is_something_to_check():
    assert {"training", "models/stack", "audiences", "events"} <= set(PLAIN)
    assert {"actions", "goals"} <= set(ROWS)
    assert len(RANGED) > 30


@pytest.mark.parametrize("spec", EVERY, ids=lambda spec: f"{spec.file}:{spec.key}")
def test_every_setting_has_a_sentence_a_default_and_what_is_allowed(spec):
    assert spec.about.endswith(".")
    assert len(spec.about.split()) >= 3
    assert spec.default is not None
    assert isinstance(spec.default, str | bool) or spec.choices or spec.low < spec.high
    assert spec.checked(spec.default) == spec.default


@pytest.mark.parametrize("name", ROWS)
def test_every_column_of_rows_has_a_sentence_and_every_row_all_columns(name):
    content = tomllib.loads((settings.config_folder() / f"{name}.toml").read_text())
    for column in content["columns"].values():
        assert column["about"].endswith(".")
    rows = settings.load_rows(name, Path("nowhere"))
    assert rows
    assert all(set(row) == set(content["columns"]) for row in rows.values())


def test_all_shipped_files_hold(tmp_path):
    assert sorted(settings.check_all(tmp_path)) == FILES


@given(st.sampled_from(RANGED), st.floats() | st.integers(-(2**70), 2**70))
def test_a_number_outside_the_range_is_refused_and_one_inside_is_taken(spec, value):
    whole = isinstance(spec.default, int)
    if type(value) is int and not whole:
        assume(abs(value) < 2**60)
    inside = math.isfinite(value) and spec.low <= value <= spec.high
    if inside and (type(value) is int or not whole):
        found = spec.checked(value, "here.toml")
        assert found == value
        assert type(found) is type(spec.default)
        return
    with pytest.raises(ConfigError) as caught:
        spec.checked(value, "here.toml")
    error = caught.value
    assert (error.file, error.key) == ("here.toml", spec.key)
    assert str(error).startswith(f"here.toml: {spec.key}: ")
    assert spec.allowed in str(error)


@pytest.mark.parametrize("spec", RANGED, ids=lambda spec: spec.key)
def test_both_ends_of_a_range_are_allowed_and_the_next_number_is_not(spec):
    kind = type(spec.default)
    for end, beyond in ((spec.low, -1), (spec.high, 1)):
        assert spec.checked(kind(end)) == end
        outside = (
            int(end) + beyond if kind is int else math.nextafter(float(end), beyond * math.inf)
        )
        with pytest.raises(ConfigError, match="out of range"):
            spec.checked(outside)


@given(
    st.sampled_from(EVERY),
    st.one_of(st.none(), st.lists(st.integers()), st.just({}), st.text(), st.booleans()),
)
def test_a_value_of_another_type_is_refused(spec, value):
    assume(type(value) is not type(spec.default))
    with pytest.raises(ConfigError) as caught:
        spec.checked(value, "here.toml")
    assert spec.allowed in str(caught.value)
    assert caught.value.key == spec.key


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("[compute]\nworker = 3\n", "compute.worker", "workers"),
        ("[computing]\nworkers = 3\n", "computing", "compute"),
        ("[compute]\nworkers = 0\n", "compute.workers", "1 to 256"),
        ("[compute]\nworkers = 2.5\n", "compute.workers", "1 to 256"),
        ("[compute]\nworkers = true\n", "compute.workers", "1 to 256"),
        ("[compute]\nworkers = '2'\n", "compute.workers", "1 to 256"),
        ("[compute]\nworkers = { default = 2 }\n", "compute.workers", "1 to 256"),
        ("[gate]\nconfidence = nan\n", "gate.confidence", "0.5 to 0.999"),
        ("[gate]\nconfidence = inf\n", "gate.confidence", "0.5 to 0.999"),
        ("[compute]\nbackend = 'spark'\n", "compute.backend", "threading, loky, dask"),
        ("compute = 3\n", "compute", "compute"),
        ("[compute\n", "file", "is not TOML"),
        ("[compute]\nworkers = 2\nworkers = 3\n", "file", "is not TOML"),
    ],
)
def test_an_override_that_does_not_hold_names_file_key_and_range(tmp_path, text, key, words):
    path = override(tmp_path, "training", text)
    with pytest.raises(ConfigError) as caught:
        settings.load("training", tmp_path)
    assert (caught.value.file, caught.value.key) == (str(path), key)
    assert words in str(caught.value)


def test_an_override_that_is_no_text_is_not_toml(tmp_path):
    path = override(tmp_path, "training", "")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not TOML"):
        settings.load("training", tmp_path)


def test_a_home_changes_what_it_names_and_nothing_else(tmp_path):
    override(tmp_path, "training", "[gate]\nconfidence = 0.9\nnorm_growth = 3\n")
    found, shipped = settings.load("training", tmp_path), settings.load("training", Path("nowhere"))
    assert found["gate"].confidence == 0.9
    assert found["gate"].norm_growth == 3.0
    assert type(found["gate"].norm_growth) is float
    assert found["gate"].distinct_scores == shipped["gate"].distinct_scores
    assert found["compute"] == shipped["compute"]


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("[rows.like]\nweight = 99.0\n", "columns.weight", "0 to 10"),
        ("[rows.like]\nweights = 1.0\n", "rows.like.weights", "weight"),
        ("[rows.adore]\nweight = 1.0\n", "rows.adore", "like"),
        ("[rows.like]\npolarity = 2\n", "columns.polarity", "one of -1, 0, 1"),
        ("[rows.like]\nweight = nan\n", "columns.weight", "0 to 10"),
        ("[rows.like]\nweight = 'much'\n", "columns.weight", "0 to 10"),
    ],
)
def test_rows_of_a_home_are_held_to_the_same_rules(tmp_path, text, key, words):
    path = override(tmp_path, "actions", text)
    with pytest.raises(ConfigError) as caught:
        settings.load_rows("actions", tmp_path)
    assert (caught.value.file, caught.value.key) == (str(path), key)
    assert words in str(caught.value)


def test_a_home_changes_one_value_of_a_row(tmp_path):
    override(tmp_path, "actions", "[rows.like]\nweight = 2.0\n")
    found = settings.load_rows("actions", tmp_path)
    shipped = settings.load_rows("actions", Path("nowhere"))
    assert found["like"] == shipped["like"] | {"weight": 2.0}
    assert {name: row for name, row in found.items() if name != "like"} == {
        name: row for name, row in shipped.items() if name != "like"
    }


def test_a_file_that_nobody_reads_is_an_error_not_a_silence(tmp_path):
    path = override(tmp_path, "trainings", "[gate]\nconfidence = 0.9\n")
    with pytest.raises(ConfigError, match=r"unknown; known: .*training") as caught:
        settings.check_all(tmp_path)
    assert caught.value.file == str(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a.b]\ndefault = 1\n", "about"),
        ("[a.b]\nabout = 'So.'\n", "default"),
        ("[a.b]\nabout = 'So.'\ndefault = 1\nranges = [0, 2]\n", "unknown field 'ranges'"),
        ("[a.b]\nabout = 'So.'\ndefault = 3\nrange = [0, 2]\n", "0 to 2"),
        ("a = 1\n", "must be a table"),
    ],
)
def test_a_shipped_file_that_does_not_hold_is_refused(tmp_path, monkeypatch, text, words):
    (tmp_path / "broken.toml").write_text(text)
    monkeypatch.setattr(settings, "config_folder", lambda: tmp_path)
    with pytest.raises(ConfigError, match=r"configs/broken\.toml") as caught:
        settings.specs("broken")
    assert words in str(caught.value)


def test_a_setting_that_does_not_exist_cannot_be_read():
    with pytest.raises(AttributeError, match=r"training\.gate has no setting trust"):
        _ = settings.load("training", Path("nowhere"))["gate"].trust


def test_the_home_is_named_by_the_environment(monkeypatch):
    monkeypatch.setenv("MOKHATAB_HOME", "/somewhere")
    assert settings.default_home() == Path("/somewhere")
    monkeypatch.delenv("MOKHATAB_HOME")
    assert settings.default_home() == Path("var")
