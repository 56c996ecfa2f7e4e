"""The planted world: the same for the same seed, as configured, and true to its own truth.

In: worlds of `tests/worlds.py`. Out: findings counted from the events alone.
Never: a figure that is read from the code that made the events.
"""

from __future__ import annotations

import time
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import frames
from tests.worlds import small, tiny
from training.simulate import World, grow, grow_blocks, lay_ground, simulate, write_world
from training.world.plan import plan_world
from training.world.truth import soft_auc

FRAMES = ("events", "users", "products", "accounts", "follows", "results")


def outcomes(world: World) -> pl.DataFrame:
    """Each shown pair once, as row numbers, with what was thought of it in the end."""
    undone = world.events["object_id"].drop_nulls().implode()
    last = (
        world.events.filter(
            pl.col("action").is_in(["view", "like", "dislike"]), ~pl.col("event_id").is_in(undone)
        )
        .sort(pl.col("action") != "view", "occurred_at", maintain_order=True)
        .unique(["user_id", "product_id"], keep="last", maintain_order=True)
    )
    return last.select(
        user=pl.col("user_id").str.strip_prefix("u").cast(pl.Int64),
        product=pl.col("product_id").str.strip_prefix("p").cast(pl.Int64),
        action="action",
    )


def rows(frame: pl.DataFrame, column: str) -> np.ndarray:
    return frame[column].str.slice(1).cast(pl.Int64).to_numpy()


def test_the_same_seed_gives_the_same_frames_byte_for_byte() -> None:
    one, two = (simulate(300, 24, events=6_000, seed=5) for _ in range(2))
    for name in FRAMES:
        left, right = getattr(one, name), getattr(two, name)
        assert left.write_ipc(None).getvalue() == right.write_ipc(None).getvalue(), name
    assert np.array_equal(one.truth.like(), two.truth.like())


def test_another_seed_gives_another_world() -> None:
    assert not simulate(300, 24, events=6_000, seed=6).events.equals(
        simulate(300, 24, events=6_000, seed=5).events
    )


def test_every_frame_fits_its_schema_and_holds_no_repeated_id() -> None:
    world = tiny()
    schemas = (frames.EVENTS, frames.USERS, frames.PRODUCTS, frames.ACCOUNTS)
    schemas += (frames.FOLLOWS, frames.RESULTS)
    for name, schema in zip(FRAMES, schemas, strict=True):
        frames.check(getattr(world, name), schema)
    assert world.events["event_id"].is_unique().all()
    assert world.users["user_id"].is_unique().all()
    assert world.users["user_id"].is_sorted()
    assert world.products["product_id"].is_sorted()
    assert world.products["name"].is_unique().all()


@pytest.mark.parametrize("world", [tiny, small])
def test_sizes_are_those_asked_for(world) -> None:
    made = world()
    assert made.users.height == made.plan.users
    assert made.products.height == made.plan.products
    assert made.events.height == pytest.approx(made.plan.events, rel=0.05)


@settings(max_examples=15, deadline=None)
@given(st.integers(50, 400), st.integers(12, 40), st.integers(0, 2**31))
def test_any_size_and_seed_gives_a_sound_world(users: int, products: int, seed: int) -> None:
    world = simulate(users, products, events=users * 5, seed=seed)
    assert set(world.events["user_id"]) <= set(world.users["user_id"])
    assert set(world.events["product_id"]) <= set(world.products["product_id"])
    assert world.truth.like().shape == (users, products)
    assert world.truth.interest().min() >= 0
    assert world.truth.interest().max() <= 1


def test_acts_come_at_the_configured_rates() -> None:
    world, rates = small(), small().plan.settings["acts"]
    count = dict(world.events.group_by("action").len().iter_rows())
    likes = count["like"] - count["undo"]
    for action, rate in (("save", rates.save), ("share", rates.share)):
        assert count[action] / likes == pytest.approx(rate, rel=0.15), action
    assert count["hide"] / count["dislike"] == pytest.approx(rates.hide, rel=0.15)
    final = dict(outcomes(world).group_by("action").len().iter_rows())
    unmoved = final["view"] + final["dislike"]
    assert final["dislike"] / unmoved == pytest.approx(rates.dislike, rel=0.03)


def test_attributes_that_are_noise_say_nothing_about_taste() -> None:
    world = small()
    joined = world.users.with_columns(community=pl.Series(world.truth.community))
    for column in ("device", "newsletter"):
        shares = joined.group_by("community").agg((pl.col(column) == pl.col(column).max()).mean())
        assert shares[column].std() < 0.06, column


def test_attributes_that_carry_taste_differ_between_communities() -> None:
    joined = small().users.with_columns(community=pl.Series(small().truth.community))
    ages = joined.group_by("community").agg(pl.col("age").mean())["age"]
    assert ages.max() - ages.min() > 10
    share = joined.group_by("community").agg((pl.col("occupation") == "engineer").mean())
    assert share["occupation"].max() > 2 * share["occupation"].min() + 0.02


def test_chances_of_a_like_are_the_rates_at_which_likes_come() -> None:
    world, pairs = small(), outcomes(small())
    chance = world.truth.like_pairs(pairs["user"].to_numpy(), pairs["product"].to_numpy())
    liked = (pairs["action"] == "like").to_numpy()
    order = np.argsort(chance)
    for part in np.array_split(order, 20):
        error = np.sqrt((chance[part] * (1 - chance[part])).sum()) / part.size
        assert abs(liked[part].mean() - chance[part].mean()) < 4.5 * error


def test_chances_of_a_showing_are_the_rates_at_which_showings_come() -> None:
    world, pairs = small(), outcomes(small())
    chance = world.truth.shown().astype(np.float64).ravel()
    seen = np.zeros(chance.size, bool)
    seen[(pairs["user"] * world.plan.products + pairs["product"]).to_numpy()] = True
    order = np.argsort(chance)
    for part in np.array_split(order, 20):
        error = np.sqrt((chance[part] * (1 - chance[part])).sum()) / part.size
        assert abs(seen[part].mean() - chance[part].mean()) < 4.5 * error


def test_exposure_is_biased_towards_taste_and_activity_is_unequal() -> None:
    truth = small().truth
    liked = truth.like() > 0.5
    assert truth.shown()[liked].mean() > 1.5 * truth.shown()[~liked].mean()
    per_user = np.sort(np.bincount(outcomes(small())["user"].to_numpy()))
    assert per_user[-per_user.size // 10 :].sum() > 0.2 * per_user.sum()


def test_the_planted_best_segment_is_best_in_the_events() -> None:
    world = small()
    likes = outcomes(world).filter(pl.col("action") == "like")
    liked = np.zeros((world.plan.users, world.plan.products))
    liked[likes["user"].to_numpy(), likes["product"].to_numpy()] = 1
    segments = world.truth.segments()
    rates = np.stack([liked[members].mean(axis=0) for members in segments.values()])
    named = world.truth.best()["segment_id"].to_list()
    best = np.array([list(segments).index(name) for name in named])
    columns = np.arange(best.size)
    sizes = np.array([members.sum() for members in segments.values()])
    noise = np.sqrt((rates * (1 - rates) + 1e-4) / sizes[:, None])
    beaten = rates - rates[best, columns] > 4 * np.hypot(noise, noise[best, columns])
    assert not beaten.any()
    assert (rates.argmax(axis=0) == best).mean() > 0.9


def test_the_planted_conjunction_drives_its_products_and_no_others() -> None:
    world = small()
    young = world.users["age"].is_between(25, 34) & (world.users["occupation"] == "student")
    members = young.fill_null(False).to_numpy()
    assert np.array_equal(members, world.truth.driven)
    pairs = outcomes(world).with_columns(
        member=pl.Series(members)[outcomes(world)["user"]],
        campus=(world.products["category"] == "campus")[outcomes(world)["product"]],
        liked=pl.col("action") == "like",
    )
    rate = {key: part["liked"].mean() for key, part in pairs.group_by("campus", "member")}
    assert rate[True, True] > 4 * rate[True, False]
    assert rate[False, True] == pytest.approx(rate[False, False], abs=0.06)
    driven = world.truth.best().filter(world.products["category"] == "campus")
    assert (driven["segment_id"] == "age 25–34 and occupation=student").all()


def test_ties_join_people_of_one_community_more_than_chance() -> None:
    world = small()
    community = world.truth.community
    source, target = rows(world.follows, "follower_id"), rows(world.follows, "followee_id")
    shares = np.bincount(community) / community.size
    chance = float((shares**2).sum())
    same = float((community[source] == community[target]).mean())
    homophily = world.plan.settings["ties"].homophily
    # Ties within a community repeat more often and count once, hence the tolerance.
    assert same == pytest.approx(homophily + (1 - homophily) * chance, abs=0.06)
    assert (source != target).all()
    assert not world.follows.is_duplicated().any()
    followers = np.sort(np.bincount(target, minlength=community.size))[::-1]
    assert followers[: followers.size // 10].sum() > 0.25 * followers.sum()


def test_names_and_tags_speak_both_languages() -> None:
    products = small().products
    assert products["name"].str.contains(r"[A-Za-z]{3}").all()
    assert products["name"].str.contains(r"[\u0600-\u06FF]{3}").all()
    assert products["tags"].list.len().min() >= 2
    assert products["tags"].list.eval(pl.element().is_duplicated()).list.any().sum() == 0


def test_reviews_are_utf8_in_both_languages_and_sound_like_the_outcome() -> None:
    world = small()
    reviews = world.events.filter(pl.col("action") == "review")
    assert reviews["text"].null_count() == 0
    assert all(text.encode().decode("utf-8") == text for text in reviews["text"])
    persian = reviews["text"].str.contains(r"[\u0600-\u06FF]")
    assert (persian == (reviews["language"] == "fa")).all()
    assert (reviews["text"].str.contains("[A-Za-z]") == (reviews["language"] == "en")).all()
    assert 0.4 < persian.mean() < 0.6
    assert not reviews["text"].str.contains(r"[{}]").any()
    told = reviews.filter(reviews["text"].str.contains("Recommended|پیشنهاد می‌کنم"))
    pairs = outcomes(world).filter(pl.col("action") != "like").select("user", "product")
    seen = set(pairs.iter_rows())
    assert told.height > 20
    assert not seen & set(zip(rows(told, "user_id"), rows(told, "product_id"), strict=True))
    others = world.events.filter(pl.col("action") != "review")
    assert others["text"].null_count() == others.height


def test_an_undo_names_an_earlier_like_of_the_same_person_and_product() -> None:
    events = small().events
    undo = events.filter(pl.col("action") == "undo")
    found = undo.join(events, left_on="object_id", right_on="event_id", how="inner")
    assert found.height == undo.height > 20
    assert (found["action_right"] == "like").all()
    assert (found["user_id"] == found["user_id_right"]).all()
    assert (found["product_id"] == found["product_id_right"]).all()
    assert (found["occurred_at"] > found["occurred_at_right"]).all()


def test_times_lie_within_the_history_and_follow_the_day() -> None:
    until = datetime(2026, 3, 5, 17, 30, tzinfo=UTC)
    world = simulate(2_000, 30, events=20_000, seed=3, until=until)
    at = world.events["occurred_at"]
    assert at.is_sorted()
    assert at.max() < until
    assert at.min() >= until - timedelta(days=world.plan.settings["time"].days + 1)
    hours = world.events.filter(pl.col("channel") == "worklink")["occurred_at"].dt.hour()
    peak, night = hours.is_in([7, 8, 9]).sum(), hours.is_in([19, 20, 21]).sum()
    assert peak > 2 * night


def test_channels_reach_different_communities() -> None:
    world = small()
    community = pl.Series(world.truth.community)[rows(world.events, "user_id")]
    table = world.events.select("channel").with_columns(community=community)
    shares = table.group_by("community").agg((pl.col("channel") == "pixora").mean())["channel"]
    assert shares.max() - shares.min() > 0.2


def test_results_follow_the_planted_response_curves() -> None:
    world = small()
    results, responses = world.results, world.responses
    channel = np.array([responses.channels.index(name) for name in results["channel"]])
    expected = responses.conversions(results["spend"].to_numpy(), channel)
    for place in range(len(responses.channels)):
        there = channel == place
        found, wanted = results["conversions"].to_numpy()[there].sum(), expected[there].sum()
        assert abs(found - wanted) < 4.5 * np.sqrt(wanted)
    assert results["date"].max() < world.plan.until.date()
    assert results.select("date", "campaign_id", "channel").is_unique().all()


def test_blocks_of_users_add_up_to_a_world_of_the_same_kind(tmp_path) -> None:
    plan = plan_world(1_000, 24, events=20_000, seed=4).changed("size", block_users=300)
    world, ground = grow(plan), lay_ground(plan)
    assert [block.users.height for block in grow_blocks(ground)] == [300, 300, 300, 100]
    assert world.events.height == pytest.approx(20_000, rel=0.1)
    assert world.events["event_id"].is_unique().all()
    same = world.truth.community[rows(world.follows, "follower_id")]
    assert (same == world.truth.community[rows(world.follows, "followee_id")]).mean() > 0.6
    found = write_world(tmp_path / "world", ground)
    assert sorted(path.name for path in (tmp_path / "world").iterdir()) == sorted(
        path.name for path in found.values()
    )
    for name, path in found.items():
        key = list(getattr(world, name).columns)
        assert pl.read_parquet(path).sort(key).equals(getattr(world, name).sort(key)), name


def test_a_setting_changes_the_world_it_speaks_of() -> None:
    plan = plan_world(600, 24, events=12_000, seed=1)
    calm = grow(plan.changed("exposure", activity=0.0))
    assert np.allclose(calm.truth.activity, calm.truth.activity[0])
    alone = grow(plan.changed("drive", products=0.0))
    assert "campus" not in alone.products["category"]


def test_soft_auc_is_the_ordinary_auc_where_chances_are_certain() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.8, 0.9])
    liked = np.array([0, 0, 1, 0, 1])
    above = (scores[liked == 1][:, None] - scores[liked == 0][None]).ravel()
    assert soft_auc(scores, liked) == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())
    assert soft_auc(np.zeros(5), liked) == 0.5
    assert np.isnan(soft_auc(scores, np.zeros(5)))


def test_soft_auc_is_highest_for_the_chances_themselves() -> None:
    rng = np.random.default_rng(0)
    chances = rng.random(500)
    best = soft_auc(chances, chances)
    assert best > soft_auc(chances + rng.normal(0, 0.2, 500), chances) > 0.5


@pytest.mark.slow
def test_the_world_of_a_million_events_is_made_in_seconds() -> None:
    before = time.process_time()
    world = simulate()
    assert time.process_time() - before < 30
    assert world.events.height == pytest.approx(1_000_000, rel=0.05)
    assert (world.users.height, world.products.height) == (20_000, 300)
    assert sum(getattr(world, name).estimated_size() for name in FRAMES) < 200e6


def test_the_world_can_be_stated_again_from_its_plan_alone() -> None:
    assert {field.name for field in fields(World)} >= {*FRAMES, "truth"}
    assert grow(tiny().plan).events.equals(tiny().events)


def test_quiet_people_save_share_buy_or_follow_what_they_would_have_liked():
    plan = plan_world(300, 30, events=6_000, seed=5)
    loud, quiet = grow(plan), grow(plan.changed("acts", quiet=0.5))
    counts = [dict(world.events["action"].value_counts().iter_rows()) for world in (loud, quiet)]
    assert "follow" not in counts[0]
    assert 0.35 < counts[1]["like"] / counts[0]["like"] < 0.65
    assert all(counts[1][action] > 2 * counts[0].get(action, 0) for action in ("share", "follow"))
    alone = quiet.events.filter(pl.col("action") == "follow").join(
        quiet.events.filter(pl.col("action") == "like"), on=["user_id", "product_id"], how="anti"
    )
    users, products = (
        alone[name].str.slice(1).cast(pl.Int64).to_numpy() for name in ("user_id", "product_id")
    )
    assert quiet.truth.like_pairs(users, products).mean() > 1.2 * quiet.truth.like().mean()
