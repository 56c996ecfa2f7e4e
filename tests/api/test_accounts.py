"""Accounts over HTTP and in the command say what the engine says."""

from __future__ import annotations

import polars as pl
import pytest

from api.http import accounts as told
from engine.operations.accounts import product_accounts, similar_accounts
from engine.operations.consent import record_consent
from engine.operations.intake import compact
from engine.store import artefacts
from engine.store.eventlog import scan_table
from engine.store.home import Home
from tests.api.conftest import PROMOTED, Asker, of
from tests.api.planted import FIRST

PRODUCT = "product-003"


@pytest.fixture(scope="module")
def model(planted_home: Home) -> artefacts.Model:
    return artefacts.open_model(planted_home)


@pytest.mark.parametrize("product", [FIRST, PRODUCT])
def test_accounts_are_those_of_the_engine(ask: Asker, model: artefacts.Model, product: str) -> None:
    response = ask.get(f"/v1/products/{of(product)}/accounts?limit=4&contacts=2&min_contacts=3")
    assert response.status_code == 200
    said = product_accounts(model, product, limit=4, contacts=2, min_contacts=3)
    assert response.json == said | {"valid_until": "2027-03-06T06:07:08Z"}
    told.ProductAccounts.model_validate_json(response.data)
    assert len(response.json["accounts"]) == 4


def test_who_withdraws_leaves_the_answer_at_once(own) -> None:
    ask: Asker = own()
    path = f"/v1/products/{PRODUCT}/accounts?limit=1&contacts=1"
    (before,) = ask.get(path).json["accounts"]
    gone = before["address"][0]["user_id"]
    home = ask.app.extensions["mokhatab.holder"]._home
    record_consent(home, gone, source="test", now=PROMOTED, gpc=True)
    everybody = ask.get(f"/v1/products/{PRODUCT}/accounts?limit=1000&contacts=100").json["accounts"]
    assert gone not in {each["user_id"] for one in everybody for each in one["address"]}
    (same,) = [one for one in everybody if one["account_id"] == before["account_id"]]
    assert same["contacts"] == before["contacts"] - 1


@pytest.mark.parametrize(
    "query", ["limit=0", "contacts=101", "min_contacts=x", "include_known=1", "unheard=1"]
)
def test_a_question_out_of_bounds_is_refused(ask: Asker, query: str) -> None:
    assert ask.get(f"/v1/products/{PRODUCT}/accounts?{query}").status_code == 422


def test_accounts_are_handed_in_row_by_row(own) -> None:
    ask: Asker = own()
    rows = [
        {"account_id": "a1", "name": "شرکت", "size": 250, "industry": "software", "stage": "new"},
        {"account_id": None},
        {"account_id": "a1", "size": "1,000+"},
        {"account_id": 7},
        {"account_id": True},
        {"account_id": "x" * 257},
    ]
    receipt = ask.post("/v1/accounts", json=rows).json
    assert receipt["accepted"] == 3
    assert [one["index"] for one in receipt["refused"]] == [1, 4, 5]
    people = [{"user_id": "u1", "account_id": 7, "seniority": "CEO"}]
    assert ask.post("/v1/users", json=people).json["accepted"] == 1
    home = ask.app.extensions["mokhatab.holder"]._home
    compact(home)
    kept = scan_table(home, "accounts").collect().to_dicts()
    assert [(one["account_id"], one["size"]) for one in kept] == [("7", None), ("a1", "1,000+")]
    assert kept[1]["name"] == "شرکت"
    assert kept[1]["stage"] == "new"
    (user,) = scan_table(home, "users").collect().to_dicts()
    assert (user["account_id"], user["seniority"]) == ("7", "CEO")


def test_the_command_ranks_accounts_with_and_without_its_verb(run, planted_home, model) -> None:
    said = run(planted_home, "accounts", PRODUCT, "--limit", "3", "--json")
    assert said.json == product_accounts(model, PRODUCT, limit=3)
    named = run(planted_home, "accounts", "of", PRODUCT, "--limit", "3", "--json")
    assert named.json == said.json
    first = run(planted_home, "accounts", "--limit", "3", PRODUCT, "--json")
    assert first.json == said.json


def test_the_command_prints_accounts_for_people(run, planted_home) -> None:
    said = run(planted_home, "accounts", PRODUCT, "--limit", "2")
    assert said.code == 0
    for word in ("Company", "interest", "industry="):
        assert word in said.out
    none = run(planted_home, "accounts", PRODUCT, "--min-contacts", "1000")
    assert "no account" in none.out


def test_the_command_writes_a_row_for_each_contact(run, planted_home, tmp_path) -> None:
    out = tmp_path / "accounts.csv"
    words = ("--limit", "3", "--contacts", "2", "--out", str(out), "--json")
    answer = run(planted_home, "accounts", PRODUCT, *words).json
    table = pl.read_csv(out, infer_schema=False)
    assert table["user_id"].to_list() == [
        each["user_id"] for one in answer["accounts"] for each in one["address"]
    ]


def test_an_unknown_product_and_an_empty_one_are_told(run, planted_home) -> None:
    unknown = run(planted_home, "accounts", "product-03")
    assert (unknown.code, unknown.out) == (1, "")
    assert "product-003" in unknown.err
    empty = run(planted_home, "accounts", "")
    assert (empty.code, empty.err) == (1, "mokhatab: id: is empty; name one\n")


def test_the_command_finds_accounts_alike(run, planted_home, model, tmp_path) -> None:
    said = run(planted_home, "accounts", "lookalike", "a00,a04", "a12", "--limit", "5", "--json")
    assert said.json == similar_accounts(model, ["a00", "a04", "a12"], limit=5)
    out = tmp_path / "alike.ndjson"
    shown = run(planted_home, "accounts", "lookalike", "a00,a04,a12", "--out", str(out))
    assert "taste +" in shown.out
    assert pl.read_ndjson(out)["account_id"][0] == said.json["accounts"][0]["account_id"]


@pytest.mark.parametrize("name", ["seeds.csv", "seeds.parquet", "seeds.ndjson", "seeds.txt"])
def test_seeds_may_stand_in_a_file(run, planted_home, model, tmp_path, name) -> None:
    path, table = tmp_path / name, pl.DataFrame({"account_id": ["a00", "a04", "a00"]})
    if name.endswith("txt"):
        path.write_text("a00\n\n a04 \n")
    else:
        getattr(table, f"write_{name.split('.')[1]}")(path)
    said = run(planted_home, "accounts", "lookalike", str(path), "--limit", "5", "--json")
    assert said.json == similar_accounts(model, ["a00", "a04"], limit=5)


def test_seeds_that_cannot_be_read_are_told(run, planted_home, tmp_path) -> None:
    path = tmp_path / "seeds.csv"
    path.write_text("id\na00\n")
    said = run(planted_home, "accounts", "lookalike", str(path))
    assert said.code == 1
    assert "has no column account_id" in said.err
    missing = run(planted_home, "accounts", "lookalike", str(tmp_path / "none.csv"))
    assert (missing.code, missing.out) == (1, "")
    path.write_bytes(b"\xff\xfe\x00")
    torn = run(planted_home, "accounts", "lookalike", str(path))
    assert (torn.code, torn.out) == (1, "")
