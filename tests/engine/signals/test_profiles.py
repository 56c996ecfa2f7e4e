"""Profiles made to a pattern, planted in a world: found whole and alone; the honest stay free."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata

from engine import settings
from engine.frames import ACTION, AT, PRODUCT, USER
from engine.settings import Section
from engine.signals.profiles import find_profiles, score_profiles
from tests.worlds import small, tiny
from training.simulate import simulate

ACTIONS = settings.load_rows("actions")
RULES = settings.load("integrity", Path("nowhere"))["profiles"]
MADE = "made-"


@cache
def honest() -> pl.DataFrame:
    """2,000 people and 400 products, most of them rare: 80,000 acts."""
    return simulate(2_000, 400, events=80_000, seed=3).events.select(USER, PRODUCT, ACTION, AT)


@cache
def by_likes() -> pl.DataFrame:
    likes = honest().filter(pl.col(ACTION) == "like")
    counts = likes.group_by(PRODUCT).agg(pl.col(USER).n_unique().alias("likes"))
    return counts.sort("likes", PRODUCT, descending=[True, False])


def attacked(
    share: float, fillers: int, popular: int, *, action: str = "like", seed: int = 0
) -> pl.DataFrame:
    """So many more accounts: each likes fillers drawn from the popular, and acts on one target.

    They act at moments at which honest people act.
    """
    rng = np.random.default_rng(seed)
    ranked = by_likes()[PRODUCT]
    target = ranked[int(ranked.len() * 0.8)]
    moments = honest()[AT].to_list()
    rows = [
        (f"{MADE}{account:04}", product, act, moments[rng.integers(len(moments))])
        for account in range(int(share * 2_000))
        for product, act in [
            *((each, "like") for each in rng.choice(ranked[:popular], fillers, replace=False)),
            (target, action),
        ]
    ]
    return pl.concat([honest(), pl.DataFrame(rows, honest().schema, orient="row")])


def find(events: pl.DataFrame, **changes: float) -> pl.DataFrame:
    rules = Section("profiles", {**RULES.values, **changes})
    return find_profiles(events.lazy(), ACTIONS, rules)


def made(events: pl.DataFrame) -> set[str]:
    users = events[USER].unique()
    return set(users.filter(users.str.starts_with(MADE)))


def auc(events: pl.DataFrame) -> float:
    scores = score_profiles(events.lazy(), ACTIONS, RULES)
    fake = scores[USER].str.starts_with(MADE).to_numpy()
    ranks = rankdata(scores["score"].to_numpy())[fake]
    return float((ranks.mean() - (fake.sum() + 1) / 2) / (~fake).sum())


@pytest.mark.parametrize(
    "events", [honest, lambda: small().events, lambda: tiny().events], ids=["wide", "small", "tiny"]
)
def test_nobody_is_held_where_nothing_was_planted(events):
    assert find(events()).is_empty()


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05])
@pytest.mark.parametrize(("fillers", "popular"), [(30, 30), (30, 60)])
def test_made_profiles_score_above_the_honest(share, fillers, popular):
    assert auc(attacked(share, fillers, popular)) >= 0.956


@pytest.mark.parametrize("action", ["like", "dislike"])
@pytest.mark.parametrize(("fillers", "popular"), [(30, 30), (30, 60), (15, 60), (30, 100)])
def test_three_in_a_hundred_are_found_whole_and_alone(fillers, popular, action):
    events = attacked(0.03, fillers, popular, action=action)
    assert set(find(events)[USER]) == made(events)


def test_the_reason_names_what_is_pushed():
    events = attacked(0.03, 30, 30)
    target = by_likes()[PRODUCT][int(by_likes().height * 0.8)]
    reasons = find(events)["reason"].unique().to_list()
    assert reasons == [f"one of many alike that share little but likes of {target}"]


def test_likes_of_a_rare_product_stay_below_twice_what_they_were():
    events = attacked(0.03, 30, 60)
    held = find(events)[USER]
    target = by_likes().row(int(by_likes().height * 0.8), named=True)
    likes = events.filter(pl.col(PRODUCT) == target[PRODUCT], pl.col(ACTION) == "like")
    before = likes[USER].n_unique()
    after = likes.filter(~pl.col(USER).is_in(held.implode()))[USER].n_unique()
    assert before > 2 * target["likes"] >= 2 * after


def test_a_sample_finds_those_who_were_not_drawn():
    events = attacked(0.05, 30, 60)
    found = set(find(events, sample=600)[USER])
    assert found <= made(events)
    assert len(found) >= 0.95 * len(made(events))


def test_copies_of_each_other_that_push_nothing_are_left_alone():
    """Newcomers who were all shown one page: the same popular products, nothing else."""
    page = by_likes()[PRODUCT][:30]
    names = pl.DataFrame({USER: [f"{MADE}{number}" for number in range(60)]})
    copies = names.join(page.to_frame(), how="cross").with_columns(
        pl.lit("like").alias(ACTION), pl.lit(honest()[AT][0]).alias(AT)
    )
    assert find(pl.concat([honest(), copies.select(honest().columns)])).is_empty()


@pytest.mark.parametrize("hours", [2, 1_000_000])
def test_what_was_shown_for_two_hours_is_no_secret_of_those_who_came_then(hours):
    """120 come first of all and see one page and one more product; half like nearly all of it.

    Had the product been around for as long as everybody else, liking it would be a pattern.
    """
    rng = np.random.default_rng(4)
    page, early = by_likes()[PRODUCT][:30], "early"
    before, after = honest()[AT].min(), honest()[AT].max()
    rows = [
        (f"{MADE}{person:03}", product, "like", before - timedelta(minutes=int(rng.integers(120))))
        for person in range(120)
        for product, chance in [*((each, 0.9 - 0.5 * (person % 2)) for each in page), (early, 0.6)]
        if rng.random() < chance
    ]
    if hours > 2:
        rows.append((honest()[USER].mode().sort()[0], early, "dislike", after))
    world = pl.concat([honest(), pl.DataFrame(rows, honest().schema, orient="row")])
    assert find(world).is_empty() == (hours == 2)


@pytest.mark.parametrize("days", [1, 20])
def test_made_profiles_are_found_where_honest_people_stay_an_hour(days):
    """In the time of what they push hardly anybody else is there: they do not make it common."""
    rng = np.random.default_rng(6)
    honest_acts = honest()
    begin = honest_acts[AT].min()
    visit = {user: rng.uniform(0, 100 * 24) for user in honest_acts[USER].unique().sort()}
    hours = np.array([visit[user] for user in honest_acts[USER]]) + rng.random(honest_acts.height)
    brief = honest_acts.with_columns(
        (begin + pl.Series(hours * 3.6e9).cast(pl.Duration("us"))).alias(AT)
    )
    rows = [
        (f"{MADE}{account:04}", product, "like", begin + timedelta(days=50 + days * rng.random()))
        for account in range(60)
        for product in [*rng.choice(by_likes()[PRODUCT][:60], 30, replace=False), "pushed"]
    ]
    made_up = pl.DataFrame(rows, honest_acts.schema, orient="row")
    found = set(find(pl.concat([brief, made_up]))[USER])
    assert found <= {row[0] for row in rows}
    assert len(found) >= 50


def test_one_opinion_given_again_and_again_is_no_pattern():
    rare = by_likes()[PRODUCT][-1]
    at = honest()[AT][0]
    rows = [(f"{MADE}{number}", rare, "like", at) for number in range(40) for _ in range(20)]
    fans = pl.DataFrame(rows, honest().schema, orient="row")
    assert find(pl.concat([honest(), fans])).is_empty()


def test_rows_in_any_order_give_the_same():
    events = attacked(0.03, 30, 60)
    assert find(events.sample(fraction=1.0, shuffle=True, seed=5)).equals(find(events))


def test_few_accounts_and_none_are_no_matter():
    assert find(honest().head(0)).is_empty()
    assert find(honest().head(50)).is_empty()
    assert score_profiles(honest().head(0).lazy(), ACTIONS, RULES).is_empty()
