"""No file and no request can leave a home in which nothing can be stored any more."""

import itertools
from datetime import UTC, datetime

import polars as pl
import pytest

from engine.errors import FrameError
from engine.frames import PRODUCTS, USERS
from engine.operations.intake import Delivery, Rules, compact, receive
from engine.settings import load
from engine.store import eventlog
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.inbox import Inbox, Reply
from training.ingest import ingest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = itertools.count()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def post(home, kind, *rows):
    """Returns fields and reasons of the rows that were refused."""
    told = []

    def answer(judged, kept):
        told.extend(judged.refused.select("field", "reason").rows())
        return Reply(200, "text/plain", b"")

    rules = Rules.of(home, load("serving", home.root)["intake"])
    with open_catalog(home) as catalog:
        delivery = Delivery(kind, lambda: rows)
        receive(Inbox(home, catalog), delivery, rules=rules, now=NOW, answer=answer)
    return told


def give(home, tmp_path, name, text):
    path = tmp_path / f"{next(COUNT)}.csv"
    path.write_text(text)
    return ingest(home, now=NOW, **{name: path})


def stored(home, name):
    return eventlog.scan_table(home, name).collect()


def test_a_product_with_name_in_another_case_bricks_nothing(home):
    assert post(home, PRODUCTS, {"product_id": "p1", "Name": "Shoe"}) == [
        ("Name", "Name is to be written name")
    ]
    post(home, PRODUCTS, {"product_id": "p1", "name": "Shoe"})
    assert compact(home) == {"products": 1}


@pytest.mark.parametrize("at_once", [True, False])
def test_requests_that_write_a_column_differently_fill_one(home, at_once):
    for number, name in enumerate(["likes", "Likes", "LIKES"]):
        assert post(home, USERS, {"user_id": f"u{number}", name: number}) == []
        if not at_once:
            compact(home)
    compact(home)
    assert stored(home, "users").rows() == [("u0", 0), ("u1", 1), ("u2", 2)]
    assert stored(home, "users").columns == ["user_id", "likes"]


def test_files_that_write_a_column_differently_fill_one(home, tmp_path):
    give(home, tmp_path, "users", "user_id,city\na,x\nb,y\n")
    give(home, tmp_path, "users", "user_id,City\na,z\n")
    assert dict(stored(home, "users").iter_rows()) == {"a": "z", "b": "y"}


@pytest.mark.parametrize(
    ("name", "text", "column"),
    [
        ("users", "user_id,city,City\na,x,y\n", "City"),
        ("products", "product_id,Name\na,x\n", "Name"),
    ],
)
def test_a_file_with_twins_is_refused_with_advice(home, tmp_path, name, text, column):
    with pytest.raises(FrameError, match=rf"{column}.*in case only.*--rename"):
        give(home, tmp_path, name, text)


def test_a_list_and_a_text_may_meet_in_one_column(home, tmp_path):
    path = tmp_path / "p.parquet"
    pl.DataFrame({"product_id": ["a", "b"], "l": [[1], [2, 3]]}).write_parquet(path)
    ingest(home, now=NOW, products=path)
    post(home, PRODUCTS, {"product_id": "a", "l": "q"})
    assert compact(home) == {"products": 1}
    pl.DataFrame({"product_id": ["c"], "l": ["r"]}).write_parquet(path)
    ingest(home, now=NOW, products=path)
    found = stored(home, "products").select("product_id", "l")
    assert dict(found.iter_rows()) == {"a": "q", "b": "[2, 3]", "c": "r"}


@pytest.mark.parametrize("over_http", [True, False])
def test_a_price_keeps_its_cents(home, tmp_path, over_http):
    give(home, tmp_path, "products", "product_id,price,new\na,10,true\n")
    if over_http:
        post(home, PRODUCTS, {"product_id": "b", "price": 12.75, "new": 2})
        compact(home)
    else:
        give(home, tmp_path, "products", "product_id,price,new\nb,12.75,2\n")
    found = stored(home, "products").select("product_id", "price", "new")
    assert found.rows() == [("a", 10.0, "true"), ("b", 12.75, "2")]


def test_a_long_number_keeps_its_digits(home, tmp_path):
    give(home, tmp_path, "users", "user_id,phone\na,12345678901234567891\n")
    give(home, tmp_path, "users", "user_id,phone\nb,1\n")
    assert stored(home, "users")["phone"].to_list() == ["12345678901234567891", "1"]
