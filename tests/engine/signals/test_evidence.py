"""What evidence must be, whatever the order, number and contradictions of the acts."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engine import frames
from engine.errors import FrameError
from engine.settings import load_rows
from engine.signals.evidence import user_activity, weigh_events

ACTIONS = load_rows("actions")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIKE_LIFE = float(ACTIONS["like"]["half_life_days"])


def act(event_id, user, product, action, days_ago=0.0, **more):
    at = NOW - timedelta(days=days_ago)
    return {
        "event_id": event_id,
        "user_id": user,
        "product_id": product,
        "action": action,
        "occurred_at": at,
    } | more


def table(*acts):
    schema = dict(frames.EVENTS.columns)
    return pl.DataFrame([{**dict.fromkeys(schema), **row} for row in acts], schema=schema)


def weigh(events, **more):
    return weigh_events(events.lazy(), actions=ACTIONS, now=NOW, **more).collect()


def pair(*acts):
    return weigh(table(*acts)).row(0, named=True)


names = st.sampled_from(["a", "b", "ب"])
acts = st.lists(
    st.builds(
        lambda number, user, product, action, day, target: act(
            f"e{number}", user, product, action, day, object_id=f"e{target}"
        ),
        st.integers(0, 30),
        names,
        st.one_of(st.none(), names),
        st.sampled_from(["like", "dislike", "view", "purchase", "hide", "undo"]),
        st.integers(0, 3),
        st.integers(0, 30),
    ),
    max_size=25,
)


def once(rows):
    """The first of the rows that share an event id."""
    return list({row["event_id"]: row for row in reversed(rows)}.values())


def slow_evidence(rows):
    """The definition, act by act."""
    taken = {(row["user_id"], row["object_id"]) for row in rows if row["action"] == "undo"}
    kept: dict[tuple[str, str], list] = {}
    for row in rows:
        undone = (row["user_id"], row["event_id"]) in taken
        if row["action"] != "undo" and not undone and row["product_id"]:
            kept.setdefault((row["user_id"], row["product_id"]), []).append(row)
    pairs = {}
    for key, group in kept.items():
        opinions = [row for row in group if ACTIONS[row["action"]]["polarity"]]
        last = max(opinions, key=lambda row: (row["occurred_at"], row["event_id"]), default=None)
        polarity = ACTIONS[last["action"]]["polarity"] if last else 0
        total = 0.0
        for row in opinions:
            meaning = ACTIONS[row["action"]]
            if meaning["polarity"] == polarity:
                age = (NOW - row["occurred_at"]) / timedelta(days=1)
                total += meaning["weight"] * polarity * 0.5 ** (age / meaning["half_life_days"])
        pairs[key] = (polarity, pytest.approx(total, abs=1e-9), len(group))
    return pairs


@given(acts)
@settings(max_examples=60, deadline=None)
def test_evidence_is_what_its_definition_says(rows):
    rows = once(rows)
    pairs = weigh(table(*rows))
    columns = pairs.select("user_id", "product_id", "polarity", "evidence", "acts")
    found = {tuple(row[:2]): tuple(row[2:]) for row in columns.iter_rows()}
    assert found == slow_evidence(rows)


@given(acts, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_and_repetition_change_no_bit(rows, random):
    events = table(*rows)
    shuffled = rows + random.choices(rows, k=len(rows) // 2) if rows else rows
    random.shuffle(shuffled)
    assert_frame_equal(weigh(events), weigh(table(*shuffled)), check_exact=True)


@given(acts)
@settings(max_examples=30, deadline=None)
def test_distinct_ids_need_no_second_look(rows):
    events = table(*once(rows))
    assert_frame_equal(weigh(events), weigh(events, distinct=True), check_exact=True)


@given(acts, names, names)
@settings(max_examples=30, deadline=None)
def test_an_act_and_its_undo_leave_no_trace(rows, user, product):
    rows = [row for row in once(rows) if row["object_id"] != "e99"]
    done = act("e99", user, product, "dislike", 0)
    undone = act("e100", user, None, "undo", 3, object_id="e99")
    assert_frame_equal(weigh(table(undone, *rows, done)), weigh(table(*rows)), check_exact=True)


def test_stars_decide_what_a_review_speaks_for_and_one_without_is_only_seen():
    for stars, polarity in ((5.0, 1), (4.0, 1), (3.0, 0), (2.0, -1), (1.0, -1), (None, 0)):
        row = pair(act("1", "u", "p", "review", value=stars))
        assert row["polarity"] == polarity
        assert row["evidence"] == ACTIONS["review"]["weight"] * polarity


def test_a_later_review_overrules_a_like_and_ties_go_by_id():
    like, review = act("1", "u", "p", "like", 2), act("2", "u", "p", "review", 1, value=1.0)
    assert pair(like, review)["polarity"] == -1
    at_once = like | {"occurred_at": review["occurred_at"]}
    assert pair(at_once, review)["polarity"] == -1
    assert pair(at_once | {"event_id": "3"}, review)["polarity"] == 1


def test_repeated_likes_say_less_each_time():
    rows = [act(str(at), "u", "p", "like") for at in range(4)]
    found = [
        weigh(table(*rows), repeats=repeats).row(0, named=True)["evidence"]
        for repeats in (0.0, 0.25, 0.5)
    ]
    assert found == pytest.approx([4.0, 4**0.75, 2.0])


def test_acts_of_another_class_are_no_repetition():
    """A purchase is consuming, a like contributing: neither makes the other say less."""
    like, purchase = act("1", "u", "p", "like"), act("2", "u", "p", "purchase")
    both = weigh(table(like, purchase), repeats=0.5)["evidence"].item()
    assert both == pytest.approx(1.0 + ACTIONS["purchase"]["weight"])
    save = act("3", "u", "p", "save")
    assert weigh(table(like, save), repeats=0.5)["evidence"].item() == pytest.approx(2**0.5)


@given(acts, st.randoms(use_true_random=False), st.sampled_from([0.2, 0.5]))
@settings(max_examples=40, deadline=None)
def test_diminishing_knows_no_order_and_never_exceeds_the_sum(rows, random, repeats):
    rows = once(rows)
    found = weigh(table(*rows), repeats=repeats)
    random.shuffle(rows)
    assert_frame_equal(found, weigh(table(*rows), repeats=repeats), check_exact=True)
    whole = weigh(table(*rows))["evidence"].abs()
    assert (found["evidence"].abs() <= whole + 1e-6).all()


def test_pairs_are_sorted_and_in_the_schema():
    pairs = weigh(
        table(act("1", "b", "x", "like"), act("2", "a", "y", "like"), act("3", "a", "x", "view"))
    )
    assert pairs.schema == pl.Schema(frames.EVIDENCE_PAIRS.columns)
    assert pairs.select("user_id", "product_id").rows() == [("a", "x"), ("a", "y"), ("b", "x")]


def test_an_act_counts_half_after_its_half_life():
    assert pair(act("1", "u", "p", "like", LIKE_LIFE))["evidence"] == pytest.approx(0.5)


def test_an_act_ahead_of_now_counts_in_full_and_no_more():
    assert pair(act("1", "u", "p", "like", -1))["evidence"] == 1.0


def test_the_last_opinion_wins_and_only_its_acts_count():
    row = pair(
        act("1", "u", "p", "like", 3),
        act("2", "u", "p", "dislike", 2),
        act("3", "u", "p", "hide", 1),
    )
    assert row["polarity"] == -1
    assert -1.7 < row["evidence"] < -1.69
    assert row["acts"] == 3


def test_of_opinions_at_one_moment_the_greatest_id_wins():
    like, dislike = act("b", "u", "p", "like"), act("a", "u", "p", "dislike")
    assert pair(like, dislike)["polarity"] == 1
    assert pair(like | {"event_id": "A"}, dislike)["polarity"] == -1


def test_a_later_view_says_nothing_against_a_dislike():
    row = pair(act("1", "u", "p", "dislike", 3), act("2", "u", "p", "view", 1))
    assert (row["polarity"], row["acts"]) == (-1, 2)
    assert row["last_at"] == NOW - timedelta(days=1)


def test_only_seen_is_polarity_zero_without_evidence():
    row = pair(act("1", "u", "p", "view"))
    assert (row["polarity"], row["evidence"], row["acts"]) == (0, 0.0, 1)


def test_nobody_takes_back_the_act_of_another():
    events = table(act("1", "u", "p", "like"), act("2", "v", None, "undo", object_id="1"))
    assert weigh(events).height == 1


def test_no_events_give_no_pairs():
    assert weigh(table()).equals(pl.DataFrame(schema=frames.EVIDENCE_PAIRS.columns))


def test_events_without_ids_all_count():
    events = table(act(None, "u", "p", "like"), act(None, "u", "p", "like"))
    assert weigh(events)["acts"].to_list() == [2]
    assert weigh(events.drop("event_id", "object_id"))["acts"].to_list() == [2]


def test_an_unknown_action_is_named():
    with pytest.raises(FrameError, match="stare"):
        weigh(table(act("1", "u", "p", "stare")))


def test_activity_agrees_with_evidence():
    events = table(
        act("1", "u", "p", "like", 5, channel="x"),
        act("2", "u", "q", "dislike", 4, channel="b"),
        act("3", "u", None, "post", 1),
        act("4", "u", "r", "like", 9),
        act("5", "u", None, "undo", 0, object_id="4"),
        act("6", "v", "p", "view", 2),
    ).lazy()
    pairs = weigh_events(events, actions=ACTIONS, now=NOW)
    users = user_activity(events, pairs).collect().to_dicts()
    day = timedelta(days=1)
    assert users == [
        {
            "user_id": "u",
            "likes": 1,
            "dislikes": 1,
            "acts": 3,
            "first_at": NOW - 5 * day,
            "last_at": NOW - day,
            "channels": ["b", "x"],
        },
        {
            "user_id": "v",
            "likes": 0,
            "dislikes": 0,
            "acts": 1,
            "first_at": NOW - 2 * day,
            "last_at": NOW - 2 * day,
            "channels": [],
        },
    ]
