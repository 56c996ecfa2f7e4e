"""Rows over HTTP are refused with field and reason, by the rules that files are judged by."""

from datetime import UTC, datetime

import pytest

from engine import settings
from engine.frames import EVENTS, FOLLOWS, PRODUCTS, USERS
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
    ("name", "ours"), [("event_Id", "event_id"), ("Value", "value"), ("TEXT", "text")]
)
def test_what_stands_under_a_name_of_ours_in_another_case_is_not_lost_from_acts(name, ours):
    act = {"user_id": "a", "product_id": "p", "action": "review", "occurred_at": "2026-01-01"}
    found = judged(EVENTS, {**act, name: "3"}, {**act, "unknown": 1, "Another one": 2}, act)
    assert found.refused.rows() == [(0, name, f"{name} is to be written {ours}")]
    assert (found.good.height, found.repeated) == (1, 1)


def test_a_tie_under_names_in_another_case_is_refused_with_the_right_name():
    found = judged(FOLLOWS, {"Follower_id": "a", "followee_id": "b"})
    assert found.refused.rows() == [(0, "Follower_id", "Follower_id is to be written follower_id")]


@pytest.mark.parametrize(
    ("one", "other"), [("likes", "Likes"), ("ẞ", "ß"), ("\u212a", "k"), ("ΑΣ", "ας")]
)
def test_of_two_names_that_differ_in_case_only_the_later_is_refused(one, other):
    found = judged(USERS, {"user_id": "a", one: 1}, {"user_id": "b", other: 2})
    assert found.refused.rows() == [(1, other, f"{other} differs from another column in case only")]
