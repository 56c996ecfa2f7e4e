"""What people wrote reaches the model: tastes told in words alone are learned, wishes are told."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from engine.store.eventlog import append_events
from engine.store.home import Home
from tests.training.planted import events_like, quick_home, tasteful
from training.flow import gather
from training.recipe import load_recipe
from training.said import with_wishes

PRAISE, BLAME = "عالی بود، خیلی راضی هستم", "Terrible, do not buy."


def told(opinions: pl.DataFrame) -> pl.DataFrame:
    """The same opinions, as reviews without a rating."""
    liked = pl.col("action") == "like"
    return opinions.with_columns(
        text=pl.when(liked).then(pl.lit(PRAISE)).otherwise(pl.lit(BLAME)),
        action=pl.lit("review"),
    )


def test_opinions_in_words_weigh_as_likes_and_dislikes(tmp_path):
    plain = events_like(tasteful(60, 10))
    homes = [quick_home(tmp_path / "plain", plain), quick_home(tmp_path / "told", told(plain))]
    pairs = [gather(home, load_recipe(home), 0).pairs for home in homes]
    assert (pairs[0].opinions != pairs[1].opinions).nnz == 0
    assert pairs[1].opinions.nnz > 50


def test_who_asks_where_to_buy_is_in_market_for_segments_to_speak_of(tmp_path):
    plain = events_like(tasteful(60, 10))
    last = plain["occurred_at"].max()
    asking = plain["user_id"].unique().sort().head(7)
    wishes = pl.DataFrame(
        {
            "event_id": [f"wish{at}" for at in range(7)],
            "user_id": asking,
            "product_id": [plain["product_id"][0]] * 7,
            "action": ["question"] * 7,
            "occurred_at": [last - timedelta(days=1)] * 7,
            "text": ["می‌خوام بخرم، قیمتش چنده؟"] * 7,
        }
    ).cast({"occurred_at": plain.schema["occurred_at"]})
    home: Home = quick_home(tmp_path / "home", plain)
    append_events(home, pl.concat([plain.head(0), wishes], how="diagonal"))
    users = gather(home, load_recipe(home), 0).source.users
    asked = users.filter(pl.col("in_market").is_not_null())["user_id"]
    assert set(asked) == set(asking)


def test_users_stay_as_they_are_where_nobody_wishes_anything():
    users = pl.DataFrame({"user_id": ["a", "b"], "age": [1, 2]})
    none = pl.DataFrame(schema={"user_id": pl.String, "in_market": pl.String})
    assert with_wishes(users, none) is users
    some = pl.DataFrame({"user_id": ["b", "c"], "in_market": ["phone", "car"]})
    assert with_wishes(users, some).rows() == [
        ("a", 1, None),
        ("b", 2, "phone"),
        ("c", None, "car"),
    ]
