"""Rows over HTTP are refused with field and reason, by the rules that files are judged by."""

from datetime import UTC, datetime

import pytest

from engine import settings
from engine.frames import PRODUCTS, USERS
from engine.signals.arrivals import judge_arrivals
from engine.signals.events import Limits

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits.of(settings.load("events")["limits"], settings.load_rows("actions"))


def judged(kind, *rows):
    return judge_arrivals(rows, kind, now=NOW, limits=LIMITS, most_columns=9)


@pytest.mark.parametrize("name", ["Name", "NAME", "Product_ID", "TAGS", "tagſ"])
def test_a_column_of_ours_in_another_case_is_refused_with_the_right_name(name):
    found = judged(PRODUCTS, {"product_id": "p", name: "x"}, {"product_id": "q"})
    ours = {"n": "name", "p": "product_id", "t": "tags"}[name[0].lower()]
    assert found.refused.rows() == [(0, name, f"{name} is to be written {ours}")]
    assert found.good["product_id"].to_list() == ["q"]


@pytest.mark.parametrize(
    ("one", "other"), [("likes", "Likes"), ("ẞ", "ß"), ("\u212a", "k"), ("ΑΣ", "ας")]
)
def test_of_two_names_that_differ_in_case_only_the_later_is_refused(one, other):
    found = judged(USERS, {"user_id": "a", one: 1}, {"user_id": "b", other: 2})
    assert found.refused.rows() == [(1, other, f"{other} differs from another column in case only")]
