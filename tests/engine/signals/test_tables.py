"""Rows of the tables beside events: which are good, and what their columns become."""

import polars as pl
import pytest

from engine.frames import PRODUCTS
from engine.signals.events import ROW_NUMBER
from engine.signals.tables import judge_rows


def judge(tags):
    rows = pl.DataFrame({ROW_NUMBER: [1], "product_id": ["p"], "tags": [tags]})
    return judge_rows(rows, PRODUCTS, id_bytes=256)


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ('["a", "b, c"]', ["a", "b, c"]),
        ('[1, null, 2.0, "x"]', ["1", "2", "x"]),
        ("[null]", []),
        ("a|b, c", ["a", "b, c"]),
    ],
)
def test_tags_are_texts_and_whole_numbers_are_their_digits(written, tags):
    good, bad = judge(written)
    assert bad.is_empty()
    assert good["tags"].to_list() == [tags]


@pytest.mark.parametrize(
    "written", ['["a", {"b": 1}]', "[[1]]", "[true]", "[0.5]", "[1", '["\\ud800"]']
)
def test_a_tag_that_is_no_text_refuses_the_row(written):
    good, bad = judge(written)
    assert good.is_empty()
    assert bad["reason"].to_list() == ["tags is not a list of texts"]
