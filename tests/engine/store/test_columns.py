"""Tables grow by whatever columns come, and keep every value of them."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.frames import PRODUCTS, folded
from engine.store import eventlog
from engine.store.columns import agreeing, named_alike, plain
from engine.store.home import Home


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def users(**columns):
    height = len(next(iter(columns.values())))
    return pl.DataFrame({"user_id": [f"u{n}" for n in range(height)], **columns})


def stored(home, name="users"):
    return eventlog.scan_table(home, name).collect()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("likes", "Likes"),
        ("ẞ", "ß"),
        ("\u212a", "k"),
        ("ΑΣ", "ας"),
        ("İ", "i̇"),
        ("City", "city"),
        ("\U00010d50", "\U00010d70"),
    ],
)
def test_a_name_in_another_case_is_the_column_that_is_there(home, first, second):
    eventlog.upsert(home, "users", users(**{first: ["a", "b"]}))
    eventlog.upsert(home, "users", users(**{second: ["c"]}))
    assert folded(first) == folded(second)
    assert stored(home).rows() == [("u0", "c"), ("u1", "b")]
    assert stored(home).columns == ["user_id", first]


def test_names_of_one_frame_that_fold_alike_become_one(home):
    rows = users(city=["x", None, None], City=[None, 5, None], CITY=[None, 6, True])
    eventlog.upsert(home, "users", rows.with_columns(pl.col("CITY").cast(pl.Boolean)))
    assert stored(home)["city"].to_list() == ["x", "5", "true"]


def test_a_column_of_the_schema_keeps_its_name_and_type(home):
    rows = pl.DataFrame({"product_id": ["p"], "Name": ["Shoe"], "Tags": ["a|b"]})
    eventlog.upsert(home, "products", rows)
    eventlog.upsert(home, "products", rows.rename({"Name": "name"}).drop("Tags"))
    found = stored(home, "products")
    assert found.select("product_id", "name", "tags").rows() == [("p", "Shoe", ["a|b"])]
    assert found.width == 3


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ([10], [12.75], [10.0, 12.75]),
        ([1.5], [2], [1.5, 2.0]),
        ([10], [12.0], [10, 12]),
        ([True], [2], ["true", "2"]),
        ([2], [True], ["2", "true"]),
        ([2], ["007"], ["2", "007"]),
        ([2], ["7"], [2, 7]),
        (["x"], [2], ["x", "2"]),
        ([2**53 + 1], [0.5], [str(2**53 + 1), "0.5"]),
        ([[1]], ["q"], ["[1]", "q"]),
        (["q"], [[1, 2]], ["q", "[1, 2]"]),
        ([[1]], [3], ["[1]", "3"]),
        ([[1]], [[1.5]], [[1.0], [1.5]]),
        ([[1]], [["a"]], [["1"], ["a"]]),
        ([date(2024, 1, 1)], ["soon"], ["2024-01-01", "soon"]),
        ([{"a": 1}], ["x"], ['{"a": 1}', "x"]),
        ([b"\xff"], ["x"], [b"\xff", b"x"]),
        ([[1]], [[True]], ["[1]", "[true]"]),
    ],
)
def test_a_column_grows_wide_enough_for_every_value(home, old, new, wanted):
    eventlog.upsert(home, "users", users(v=old))
    eventlog.upsert(home, "users", users(v=new).with_columns(user_id=pl.lit("z")))
    assert stored(home)["v"].to_list() == wanted
    assert [type(value) for value in stored(home)["v"]] == [
        pl.Series if isinstance(value, list) else type(value) for value in wanted
    ]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([2**63], dtype=pl.UInt64),
        pl.Series([2**70], dtype=pl.Int128),
        pl.Series([[]], dtype=pl.List(pl.Null)),
        pl.Series([{"a": 1, "A": 2}]),
        pl.Series([{}], dtype=pl.Struct({})),
        pl.Series([[timedelta(1)]]),
        pl.Series([["a"]], dtype=pl.List(pl.Categorical)),
        pl.Series([[3]], dtype=pl.List(pl.UInt32)),
        pl.Series([None]),
        pl.Series([timedelta(1)]),
    ],
    ids=lambda column: str(column.dtype),
)
def test_a_type_that_tables_lack_is_kept_in_one_they_have(home, column):
    eventlog.upsert(home, "users", users(v=column))
    eventlog.upsert(home, "users", users(v=["x"]).with_columns(user_id=pl.lit("z")))
    assert stored(home).height == 2
    assert stored(home)["v"].null_count() == column.null_count()


VALUES = st.one_of(
    st.lists(st.integers(-(2**62), 2**62), min_size=1),
    st.lists(st.floats(allow_nan=False), min_size=1),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.text(st.characters(codec="utf-8"), max_size=4), min_size=1),
    st.lists(st.lists(st.integers(-9, 9), min_size=1), min_size=1),
)


@settings(max_examples=150, deadline=None)
@given(VALUES, VALUES)
def test_whatever_meets_has_one_type_and_loses_nothing(old, new):
    one, other = pl.DataFrame({"v": old}), pl.DataFrame({"v": new})
    known, rows = agreeing(plain(one), plain(other))
    assert known.schema == rows.schema
    for given_values, kept in ((old, known["v"]), (new, rows["v"])):
        assert kept.null_count() == 0
        assert kept.n_unique() >= len(set(map(repr, given_values)) - {"-0.0"})
        if kept.dtype.is_numeric():
            assert kept.to_list() == given_values


def test_a_frame_without_a_twin_is_as_it_was():
    rows = pl.DataFrame({"product_id": ["p"], "a": [1]})
    assert named_alike(rows, ["product_id", "b"], PRODUCTS).equals(rows)
