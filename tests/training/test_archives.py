"""Archives that networks hand out become events: who did what to what, and when."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from engine.errors import UnreadableFile
from engine.store import eventlog
from engine.store.home import Home
from training.ingest import ingest
from training.layouts import change_mapping
from training.sources import source_mapping

NOW = datetime(2026, 1, 1, tzinfo=UTC)

OUTBOX = {
    "@context": "https://www.w3.org/ns/activitystreams",
    "id": "outbox.json",
    "type": "OrderedCollection",
    "totalItems": 7,
    "orderedItems": [
        {
            "id": "https://m.example/users/ana/statuses/1/activity",
            "type": "Announce",
            "actor": "https://m.example/users/ana",
            "published": "2025-03-01T10:00:00Z",
            "object": "https://m.example/users/bo/statuses/9",
        },
        {
            "id": "https://m.example/users/ana/statuses/2/activity",
            "type": "Create",
            "actor": "https://m.example/users/ana",
            "published": "2025-03-01T11:00:00Z",
            "object": {
                "id": "https://m.example/users/ana/statuses/2",
                "type": "Note",
                "inReplyTo": "https://m.example/users/bo/statuses/9",
                "content": "<p>Tom &amp; I<br />love it</p><p>کفش</p>",
                "contentMap": {"en": "<p>Tom &amp; I<br />love it</p><p>کفش</p>"},
            },
        },
        {
            "id": "a3",
            "type": "Create",
            "actor": "https://m.example/users/ana",
            "published": "2025-03-02T11:00:00Z",
            "object": {"id": "n3", "type": "Note", "content": "Morning", "inReplyTo": None},
        },
        {
            "id": "a4",
            "type": "Create",
            "actor": "https://m.example/users/ana",
            "published": "2025-03-02T12:00:00Z",
            "object": {"id": "n4", "type": "Image", "context": "shoes"},
        },
        {
            "id": "a5",
            "type": "Undo",
            "actor": "https://m.example/users/ana",
            "published": "2025-03-03T10:00:00Z",
            "object": {"id": "https://m.example/users/ana/statuses/1/activity"},
        },
        {
            "id": "a6",
            "type": "Follow",
            "actor": {"id": "https://m.example/users/ana"},
            "published": "2025-03-03T11:00:00Z",
            "object": "https://m.example/users/bo",
        },
        {"id": "a7", "type": "Move", "content": "a secret", "object": "elsewhere"},
    ],
}

LIKES_OF_X = """window.YTD.like.part0 = [
  {
    "like" : {
      "tweetId" : "1212092628029698048",
      "fullText" : "somebody else's words",
      "expandedUrl" : "https://twitter.com/i/web/status/1212092628029698048"
    }
  },
  { "like" : { "tweetId" : "20" } },
  { "like" : { "tweetId" : "no number" } }
]
"""

LIKED_VIDEOS = """Playlist Id,Channel Id,Time Created,Title,Visibility
LLx,UCx,2012-01-01 00:00:00 UTC,Liked videos,Private

Video Id,Time Added
dQw4w9WgXcQ,2020-01-05 12:00:00 UTC
jNQXAC9IVRw,2021-02-03 04:05:06 UTC
"""


@pytest.fixture
def read(tmp_path):
    def read(content, source, *defaults, name="archive"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        home = Home(tmp_path / "home")
        mapping = change_mapping(source_mapping(source, home.root), defaults=defaults)
        counts = ingest(home, events=path, mapping=mapping, now=NOW)
        return counts, eventlog.scan_events(home).sort("occurred_at", "product_id").collect()

    return read


def test_an_outbox_of_mastodon_tells_shares_answers_posts_and_what_was_taken_back(read):
    counts, events = read(json.dumps(OUTBOX), "mastodon", name="outbox.json")
    columns = events.select("user_id", "action", "product_id", "occurred_at")
    ana, bo = "https://m.example/users/ana", "https://m.example/users/bo"
    assert columns.drop("occurred_at").rows() == [
        (ana, "share", f"{bo}/statuses/9"),
        (ana, "comment", f"{bo}/statuses/9"),
        (ana, "post", None),
        (ana, "upload", "shoes"),
        (ana, "undo", None),
        (ana, "follow", bo),
    ]
    assert columns["occurred_at"][0] == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert events["text"][1] == "Tom & I\nlove it\nکفش"
    assert events["language"][1] == "en"
    assert events["object_id"][4] == events["event_id"][0]
    assert events["target_user_id"][5] == bo
    assert set(events["channel"]) == {"mastodon"}
    assert counts.tables["events"].quarantined == {
        "type is none of Like, Dislike, Announce, Follow, View, Block, Flag, Undo, Create": 1
    }
    assert "secret" not in counts.quarantine.read_text()


def test_an_archive_given_twice_counts_once(read):
    read(json.dumps(OUTBOX), "mastodon")
    counts, events = read(json.dumps(OUTBOX, indent=2), "mastodon")
    assert (counts.tables["events"].stored, events.height) == (0, 6)


@pytest.mark.parametrize(("part", "action"), [("likes.json", "like"), ("bookmarks.json", "save")])
def test_lists_of_mastodon_are_likes_and_saves_at_a_named_moment(read, part, action):
    listed = {"id": part, "type": "OrderedCollection", "orderedItems": ["https://m.example/1"]}
    defaults = ("user_id=ana", "occurred_at=2025-05-01")
    _, events = read(json.dumps(listed), "mastodon", *defaults)
    assert events.select("user_id", "action", "product_id").rows() == [
        ("ana", action, "https://m.example/1")
    ]


def test_likes_of_x_are_as_old_as_the_posts_they_are_of(read):
    counts, events = read(LIKES_OF_X, "x", "user_id=ana", name="like.js")
    assert events.select("user_id", "product_id", "action", "channel").rows() == [
        ("ana", "1212092628029698048", "like", "x")
    ]
    assert events["occurred_at"][0].replace(microsecond=0) == datetime(
        2019, 12, 31, 19, 26, 16, tzinfo=UTC
    )
    assert events["text"].to_list() == [None]
    assert counts.tables["events"].quarantined == {
        "is no like of a post": 1,
        "occurred_at is missing": 1,
    }


def test_likes_without_a_user_ask_for_one(read):
    with pytest.raises(UnreadableFile, match="user_id is missing"):
        read(LIKES_OF_X, "x")


def test_liked_videos_of_youtube_follow_the_lines_about_their_list(read):
    _, events = read(LIKED_VIDEOS, "youtube", "user_id=ana", name="Liked videos.csv")
    assert events.select("user_id", "product_id", "action", "occurred_at").rows() == [
        ("ana", "dQw4w9WgXcQ", "like", datetime(2020, 1, 5, 12, tzinfo=UTC)),
        ("ana", "jNQXAC9IVRw", "like", datetime(2021, 2, 3, 4, 5, 6, tzinfo=UTC)),
    ]


def test_liked_videos_of_a_newer_takeout_begin_with_their_names(read):
    content = "Video ID,Playlist Video Creation Timestamp\nabc,2024-05-06T07:08:09+02:00\n"
    _, events = read(content, "youtube", "user_id=ana", name="Liked videos-videos.csv")
    assert events.select("product_id", "occurred_at").rows() == [
        ("abc", datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC))
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('window.YTD.tweets.part0 = [{"tweet": {}}]', "'tweets' of an archive of X"),
        ('window.YTD.like.part0 = [{"like": ', "is damaged"),
        ("window.YTD.like.part0 = {}", "holds no list"),
        ('{"type": "OrderedCollection", "totalItems": 3}', "without orderedItems"),
        ('{"type": "OrderedCollection", "orderedItems": [{]}', "is damaged"),
        ('{"type": "OrderedCollection", "orderedItems": ' + "[" * 200_000, "is damaged"),
        ('{"type": "OrderedCollection", "orderedItems": []}', "has no rows"),
        ('{"type": "OrderedCollection", "orderedItems": [1, null, [], "x", {}]}', "5 rows"),
    ],
)
def test_an_archive_that_is_none_says_why(read, content, message):
    with pytest.raises(UnreadableFile, match=message):
        read(content, "mastodon")


def test_a_lone_surrogate_takes_no_neighbour_with_it(read):
    items = [{**OUTBOX["orderedItems"][0], "object": "\ud800"}, OUTBOX["orderedItems"][0]]
    counts, events = read(json.dumps({**OUTBOX, "orderedItems": items}), "mastodon")
    assert counts.tables["events"].quarantined == {"is not UTF-8": 1}
    assert events.height == 1


def test_parts_of_an_archive_are_read_into_one_schema(read):
    _, events = read(json.dumps(OUTBOX), "mastodon")
    assert events.schema["value"] == pl.Float64
    assert events["value"].null_count() == events.height
