"""Which rows are events, and what happens to those that are not."""

import json
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engine import frames
from engine import settings as configuration
from engine.errors import FrameError
from engine.signals.events import ROW_NUMBER, Limits, identify, judge_events, name_act

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits.of(configuration.load("events")["limits"], configuration.load_rows("actions"))
GOOD = {"user_id": "u", "product_id": "p", "action": "like", "occurred_at": "2024-01-01"}


def judge(*rows):
    return judge_events(pl.DataFrame([GOOD | row for row in rows]), now=NOW, limits=LIMITS)


def reason(**row):
    good, bad = judge(row)
    assert good.height + bad.height == 1
    return bad["reason"].to_list()[0] if bad.height else None


characters = st.characters(exclude_categories=["Cs", "Cc"])
ids = st.text(characters, min_size=1, max_size=64).filter(
    lambda text: text.strip() and len(text.encode()) <= 256
)


@given(st.lists(ids, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_ids_are_kept_byte_for_byte(names):
    good, bad = judge(*({"user_id": name, "product_id": name} for name in names))
    assert bad.is_empty()
    assert set(good["user_id"]) == set(good["product_id"]) == set(names)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
@settings(max_examples=25, deadline=None)
def test_every_row_is_either_good_or_refused_with_its_number(name):
    good, bad = judge({}, {"user_id": name}, {"product_id": "q"})
    assert good.height + bad.height == 3
    assert bad["row"].to_list() in ([], [2])


@pytest.mark.parametrize(
    "name", ["کاربر", "🙂👩‍👩‍👧", "e\u0301", "\u00e9", "a b", "'; --", "\u202eabc"]
)
def test_ids_of_any_script_are_good(name):
    assert judge({"user_id": name})[0]["user_id"].to_list() == [name]


def test_an_id_has_at_most_256_bytes():
    assert reason(user_id="x" * 256) is None
    assert reason(user_id="ب" * 128) is None
    assert reason(user_id="x" * 257) == "user_id is longer than 256 bytes"
    assert reason(product_id="ب" * 129) == "product_id is longer than 256 bytes"


@pytest.mark.parametrize("name", ["a\x00", "\n", "a\tb", "\x7f", "a\x85"])
def test_control_characters_are_refused(name):
    assert reason(user_id=name) == "user_id holds a control character"
    assert reason(product_id=name) == "product_id holds a control character"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"user_id": ""}, "user_id is missing"),
        ({"user_id": None}, "user_id is missing"),
        ({"product_id": ""}, "product_id is missing"),
        ({"action": ""}, "action is missing"),
        ({"action": "stare"}, "action is unknown"),
        ({"occurred_at": ""}, "occurred_at is missing"),
        ({"occurred_at": "yesterday"}, "occurred_at is not a time"),
        ({"occurred_at": "1970-01-01"}, "occurred_at is before 1990"),
        ({"occurred_at": "0"}, "occurred_at is before 1990"),
        ({"occurred_at": "9999-12-31T23:59:59Z"}, "occurred_at lies ahead of the clock"),
        ({"occurred_at": "2026-01-01T00:05:01Z"}, "occurred_at lies ahead of the clock"),
        ({"value": "nan"}, "value is not finite"),
        ({"value": "-inf"}, "value is not finite"),
        ({"value": "1e999"}, "value is not finite"),
        ({"value": "four"}, "value is not a number"),
        ({"action": "undo"}, "object_id of undo is missing"),
        ({"text": "x" * 65537}, "text is too long"),
    ],
)
def test_a_bad_row_has_its_reason(row, why):
    assert reason(**row) == why


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_no_numbers_are_refused_in_typed_columns_too(value):
    assert reason(value=value) == "value is not finite"


@pytest.mark.parametrize("value", [9, 0, -3, 5.5, "0.5"])
def test_a_rating_is_one_to_five_stars_and_other_values_are_anything(value):
    assert reason(action="Review", value=value) == "value is no rating from 1 to 5 stars"
    assert reason(action="view", value=value) is None
    assert reason(action="review", value=float("nan")) == "value is not finite"


def test_an_amount_is_not_below_nothing():
    assert [reason(action="purchase", value=value) for value in (None, 0, "12.5")] == [None] * 3
    told = "value is below 0; an undo takes back what was not kept"
    assert reason(action="purchase", value=-0.01) == told


@pytest.mark.parametrize("value", [None, 1, 2.5, "5.0"])
def test_a_review_may_have_any_rating_on_the_scale_or_none(value):
    assert reason(action="review", value=value) is None


def test_five_minutes_ahead_are_believed():
    assert reason(occurred_at="2026-01-01T00:05:00Z") is None


@pytest.mark.parametrize("action", ["follow", "post", "question"])
def test_some_acts_need_no_product(action):
    assert reason(action=action, product_id=None) is None


def test_actions_may_be_written_in_capitals():
    assert judge({"action": "Like"})[0]["action"].to_list() == ["like"]


def test_numbers_become_ids_of_digits():
    frame = pl.DataFrame(
        {"user_id": [7], "product_id": [196.0], "action": ["like"], "occurred_at": [881250949]}
    )
    good, _ = judge_events(frame, now=NOW, limits=LIMITS)
    assert good.select("user_id", "product_id").row(0) == ("7", "196")


def test_what_is_no_whole_number_is_no_id():
    frame = pl.DataFrame([GOOD]).with_columns(pl.Series("user_id", [1.5]))
    good, bad = judge_events(frame, now=NOW, limits=LIMITS)
    assert good.is_empty()
    assert bad["reason"].to_list() == ["user_id is not text in UTF-8"]


def test_bytes_that_are_no_text_are_refused_and_shown():
    frame = pl.DataFrame([GOOD, GOOD]).with_columns(pl.Series("user_id", [b"\xff", b"ok"]))
    good, bad = judge_events(frame, now=NOW, limits=LIMITS)
    assert good["user_id"].to_list() == ["ok"]
    assert json.loads(bad["raw"][0])["user_id"] == "\ufffd"


def test_quarantine_keeps_the_row_without_its_text():
    _, bad = judge({"user_id": "", "text": "secret", "shop": "x"})
    assert json.loads(bad["raw"][0]) == GOOD | {"user_id": "", "shop": "x"}


def test_good_events_are_in_the_schema():
    good, _ = judge({})
    assert good.schema == pl.Schema(frames.EVENTS.columns)
    assert good["occurred_at"].to_list() == [datetime(2024, 1, 1, tzinfo=UTC)]


def test_row_numbers_can_be_brought_along():
    frame = pl.DataFrame([GOOD | {"user_id": "", ROW_NUMBER: 77}])
    assert judge_events(frame, now=NOW, limits=LIMITS)[1]["row"].to_list() == [77]


def test_a_missing_column_is_named_beside_those_found():
    with pytest.raises(FrameError, match=r"events\.user_id: missing; found who, what"):
        judge_events(pl.DataFrame({"who": ["a"], "what": ["b"]}), now=NOW, limits=LIMITS)


def test_a_column_of_lists_is_no_id():
    frame = pl.DataFrame([GOOD]).with_columns(pl.Series("user_id", [["a"]]))
    with pytest.raises(FrameError, match="user_id"):
        judge_events(frame, now=NOW, limits=LIMITS)


def test_no_rows_are_no_events():
    frame = pl.DataFrame(schema=dict.fromkeys(GOOD, pl.String))
    good, bad = judge_events(frame, now=NOW, limits=LIMITS)
    assert (good.height, bad.height) == (0, 0)
    assert good.schema == pl.Schema(frames.EVENTS.columns)


rows = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": ids,
            "product_id": st.sampled_from(["p", "q", "pq"]),
            "value": st.sampled_from([None, "0.0", "-0.0", "1.5"]),
            "text": st.one_of(st.none(), st.text(characters, max_size=5)),
            "event_id": st.none(),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(rows, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_an_act_has_the_same_id_wherever_it_stands(acts, random):
    shuffled = random.sample(acts, len(acts)) + random.choices(acts, k=3)
    events, again = judge(*acts)[0], judge(*shuffled)[0]
    assert not events["event_id"].is_duplicated().any()
    assert_frame_equal(events.sort("event_id"), again.sort("event_id"))


@given(rows)
@settings(max_examples=25, deadline=None)
def test_made_ids_differ_where_acts_differ(acts):
    made = identify(judge(*acts)[0].with_columns(event_id=pl.lit(None, pl.String)))
    acts_only = made.drop("event_id").unique()
    assert made["event_id"].n_unique() == acts_only.height


def test_made_ids_never_change():
    """Else an upgrade would store every old file a second time."""
    good, _ = judge({"value": "1.5", "channel": "mastodon"})
    assert good["event_id"].to_list() == ["85c6eea906d864cfc5840349f62a52e0"]


def test_values_do_not_run_into_each_other():
    good, _ = judge({"user_id": "a", "product_id": "bc"}, {"user_id": "ab", "product_id": "c"})
    assert good["event_id"].n_unique() == 2


def test_an_id_given_twice_counts_once():
    act = {"event_id": "1", "user_id": "a"}
    good, bad = judge(act, act, {"event_id": "2"}, act)
    assert (good["event_id"].to_list(), bad.height) == (["1", "2"], 0)


def test_a_later_row_that_says_something_else_under_an_id_is_refused_by_the_first():
    first, later = {"event_id": "1", "user_id": "a"}, {"event_id": "1", "user_id": "b"}
    for rows, stands in (((first, later, first), "a"), ((later, first, first), "b")):
        good, bad = judge({"action": "lick"}, *rows, {"user_id": ""})
        assert good["user_id"].to_list() == [stands]
        assert bad["row"].to_list() == ([1, 3, 5] if stands == "a" else [1, 3, 4, 5])
        reason = "event_id is that of row 2, which says something else"
        assert bad.filter(row=3)["reason"].to_list() == [reason]


same_ids = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": st.sampled_from(["1", "2"]),
            "value": st.sampled_from([None, "0.0", "-0.0", "1.5"]),
            "text": st.sampled_from([None, "", "a", "b"]),
            "channel": st.sampled_from([None, "a", "b"]),
        }
    ),
    max_size=8,
)


@given(same_ids)
@settings(max_examples=50, deadline=None)
def test_of_rows_under_one_id_only_those_that_say_something_else_are_bad(rows):
    """Told apart here by comparing what was said, row by row."""
    good, bad = judge(*rows) if rows else (pl.DataFrame(schema=frames.EVENTS.columns), None)
    said = [
        (row["event_id"], float(row["value"] or "nan") + 0.0, row["text"] or "", row["channel"])
        for row in rows
    ]
    first = {}
    for number, row in enumerate(said, 1):
        first.setdefault(row[0], (number, str(row)))
    against = [n for n, row in enumerate(said, 1) if str(row) != first[row[0]][1]]
    assert good["event_id"].to_list() == list(first)
    assert (bad["row"].to_list() if rows else []) == against


def test_a_clock_in_another_zone_is_the_same_clock():
    tehran = NOW.astimezone(timezone(timedelta(hours=3, minutes=30)))
    frame = pl.DataFrame(
        [GOOD | {"occurred_at": NOW + timedelta(minutes=minutes)} for minutes in (4, 6)]
    )
    assert judge_events(frame, now=tehran, limits=LIMITS)[1]["row"].to_list() == [2]


@given(st.dictionaries(st.sampled_from(["channel", "text", "language", "object_id"]), ids), ids)
@settings(max_examples=50, deadline=None)
def test_one_act_is_named_as_a_table_of_acts_is(more, user):
    row = GOOD | {"user_id": user, "occurred_at": "2024-01-01T10:00:00.25+03:30"} | more
    good, _ = judge(row)
    assert good["event_id"].to_list() in ([name_act(row)], [])
    assert good.height or not user.strip() or any(not said.strip() for said in more.values())
