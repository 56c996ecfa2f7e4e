"""The words that are typed after the command: ids of any kind, and how they are told back."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from api import registry
from engine.operations.keys import SCOPES
from engine.store import suspects
from engine.store.catalog import open_catalog
from engine.store.home import Home
from tests.training.planted import events_like, quick_home, tasteful

OPINIONS = tasteful(150, 12)
PEOPLE = int((OPINIONS != 0).any(axis=1).sum())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a champion; read only."""
    from training.flow import retrain

    found = quick_home(
        tmp_path_factory.mktemp("words") / "home", events_like(OPINIONS, product="کالا{:d}")
    )
    retrain(found)
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("--products", "کالا3", "--products", "کالا5"),
        ("--products", "کالا3, کالا5,کالا3"),
        ("--products", "کالا3,کالا5", "--products", "کالا3"),
    ],
)
def test_products_are_named_one_by_one_or_with_commas_between(run, home, tmp_path, words):
    path = tmp_path / "scores.parquet"
    assert run(home, "score", "--out", str(path), *words, "--json").json["rows"] == 2 * PEOPLE
    assert set(pl.read_parquet(path)["product_id"]) == {"کالا3", "کالا5"}


@pytest.mark.parametrize("words", ["", " ", "کالا3,", ",", "کالا3,,کالا5"])
def test_an_empty_id_among_the_products_is_an_error(run, home, tmp_path, words):
    said = run(home, "score", "--out", str(tmp_path / "scores.csv"), "--products", words)
    assert (said.code, said.out, said.err) == (1, "", "mokhatab: id: is empty; name one\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", [("segments",), ("curve",), ("audience",)])
@pytest.mark.parametrize("id", ["", " "])
def test_an_empty_id_is_an_error(run, home, tmp_path, verb, id):
    out = ("--share", "0.1", "--out", str(tmp_path / "x.csv")) if verb == ("audience",) else ()
    said = run(home, *verb, id, *out)
    assert (said.code, said.out, said.err) == (1, "", "mokhatab: id: is empty; name one\n")


def test_an_empty_version_is_not_the_champion(run, home):
    said = run(home, "models", "show", "")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("mokhatab: no model ''")


@pytest.mark.parametrize(
    "id", ["a\x01b", "\x1b[31mred\x07", "a\nmokhatab: b", "\u202egnp.exe", "x" * 10_000, "\udcff"]
)
def test_what_is_repeated_in_an_error_is_short_and_does_nothing_to_a_terminal(run, home, id):
    for words in (
        ("segments", id),
        ("segments", "کالا3", "--goal", id),
        ("segments", "کالا3", "--channel", id),
        ("models", "promote", id),
        ("keys", "revoke", id),
        ("keys", "create", "--name", id, "--scopes", "segments:read,"),
        ("keys", "create", "--name", "n", "--scopes", id),
        ("ingest", f"{id}.csv"),
    ):
        said = run(home, *words)
        assert (said.code, said.out) == (1, ""), words
        line = said.err.removesuffix("\n")
        assert len(line) < 700
        assert line.isprintable(), line


@pytest.fixture(scope="module")
def odd_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Ids that look like formulas, and products with commas in theirs."""
    from training.flow import retrain

    events = events_like(tasteful(60, 4), user="=1+{:d}", product="@p,{:d}")
    found = quick_home(tmp_path_factory.mktemp("odd") / "home", events)
    retrain(found)
    return found


def test_a_csv_runs_nothing_in_a_spreadsheet(run, odd_home, tmp_path):
    audience, plain = tmp_path / "a.csv", tmp_path / "a.parquet"
    for path in (audience, plain):
        run(odd_home, "audience", "@p,1", "--share", "1", "--out", str(path))
    assert pl.read_csv(audience)["user_id"].str.starts_with("'=1+").all()
    assert pl.read_parquet(plain)["user_id"].str.starts_with("=1+").all()


def test_scores_for_programs_keep_ids_as_they_are(run, odd_home, tmp_path):
    path = tmp_path / "s.csv"
    run(odd_home, "score", "--out", str(path))
    told = pl.read_csv(path)
    assert told["user_id"].str.starts_with("=1+").all()
    assert told["product_id"].str.starts_with("@p,").all()
    assert told["score"].min() < 0


def test_rows_that_are_told_are_rows_that_were_written(run, odd_home, tmp_path):
    home, path = tmp_path / "home", tmp_path / "s.parquet"
    shutil.copytree(odd_home.root, home)
    run(home, "score", "--out", str(path))
    before = pl.read_parquet(path)
    person = before["user_id"][0]
    flags = ("--store", "--no-profile", "--no-select", "--measure")
    assert run(home, "consent", "set", person, "--source", "form", *flags).code == 0
    told = json.loads(run(home, "score", "--out", str(path), "--json").out)
    after = pl.read_parquet(path)
    assert told["rows"] == after.height < before.height


def test_an_id_with_a_comma_is_taken_as_it_is_where_it_is_known(run, odd_home, tmp_path):
    path = tmp_path / "s.parquet"
    words = ("--products", "@p,1", "--products", "@p,3")
    assert run(odd_home, "score", "--out", str(path), *words).code == 0
    assert pl.read_parquet(path)["product_id"].unique().sort().to_list() == ["@p,1", "@p,3"]
    refused = run(odd_home, "score", "--out", str(path), "--products", "@p,1,@p,3")
    assert refused.code == 1
    assert "no product '@p'" in refused.err


def test_a_name_is_given_to_one_key_and_ends_it(run, tmp_path):
    words = ("keys", "create", "--name", "bidder", "--scopes", "segments:read")
    assert run(tmp_path, *words).code == 0
    again = run(tmp_path, *words)
    assert (again.code, again.out) == (1, "")
    assert again.err == "mokhatab: key 'bidder' exists already\n"
    assert run(tmp_path, "keys", "revoke", "bidder", "--json").json == {"revoked": "bidder"}
    assert run(tmp_path, *words).code == 0


@pytest.mark.parametrize("verb", ["models", "keys"])
def test_a_noun_alone_shows_its_verbs(run, tmp_path, verb):
    said = run(tmp_path, verb)
    assert "list" in said.out + said.err
    assert "Missing" not in said.out + said.err


def test_every_scope_is_in_the_help_of_who_makes_a_key():
    assert all(f" {scope}" in registry.SCOPES for scope in SCOPES)


def test_without_a_key_the_way_to_one_is_said(run, tmp_path):
    assert "mokhatab keys create" in run(tmp_path, "keys", "list").out


@pytest.mark.parametrize("verb", [("keys", "list"), ("serve",)])
def test_records_that_cannot_be_read_are_told_in_one_line(run, tmp_path, verb):
    (tmp_path / "catalog.sqlite").write_bytes(b"no database" * 100)
    said = run(tmp_path, *verb)
    assert (said.code, said.out) == (1, "")
    assert said.err == "mokhatab: business records: file is not a database\n"


def test_a_home_that_is_a_file_is_told_in_words(run, tmp_path):
    (tmp_path / "home").write_text("")
    said = run(tmp_path / "home", "doctor", "--json")
    assert said.code == 1
    assert "Errno" not in said.out


def test_the_doctor_names_the_first_ten_who_are_held_and_where_the_others_are(run, tmp_path):
    home = quick_home(tmp_path, events_like(tasteful(30, 4)))
    found = {"user_id": [f"u{number:02}" for number in range(12)], "reason": ["flood"] * 12}
    with open_catalog(home) as catalog:
        suspects.hold(catalog, pl.DataFrame(found))
    said = run(home, "doctor", "--json")
    told = next(one["finding"] for one in said.json["checks"] if one["what"] == "integrity")
    assert "12 accounts" in told
    assert all(f"u{number:02}: flood" in told for number in range(10))
    assert "u10" not in told
    assert "2 more" in told
    assert "`mokhatab integrity list`" in told
