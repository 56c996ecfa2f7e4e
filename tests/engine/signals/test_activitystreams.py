"""ActivityStreams: every act of the vocabulary that we know becomes the right row."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import settings
from engine.frames import EVENTS
from engine.signals.activitystreams import is_activity, read_activity
from engine.signals.arrivals import judge_arrivals
from engine.signals.events import Limits, name_act
from engine.signals.undo import live_events

NOW = datetime(2026, 2, 1, tzinfo=UTC)
LIMITS = Limits.of(settings.load("events")["limits"], settings.load_rows("actions"))

ALICE, SHOE = "https://social.example/users/alice", "https://shop.example/shoes/7"
WHEN = "2026-01-02T03:04:05Z"


def activity(kind, thing=SHOE, **more):
    return {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": "https://social.example/acts/1",
        "type": kind,
        "actor": ALICE,
        "object": thing,
        "published": WHEN,
    } | more


def note(**more):
    return {"id": "https://social.example/notes/9", "type": "Note", "content": "<p>Hi</p>"} | more


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("Like", "like"),
        ("Dislike", "dislike"),
        ("Announce", "share"),
        ("View", "view"),
        ("Flag", "report"),
    ],
)
def test_an_act_on_a_thing_names_who_what_and_when(kind, action):
    assert read_activity(activity(kind)) == {
        "event_id": "https://social.example/acts/1",
        "user_id": ALICE,
        "product_id": SHOE,
        "action": action,
        "occurred_at": WHEN,
    }


@pytest.mark.parametrize(("kind", "action"), [("Follow", "follow"), ("Block", "block")])
def test_what_is_followed_or_blocked_may_be_a_person_or_a_product(kind, action):
    row = read_activity(activity(kind, "https://social.example/users/nike"))
    assert row["action"] == action
    assert row["product_id"] == row["target_user_id"] == "https://social.example/users/nike"


@pytest.mark.parametrize("undone", ["https://x.example/acts/1", activity("Like")])
def test_undo_names_the_act_that_it_takes_back(undone):
    row = read_activity(activity("Undo", undone, id="https://x.example/acts/2"))
    wanted = undone if isinstance(undone, str) else undone["id"]
    assert (row["action"], row["object_id"]) == ("undo", wanted)
    assert "product_id" not in row


@pytest.mark.parametrize(
    ("made", "action"),
    [("Note", "post"), ("Image", "upload"), ("Video", "upload"), ("Question", "question")],
)
def test_what_is_created_says_how_much_of_themselves_people_put_into_it(made, action):
    row = read_activity(activity("Create", note(type=made), target=SHOE))
    assert (row["action"], row["product_id"]) == (action, SHOE)
    assert row["object_id"] == "https://social.example/notes/9"
    assert row["action"] in settings.load_rows("actions")


def test_an_answer_is_a_comment_on_what_it_answers():
    row = read_activity(activity("Create", note(inReplyTo=SHOE)))
    assert (row["action"], row["product_id"], row["text"]) == ("comment", SHOE, "Hi")


def test_null_says_no_more_than_silence():
    made = note(published=WHEN, content=None, name="A shoe", inReplyTo=None, tag=None)
    row = read_activity(activity("Create", made, published=None, context=None))
    assert (row["occurred_at"], row["text"]) == (WHEN, "A shoe")


def without_id(kind="Like", **more):
    return {key: said for key, said in activity(kind, **more).items() if key != "id"}


def arrive(*acts):
    judged = judge_arrivals(acts, EVENTS, now=NOW, limits=LIMITS, most_columns=50)
    return judged.good, judged.refused["reason"].to_list()


@pytest.mark.parametrize("act", [without_id(), without_id("Follow"), without_id(generator="app")])
@pytest.mark.parametrize("left_out", [(), ("actor",)])
def test_undo_of_an_act_without_an_id_finds_it_by_its_content(act, left_out):
    inner = {key: said for key, said in act.items() if key not in left_out}
    good, refused = arrive(act, without_id("Undo", object=inner))
    assert not refused
    assert good["event_id"].null_count() == 0
    assert live_events(good.lazy()).collect().is_empty()
    others = without_id(published="2026-01-02T03:04:06Z"), without_id(object="another")
    good, refused = arrive(act, *(without_id("Undo", object=other) for other in others))
    assert not refused
    assert live_events(good.lazy()).collect().height == 1


@pytest.mark.parametrize(
    "undone",
    [
        without_id(published=None),
        without_id(published="some day"),
        without_id("Undo", object=without_id()),
        without_id("Dance"),
        without_id(actor="\ud800"),
        {},
    ],
)
def test_an_act_that_its_content_does_not_name_cannot_be_taken_back(undone):
    assert arrive(without_id("Undo", object=undone))[1] == ["object of Undo has no id"]


def test_text_loses_its_markup_and_keeps_its_lines_and_its_language():
    content = "<p>1 &lt; 2<br>خوب <a href='x'>#shoe</a></p><p>3 < 4</p>"
    row = read_activity(activity("Create", note(contentMap={"fa": content})))
    assert row["text"] == "1 < 2\nخوب #shoe\n3 < 4"
    assert row["language"] == "fa"


def test_a_post_is_about_the_thing_it_is_tagged_with_and_hashtags_are_no_things():
    tags = [
        {"type": "Hashtag", "href": "https://x.example/tags/shoe"},
        {"type": "Mention", "href": "https://x.example/users/bob"},
        {"type": "Link", "href": SHOE},
    ]
    row = read_activity(activity("Create", note(tag=tags)))
    assert row["product_id"] == SHOE
    assert row["target_user_id"] == "https://x.example/users/bob"


def test_types_may_be_written_in_full_or_in_lists_and_actors_as_objects():
    spelled = activity(
        ["https://www.w3.org/ns/activitystreams#Like"],
        [{"id": SHOE, "type": "Page"}],
        actor={"type": "Person", "id": ALICE},
        generator={"type": "Application", "name": "mastodon"},
    )
    row = read_activity(spelled)
    assert (row["action"], row["product_id"], row["user_id"]) == ("like", SHOE, ALICE)
    assert row["channel"] == "mastodon"


def test_an_act_has_one_actor():
    act = {"type": "Like", "object": "p", "published": "2026-01-01T00:00:00Z"}
    assert read_activity({**act, "actor": ["ali"]})["user_id"] == "ali"
    assert "actor names several" in read_activity({**act, "actor": ["ali", "sara"]})


def test_a_report_is_about_what_it_names_last():
    flag = activity("Flag", ["https://x.example/users/bob", SHOE], content="spam")
    row = read_activity(flag)
    assert (row["product_id"], row["text"]) == (SHOE, "spam")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (activity("Dance"), "type is none of"),
        (activity("Like", None), "object is missing"),
        (activity("Like", [SHOE, SHOE]), "object names several things"),
        (activity("Create", "https://x.example/notes/1"), "object of Create must be"),
        (activity("Create", {"type": "Tombstone"}), "object is none of"),
        (activity("Like", {"type": "Note"}), "object of Like has no id"),
        (activity("Undo", {"type": "Like", "object": SHOE}), "object of Undo has no id"),
        ({"type": "OrderedCollection", "orderedItems": []}, "type is OrderedCollection, which is"),
        ({"type": "Collection", "items": []}, "type is Collection, which is no act; send the"),
        ({"type": 3}, "type is none of"),
        ({"type": []}, "type is none of"),
    ],
)
def test_what_is_no_act_of_ours_is_told_with_its_field(row, reason):
    assert read_activity(row).startswith(reason)


def test_rows_in_our_own_words_are_no_activities():
    assert not is_activity({"user_id": "a", "action": "like", "type": "Like"})
    assert is_activity({"type": "Like"})


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
names = st.sampled_from(
    ("type", "actor", "object", "published", "id", "content", "contentMap", "tag", "inReplyTo")
) | st.sampled_from(("target", "context", "generator", "name", "href"))
kinds = st.sampled_from(["Like", "Create", "Undo", "Flag", "Follow", ["Create"]])


@given(
    st.dictionaries(names, json_values),
    kinds,
    st.dictionaries(names, json_values),
    st.sampled_from(["Note", "Image", ["Question"], "Like"]),
)
def test_no_json_breaks_the_reading_and_no_column_is_invented(outer, kind, inner, made):
    row = read_activity({**outer, "type": kind, "object": {**inner, "type": made}}, name_act)
    assert isinstance(row, str) or set(row) <= set(EVENTS.columns)
    read_activity(outer)


def test_markup_that_never_closes_takes_no_time():
    began = time.perf_counter()
    read_activity(activity("Create", note(content="<p " * 30_000 + "<br" * 30_000)))
    assert time.perf_counter() - began < 1
