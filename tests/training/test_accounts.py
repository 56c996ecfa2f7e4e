"""Accounts from a file to a model, which serves them; nothing of them moves a model's arrays."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from engine.errors import UnreadableFile
from engine.operations.accounts import product_accounts
from engine.operations.erasure import erase_user
from engine.store import artefacts, eventlog
from engine.store.home import Home
from engine.store.removal import without_users
from tests.training.planted import NOW, events_like, quick_home, tasteful
from training.accounts import describe_accounts
from training.flow import retrain
from training.ingest import ingest

OPINIONS = tasteful(160, 14)


def users_table() -> pl.DataFrame:
    """Three users in four work at one of eight accounts; one account is in no table."""
    rows = range(160)
    return pl.DataFrame(
        {
            "user_id": [f"u{row:05d}" for row in rows],
            "account_id": [f"a{row % 8}" if row % 4 else None for row in rows],
            "seniority": ["CEO" if row % 5 == 0 else "staff" for row in rows],
        }
    )


ACCOUNTS = "account_id,name,industry,size,region,stage\n" + "".join(
    f"a{row},Company {row},{kind},{10 ** (row % 4)},north,{row % 2}\n"
    for row, kind in zip((*range(7), 9), ("software", "retail") * 4, strict=True)
)


def learned(home: Home) -> artefacts.Model:
    retrain(home, console=Console(file=io.StringIO()))
    return artefacts.open_model(home)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("accounts")
    home = quick_home(folder / "home", events_like(OPINIONS))
    users_table().write_csv(folder / "users.csv")
    (folder / "accounts.csv").write_text(ACCOUNTS)
    counts = ingest(
        home, now=NOW, users=folder / "users.csv", accounts=folder / "accounts.csv"
    ).to_dict()
    assert counts["accounts"]["stored"] == 8
    return home


@pytest.fixture(scope="module")
def model(home: Home) -> artefacts.Model:
    return learned(home)


def test_a_model_carries_the_accounts_that_have_contacts(model):
    found = model.accounts
    named = sorted(set(users_table()["account_id"].drop_nulls()))
    assert found["account_id"].to_list() == named
    assert found["people"].to_list()[:3] == [10.0, 100.0, 1000.0]
    assert found["stage"].drop_nulls().n_unique() == 2
    unheard = found.filter(pl.col("account_id") == "a7").row(0, named=True)
    assert (unheard["name"], unheard["industry"], unheard["people"]) == (None, None, None)
    answer = product_accounts(model, "p00001", limit=100)
    assert {one["account_id"] for one in answer["accounts"]} == set(named)


def test_accounts_change_nothing_that_is_learned_of_people(home, model, tmp_path):
    without = learned(quick_home(tmp_path / "plain", events_like(OPINIONS)))
    assert without.accounts is None
    assert np.array_equal(without.embeddings, model.embeddings)
    assert np.array_equal(without.probability.products, model.probability.products)


def test_an_earlier_model_without_accounts_still_opens(model, tmp_path):
    home = Home(tmp_path)
    artefacts.save(home, replace(model, version="old", accounts=None))
    assert artefacts.open_model(home, "old").accounts is None
    artefacts.save(home, replace(model, version="new"))
    assert artefacts.open_model(home, "new").accounts.equals(model.accounts)


def test_a_model_without_a_person_has_their_account_with_one_contact_less(model):
    before = product_accounts(model, "p00001", limit=100, contacts=100, include_known=True)
    first = before["accounts"][0]
    gone = first["address"][0]["user_id"]
    row = model.users["user_id"].to_list().index(gone)
    after = product_accounts(
        without_users(model, np.array([row])), "p00001", limit=100, contacts=100, include_known=True
    )
    (same,) = [one for one in after["accounts"] if one["account_id"] == first["account_id"]]
    assert same["contacts"] == first["contacts"] - 1
    assert gone not in [each["user_id"] for each in same["address"]]


def test_erasure_reaches_the_account_and_title_of_a_person(tmp_path):
    home = quick_home(tmp_path / "home", events_like(tasteful(40, 6)))
    eventlog.upsert(home, "users", users_table())
    erase_user(home, "u00005", now=NOW)
    assert "u00005" not in eventlog.scan_table(home, "users").collect()["user_id"].to_list()


def test_ids_of_accounts_stay_text(tmp_path):
    home = Home(tmp_path / "home")
    (tmp_path / "u.csv").write_text("user_id,account_id,seniority\nu1,007,3\nu2,8,\n")
    (tmp_path / "a.csv").write_text("account_id,size,score\n007,12,5\n8,51-200,6\n")
    ingest(home, now=NOW, users=tmp_path / "u.csv", accounts=tmp_path / "a.csv")
    users, table = (eventlog.scan_table(home, name).collect() for name in ("users", "accounts"))
    assert users["account_id"].to_list() == ["007", "8"]
    found = describe_accounts(table, users)
    assert found["account_id"].to_list() == ["007", "8"]
    assert found["people"].to_list() == pytest.approx([12, np.sqrt(51 * 200)])
    assert "score" not in found.columns  # a name that answers use


def test_tables_from_before_hold_numbers_as_ids_of_accounts():
    users = pl.DataFrame({"user_id": ["a", "b"], "account_id": [7, None]})
    table = pl.DataFrame({"account_id": ["7", "8"], "size": ["3", "4"]})
    assert describe_accounts(table, users)["people"].to_list() == [3.0]
    assert describe_accounts(table, users.drop("account_id")) is None
    assert describe_accounts(table, users.head(0)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name\nCompany\n", "account_id"),
        ("account_id\n\n", "no rows|account_id"),
        ("account_id,name\n,Company\n", "account_id is missing"),
    ],
)
def test_a_file_without_ids_of_accounts_is_refused(tmp_path, text, reason):
    from engine.errors import FrameError

    path = tmp_path / "accounts.csv"
    path.write_text(text)
    with pytest.raises((UnreadableFile, FrameError), match=reason):
        ingest(Home(tmp_path / "home"), now=NOW, accounts=path)


def test_the_same_file_twice_and_a_later_row_over_an_earlier_one(tmp_path):
    home, path = Home(tmp_path / "home"), tmp_path / "accounts.csv"
    path.write_text("account_id,size\na,10\na,20\nb,5\n")
    assert ingest(home, now=NOW, accounts=path).to_dict()["accounts"]["stored"] == 2
    assert ingest(home, now=NOW, accounts=path).to_dict()["accounts"]["stored"] == 0
    assert eventlog.scan_table(home, "accounts").collect()["size"].to_list() == ["20", "5"]
