"""The command from outside: what scripts and people get, and how it ends where it cannot go on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.operations.keys import list_keys
from engine.store.home import Home
from engine.store.versions import champion, versions
from tests.training.planted import events_like, quick_home, tasteful, tiny_home
from tests.training.test_gate import poison

ROOT = Path(__file__).parents[2]


OPINIONS = tasteful(150, 12)
PEOPLE = int((OPINIONS != 0).any(axis=1).sum())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a champion; read only."""
    from training.flow import retrain

    found = quick_home(
        tmp_path_factory.mktemp("cli") / "home", events_like(OPINIONS, product="کالا{:d}")
    )
    retrain(found)
    return found


@pytest.mark.parametrize("name", ["empty.csv", "empty.parquet", "empty.ndjson"])
def test_an_empty_file_ends_in_one_line(run, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"")
    said = run(tmp_path / "home", "ingest", str(path))
    assert said.code == 1
    assert said.out == ""
    assert said.err.startswith(f"mokhatab: {path}")
    assert said.err.count("\n") == 1


def test_a_truncated_file_ends_in_one_line_and_stores_nothing(run, tmp_path):
    path = tmp_path / "events.parquet"
    events_like(tasteful(30, 4)).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    said = run(tmp_path / "home", "ingest", str(path), "--json")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"mokhatab: {path}")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    assert run(tmp_path / "home", "retrain").code == 1


def test_a_file_that_is_not_there_is_named(run, tmp_path):
    said = run(tmp_path, "ingest", str(tmp_path / "nowhere.csv"))
    assert said.code != 0
    assert "nowhere.csv" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("segments", "p1"),
        ("curve", "p1"),
        ("score", "--out", "x.csv"),
        ("audience", "p1", "--share", "0.1", "--out", "x.csv"),
        ("models", "show"),
        ("models", "rollback"),
    ],
)
def test_without_a_model_the_way_to_one_is_said(run, tmp_path, words):
    said = run(tmp_path, *words)
    assert (said.code, said.out) == (1, "")
    assert (
        said.err
        == "mokhatab: no model yet: run `mokhatab ingest EVENTS`, then `mokhatab retrain`\n"
    )


def test_without_events_a_retrain_says_so(run, tmp_path):
    said = run(tmp_path, "retrain", "--json")
    assert (said.code, said.out) == (1, "")
    assert said.err == "mokhatab: no events yet: run `mokhatab ingest EVENTS`\n"


def test_an_unknown_product_names_those_that_are_near(run, home):
    said = run(home, "segments", "کالا33")
    assert said.code == 1
    assert "کالا3" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("id", ["[/]", "[red]x", ":smile:", "a[/b]c\\[", "--json", "'; drop"])
def test_ids_that_look_like_markup_or_options_are_shown_as_they_are(run, tmp_path, id):
    from training.flow import retrain

    opinions = tasteful(60, 4)
    home = quick_home(tmp_path, events_like(opinions, product=id + "{:d}"))
    retrain(home)
    for verb in ("segments", "curve"):
        said = run(home, verb, "--", id + "2")
        assert said.code == 0, said.err
        assert id + "2" in said.out


def test_ingest_then_retrain_then_ask(run, tmp_path):
    home = quick_home(tmp_path / "home")
    path = tmp_path / "events.csv"
    events_like(tasteful(100, 8)).drop("event_id").write_csv(path)
    counts = run(home, "ingest", str(path), "--json")
    assert counts.code == 0
    assert counts.json["events"]["stored"] == counts.json["events"]["read"] > 300
    learned = run(home, "retrain", "--json")
    assert learned.code == 0
    assert learned.json["promoted"] is True
    assert learned.json["version"] == champion(home)
    answer = run(home, "segments", "p00003", "--json", "--limit", "2")
    assert answer.json["product_id"] == "p00003"
    assert len(answer.json["segments"]) <= 2


@pytest.mark.parametrize("ending", ["csv", "parquet", "ndjson"])
def test_score_writes_every_user_with_every_product_once(run, home, tmp_path, ending):
    path = tmp_path / f"scores.{ending}"
    said = run(home, "score", "--out", str(path), "--json")
    assert said.code == 0
    found = {"csv": pl.read_csv, "parquet": pl.read_parquet, "ndjson": pl.read_ndjson}[ending](path)
    assert found.columns == ["user_id", "product_id", "score", "probability"]
    assert found.height == said.json["rows"] == PEOPLE * 12
    assert found.select("user_id", "product_id").n_unique() == found.height
    assert found["score"].is_finite().all()
    assert found["probability"].is_between(0, 1).all()


def test_score_of_some_products(run, home, tmp_path):
    path = tmp_path / "scores.parquet"
    said = run(home, "score", "--out", str(path), "--products", "کالا3,کالا5", "--json")
    assert said.json["rows"] == 2 * PEOPLE
    assert set(pl.read_parquet(path)["product_id"]) == {"کالا3", "کالا5"}
    refused = run(home, "score", "--out", str(tmp_path / "other.parquet"), "--products", "new")
    assert refused.code == 1
    assert "Traceback" not in refused.err
    assert not (tmp_path / "other.parquet").exists()


@pytest.mark.parametrize("words", [("--share", "0.1"), ("--size", "15")])
def test_an_audience_is_the_best_of_the_scores_of_those_who_have_not_acted(
    run, home, tmp_path, words
):
    audience, scores = tmp_path / "audience.csv", tmp_path / "scores.parquet"
    said = run(home, "audience", "کالا3", *words, "--out", str(audience), "--json")
    assert said.json["rows"] == 15
    run(home, "score", "--out", str(scores), "--products", "کالا3")
    acted = [f"u{row:05d}" for row in OPINIONS[:, 3].nonzero()[0]]
    left = pl.read_parquet(scores).filter(~pl.col("user_id").is_in(acted))
    best = left.sort("score", descending=True).head(15)
    assert pl.read_csv(audience)["user_id"].to_list() == best["user_id"].to_list()


def test_answers_heed_the_settings_of_the_home_that_is_named(run, home, tmp_path):
    """A loyalty far above what is allowed is told by the file it stands in."""
    other = tmp_path / "other"
    shutil.copytree(home.root, other)
    (other / "configs").mkdir(exist_ok=True)
    (other / "configs" / "goals.toml").write_text("[rows.traffic]\nloyalty = 1000.0\n")
    words = ("audience", "کالا3", "--share", "0.1", "--goal", "traffic")
    out = ("--out", str(tmp_path / "audience.csv"))
    assert run(home, *words, *out).code == 0
    said = run(Home(other), *words, *out)
    assert said.code == 1
    assert str(other / "configs" / "goals.toml") in said.err


def test_an_audience_leaves_out_who_acted_on_the_product_unless_asked_for(run, home, tmp_path):
    path, acted = tmp_path / "audience.csv", np.flatnonzero(OPINIONS[:, 3])
    known = {f"u{row:05d}" for row in acted}
    assert known
    for flag, kept in (((), 0), (("--include-known",), len(known))):
        words = ("audience", "کالا3", "--share", "1", *flag, "--out", str(path))
        assert run(home, *words).code == 0
        found = set(pl.read_csv(path)["user_id"])
        assert (len(found), len(found & known)) == (PEOPLE - len(known) + kept, kept)


@pytest.mark.parametrize(
    "words",
    [
        ("segments", "کالا3"),
        ("curve", "کالا3"),
        ("models", "list"),
        ("models", "show"),
        ("keys", "list"),
        ("doctor",),
    ],
)
def test_json_is_all_that_is_printed_and_people_get_words(run, home, words):
    scripted, read = run(home, *words, "--json"), run(home, *words)
    assert scripted.code == read.code == 0
    assert isinstance(scripted.json, dict)
    assert scripted.err == ""
    assert read.out.strip()
    with pytest.raises(ValueError):
        json.loads(read.out)


@pytest.mark.parametrize(
    "words",
    [
        ("segments", "کالا3", "--goal", "fame"),
        ("segments", "کالا3", "--limit", "0"),
        ("segments", "کالا3", "--channel", "telepathy"),
        ("audience", "کالا3", "--share", "0.1", "--size", "3", "--out", "x.csv"),
        ("tune", "--what", "everything"),
        ("audience", "کالا3", "--share", "1.5", "--out", "x.csv"),
        ("audience", "کالا3", "--share", "nan", "--out", "x.csv"),
        ("audience", "کالا3", "--size", "-1", "--out", "x.csv"),
        ("audience", "کالا3", "--share", "0.1", "--out", "x.xlsx"),
        ("models", "show", "../../etc"),
        ("models", "promote", "20200101T000000-000000Z"),
        ("keys", "create", "--name", "n", "--scopes", "everything"),
        ("keys", "revoke", "none"),
        ("demo", "--data", "netflix"),
        ("retrain", "--seed", "-1"),
        ("ingest",),
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_refused_in_words(run, home, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    said = run(home, *words)
    assert said.code in (1, 2)
    assert said.out == ""
    assert said.err.strip()
    assert "Traceback" not in said.err
    assert not list(tmp_path.iterdir())


def test_a_key_is_shown_once_and_works_by_its_hash(run, tmp_path):
    said = run(
        tmp_path, "keys", "create", "--name", "bidder", "--scopes", "segments:read", "--json"
    )
    assert set(said.json) == {"key"}
    assert [key.name for key in list_keys(Home(tmp_path))] == ["bidder"]
    listed = run(tmp_path, "keys", "list", "--json")
    assert said.json["key"] not in listed.out
    assert said.json["key"] not in run(tmp_path, "keys", "list").out


def test_a_wrong_setting_is_told_in_one_line(run, tmp_path):
    home = quick_home(tmp_path, events_like(tasteful(30, 4)))
    (home.root / "configs" / "training.toml").write_text("[gate]\nconfidence = 2.0\n")
    said = run(home, "retrain")
    assert said.code == 1
    assert "training.toml: gate.confidence: 2.0 is out of range; allowed: 0.5 to 0.999" in said.err
    assert said.err.count("\n") == 1
    examined = run(home, "doctor", "--json")
    assert examined.code == 1
    wrong = [one for one in examined.json["checks"] if not one["well"]]
    assert [one["what"] for one in wrong] == ["settings"]
    assert "gate.confidence" in wrong[0]["finding"]


def test_the_doctor_finds_an_empty_home_well_and_says_what_comes_next(run, tmp_path):
    said = run(tmp_path / "home", "doctor", "--json")
    assert said.code == 0
    assert said.json["well"] is True
    told = {one["what"]: one["finding"] for one in said.json["checks"]}
    assert "mokhatab ingest" in told["events"]
    assert "mokhatab retrain" in told["champion"]
    assert not (tmp_path / "home").exists()


def test_the_doctor_finds_a_spoilt_champion(run, home, tmp_path):
    copy = Home(tmp_path / "home")
    shutil.copytree(home.root, copy.root)
    (copy.models / champion(copy) / "embeddings.npy").write_bytes(b"spoilt")
    said = run(copy, "doctor", "--json")
    assert said.code == 1
    wrong = [one for one in said.json["checks"] if not one["well"]]
    assert [one["what"] for one in wrong] == ["champion"]
    assert "embeddings.npy" in wrong[0]["finding"]


def test_a_champion_that_stays_is_exit_code_3(run, tmp_path):
    home = tiny_home(tmp_path / "home")
    assert run(home, "retrain", "--json").code == 0
    first = champion(home)
    poison(home)
    said = run(home, "retrain", "--json")
    assert said.code == 3
    assert said.json["promoted"] is False
    assert said.json["version"] != champion(home) == first
    assert any(not check["passed"] for check in said.json["gate"])
    moved = run(home, "models", "promote", said.json["version"], "--json")
    assert moved.code == 0
    assert champion(home) == said.json["version"]
    assert run(home, "models", "rollback", "--json").json["version"] == first
    listed = run(home, "models", "list", "--json").json["models"]
    assert [one["version"] for one in listed] == versions(home)
    assert [one["champion"] for one in listed] == [True, False]


def test_a_second_retrain_is_exit_code_4(run, home, tmp_path):
    code = "import sys, time\nfrom pathlib import Path\nfrom engine.store.locks import only_one\n"
    code += "with only_one(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home.lock)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said = run(home, "retrain", "--json")
        tuned = run(home, "tune", "--trials", "1", "--json")
        holder.kill()
    assert said.code == tuned.code == 4
    assert (
        said.err
        == f"mokhatab: another retrain runs (process {holder.pid}); try again when it has ended\n"
    )
    assert (said.out, tuned.out) == ("", "")
