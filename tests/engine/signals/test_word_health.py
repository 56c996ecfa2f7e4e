"""How word stands: people not acts, intervals that hold, series, aspects, and when it alerts."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from math import comb

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from engine.settings import load
from engine.signals.word import SAID, SPOKEN, Word
from engine.signals.word_alert import at_least, judge_word, keep_discoveries, rose
from engine.signals.word_health import (
    aspects,
    blame_of,
    change_of,
    negative_prior,
    net_of,
    people_of,
    series,
    share_of,
    shares,
    tally,
)
from tests.engine.signals.worded import table

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = load("word")
FEW = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)
COUNTS = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(lambda pair: sorted(pair))


def said(*rows: tuple[str, int, float], product: str = "p", read: bool = True) -> pl.DataFrame:
    """Rows of user, opinion, days ago."""
    return pl.DataFrame(
        [
            (product, user, UNTIL - timedelta(days=ago), f"e{at:04}", int(ago > 28), sign, read, 1)
            for at, (user, sign, ago) in enumerate(rows)
        ],
        schema=SAID,
        orient="row",
    )


def word(frame: pl.DataFrame, spoken: list[tuple[str, int, str, int, str]] | None = None) -> Word:
    rows = [("p", *row) for row in spoken or []]
    return Word(frame, pl.DataFrame(rows, schema=SPOKEN, orient="row"))


def test_a_person_who_shouts_a_hundred_times_is_one() -> None:
    loud = said(*[("loud", -1, 1 + at / 100) for at in range(100)], ("calm", 1, 2))
    row = tally(word(loud)).row(0, named=True)
    assert (row["people"], row["negative"], row["positive"], row["acts"]) == (2, 1, 1, 101)


def test_the_last_word_that_is_for_or_against_decides() -> None:
    frame = said(
        ("a", -1, 5), ("a", 1, 4), ("a", 0, 3),
        ("b", 1, 5), ("b", -1, 4),
        ("c", 0, 5),
        ("d", 1, 40), ("d", -1, 1),
    )  # fmt: skip
    found = {(row[2], row[1]): row[3] for row in people_of(frame).rows()}
    assert found == {("a", 0): 1, ("b", 0): -1, ("c", 0): 0, ("d", 1): 1, ("d", 0): -1}


def test_the_order_of_rows_changes_nothing() -> None:
    frame = said(*[(f"u{at % 7}", at % 3 - 1, 1 + at % 5) for at in range(60)])
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    assert people_of(frame).equals(people_of(shuffled))


def test_what_was_not_read_is_counted_apart() -> None:
    frame = pl.concat([said(("a", 1, 1)), said(("b", 0, 1), read=False)])
    row = tally(word(frame)).row(0, named=True)
    assert (row["people"], row["acts"], row["unread"]) == (1, 2, 1)


def test_products_of_one_window_only_are_told_with_zeros() -> None:
    frame = pl.concat([said(("a", 1, 1), product="new"), said(("a", -1, 40), product="old")])
    rows = {row["product_id"]: row for row in tally(word(frame)).iter_rows(named=True)}
    assert (rows["new"]["people"], rows["new"]["people_before"]) == (1, 0)
    assert (rows["old"]["people"], rows["old"]["negative_before"]) == (0, 1)


@hypothesis_settings(max_examples=40)
@given(COUNTS)
def test_a_share_lies_in_its_interval_and_the_interval_between_zero_and_one(
    pair: list[int],
) -> None:
    value, lower, upper = share_of(*map(np.array, pair), (0.8, 3.2), 0.95)
    assert 0 <= lower < value < upper <= 1


def test_few_people_move_a_share_little_and_many_decide_it() -> None:
    bad = table([(3, 3, 0, 0), (3000, 3000, 0, 0), (0, 0, 0, 0)])
    few, many, nobody = shares(bad, SETTINGS)[0]
    prior = negative_prior(SETTINGS)
    assert nobody == pytest.approx(prior[0] / sum(prior))
    assert nobody < few < 0.6
    assert many > 0.99


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    people = np.full(20_000, 60)
    truth = rng.uniform(0.05, 0.5, people.size)
    before = rng.uniform(0.05, 0.5, people.size)
    now_k, before_k = rng.binomial(people, truth), rng.binomial(people, before)
    now, then = (share_of(k, people, (0.8, 3.2), 0.95) for k in (now_k, before_k))
    assert 0.93 < np.mean((now[1] <= truth) & (truth <= now[2])) < 0.98
    change = change_of(now, then)
    apart = truth - before
    assert 0.93 < np.mean((change[1] <= apart) & (apart <= change[2])) < 0.98
    good = rng.binomial(people - now_k, 0.6)
    net = net_of(good, now_k, people, SETTINGS)
    real = (1 - truth) * 0.6 - truth
    assert 0.92 < np.mean((net[1] <= real) & (real <= net[2])) < 0.98


@hypothesis_settings(max_examples=40)
@given(FEW, FEW)
def test_chances_are_those_of_the_laws_they_name(now: list[int], before: list[int]) -> None:
    (k, n), (j, m) = now, before
    ways = sum(comb(k + j, x) * comb(n + m - k - j, n - x) for x in range(k, min(n, k + j) + 1))
    arrays = (np.array([one]) for one in (k, n, j, m))
    assert rose(*arrays) == pytest.approx([ways / comb(n + m, n)])
    tail = sum(comb(n, x) * 0.4**x * 0.6 ** (n - x) for x in range(k, n + 1))
    assert at_least(np.array([k]), np.array([n]), 0.4) == pytest.approx([tail])


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    # the example of their paper, table 1
    chances = np.array(
        [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
         0.5719, 0.6528, 0.7590, 1.0]
    )  # fmt: skip
    assert keep_discoveries(chances, 0.05).sum() == 4
    shuffled = np.random.default_rng(0).permutation(15)
    assert keep_discoveries(chances[shuffled], 0.05).tolist() == (shuffled < 4).tolist()
    assert not keep_discoveries(np.array([np.nan, 0.9]), 0.05).any()


def test_nothing_that_changed_alerts_nowhere_and_seldom_alone() -> None:
    rng = np.random.default_rng(1)
    tables, alone = 0, 0
    for _ in range(5):
        crowd = np.exp(rng.normal(3.5, 1.0, 1000))
        ill = np.minimum(rng.beta(2, 8, crowd.size), 0.4)
        n, m = rng.poisson(crowd), rng.poisson(crowd)
        k, j = rng.binomial(n, ill), rng.binomial(m, ill)
        found = judge_word(table(zip(n, k, m, j, strict=True)), SETTINGS)
        tables += int((found["state"] == "alert").any())
        alone += int((found["chance"] <= SETTINGS["alert"].chance).sum())
    assert tables <= 1
    assert alone <= 0.002 * 5_000


@pytest.mark.parametrize(("base", "burst"), [(0.1, 35), (0.2, 48)])
def test_a_burst_among_a_hundred_people_is_found(base: float, burst: int) -> None:
    rng = np.random.default_rng(2)
    n, m = rng.poisson(100, 500), rng.poisson(100, 500)
    k, j = rng.binomial(n, base), rng.binomial(m, base)
    found = judge_word(table(zip(n + burst, k + burst, m, j, strict=True)), SETTINGS)
    assert (found["chance"] <= SETTINGS["alert"].chance).mean() > 0.8
    assert (found["state"] == "alert").mean() > 0.8


def test_one_bad_product_among_many_calm_ones_alerts_alone() -> None:
    rng = np.random.default_rng(3)
    n, m = rng.poisson(80, 999), rng.poisson(80, 999)
    calm = zip(n, rng.binomial(n, 0.15), m, rng.binomial(m, 0.15), strict=True)
    found = judge_word(table([*calm, (130, 70, 80, 12)]), SETTINGS)
    assert found.filter(pl.col("state") == "alert")["product_id"].to_list() == ["p0999"]
    row = found.row(999, named=True)
    assert row["why"] == ["much", "more"]


def test_states_say_why() -> None:
    found = judge_word(
        table(
            [
                (200, 120, 200, 120),  # always bad: much, and no more than before
                (200, 60, 200, 10),  # rose, and is not much by itself
                (40, 15, 40, 6),  # perhaps
                (9, 9, 0, 0),  # all speak ill, and they are few
                (0, 0, 50, 5),
                (100, 20, 100, 18),
            ],
            acts=[200, 200, 40, 9, 0, 100],
        ),
        SETTINGS,
    )
    assert found["state"].to_list() == ["alert", "alert", "watch", "calm", "silent", "calm"]
    why = found["why"].to_list()
    assert why == [["much"], ["more"], ["more"], ["few"], ["nobody"], []]
    assert found["chance"].is_null().to_list() == [False, False, False, True, True, False]


def test_one_aspect_that_rose_is_found_where_the_whole_hides_it() -> None:
    rows = [(150, 40, 150, 26), (150, 40, 150, 26)]
    blame = pl.DataFrame(
        {
            "product_id": ["p0000", "p0000", "p0001", "p0001"],
            "aspect": ["delivery", "price", "delivery", "price"],
            "people": [24, 9, 14, 14],
            "before": [3, 8, 10, 8],
        }
    )
    assert judge_word(table(rows), SETTINGS)["state"].to_list() == ["calm", "calm"]
    found = judge_word(table(rows), SETTINGS, blame)
    assert found["state"].to_list() == ["alert", "calm"]
    assert found["aspect"].to_list() == ["delivery", None]
    assert found["why"].to_list() == [["aspect"], []]


def test_many_aspects_that_stay_alert_nowhere_and_seldom_alone() -> None:
    rng = np.random.default_rng(4)
    products, names = 3000, 9
    n, m = rng.poisson(60, products), rng.poisson(60, products)
    ill = np.minimum(rng.beta(2, 8, products), 0.4)
    whole = table(zip(n, rng.binomial(n, ill), m, rng.binomial(m, ill), strict=True))
    rate = rng.uniform(0.01, 0.3, (names, products))
    blame = pl.DataFrame(
        {
            "product_id": whole["product_id"].to_list() * names,
            "aspect": np.repeat([f"a{at}" for at in range(names)], products),
            "people": rng.binomial(n, rate).ravel(),
            "before": rng.binomial(m, rate).ravel(),
        }
    )
    found = judge_word(whole, SETTINGS, blame)
    assert (found["state"] == "alert").sum() == 0
    assert (found["chance"] <= SETTINGS["alert"].chance).mean() <= SETTINGS["alert"].chance
    assert (found["state"] == "watch").mean() <= SETTINGS["alert"].watch_chance


def test_blame_counts_people_of_both_windows() -> None:
    spoken = [("a", 0, "price", -1, "fee")] * 5 + [("b", 0, "price", -1, "fee")]
    spoken += [("c", 1, "price", -1, "fee"), ("d", 1, "food", -1, "bread")]
    spoken += [("e", 0, "food", 1, "bread")]
    found = blame_of(word(said(("a", -1, 1)), spoken))
    assert found.rows() == [("p", "price", 2, 1), ("p", "food", 0, 1)]


def test_acts_that_cannot_be_read_are_no_silence_of_people() -> None:
    found = judge_word(table([(0, 0, 0, 0)], acts=[7]), SETTINGS)
    assert found.row(0, named=True)["why"] == ["nothing"]


def test_a_product_without_a_past_is_judged_by_what_is_now() -> None:
    found = judge_word(table([(60, 20, 0, 0), (60, 50, 0, 0)]), SETTINGS)
    assert found["state"].to_list() == ["calm", "alert"]


def test_a_series_covers_both_windows_in_weeks_that_end_at_the_moment() -> None:
    frame = said(("a", -1, 1), ("a", -1, 2), ("b", 1, 1), ("c", -1, 50), ("d", 1, 7), ("e", 1, 7.1))
    rows = series(frame, SETTINGS, until=UNTIL, days=28)
    assert len(rows) == 8
    assert rows[-1]["until"] == UNTIL.isoformat()
    assert [row["people"] for row in rows] == [1, 0, 0, 0, 0, 0, 1, 3]
    assert (rows[-1]["negative"], rows[-1]["positive"]) == (1, 2)
    assert rows[1]["negative_share"] is None
    assert rows[0]["lower"] < rows[0]["negative_share"] < rows[0]["upper"]


def test_short_windows_are_drawn_by_day() -> None:
    rows = series(said(("a", 1, 1.5)), SETTINGS, until=UNTIL, days=7)
    assert len(rows) == 14
    assert [row["people"] for row in rows][-2] == 1


def test_aspects_tell_people_and_phrases_that_enough_used() -> None:
    frame = said(*[(f"u{at}", -1, 1) for at in range(10)], *[(f"v{at}", -1, 40) for at in range(9)])
    spoken = [(f"u{at}", 0, "delivery", -1, "late delivery") for at in range(6)]
    spoken += [("u0", 0, "delivery", -1, "late delivery")] * 50
    spoken += [("u7", 0, "price", -1, "rip off"), ("u8", 0, "staff", 1, "rep")]
    spoken += [("v1", 1, "delivery", -1, "mail"), ("v2", 1, "food", -1, "bread")]
    whole = word(frame, spoken)
    found = aspects(whole, tally(whole).row(0, named=True), SETTINGS)
    assert [(row["aspect"], row["people"], row["before"]) for row in found["blamed"]] == [
        ("delivery", 6, 1),
        ("price", 1, 0),
    ]
    delivery, price = found["blamed"]
    assert delivery["share"] == pytest.approx(0.6)
    assert delivery["lower"] > 0
    assert delivery["phrase"] == "late delivery"
    assert price["phrase"] is None  # one person's own words are not told
    assert (found["blamers"], found["praisers"]) == (10, 1)
    assert found["praised"][0]["aspect"] == "staff"


def test_figures_are_finite_whatever_was_counted() -> None:
    bad = table([(0, 0, 0, 0), (1, 1, 1, 1), (10**6, 10**6, 10**6, 0), (10, 0, 10, 10)])
    found = judge_word(bad, SETTINGS)
    assert all(math.isfinite(one) for one in found["chance"].drop_nulls())


@hypothesis_settings(max_examples=40)
@given(COUNTS, COUNTS, st.integers(1, 50))
def test_more_people_who_speak_ill_are_never_less_alarming(
    now: list[int], before: list[int], more: int
) -> None:
    (k, n), (j, m) = now, before
    found = judge_word(table([(n, k, m, j), (n + more, k + more, m, j)]), SETTINGS)
    calm, worse = found["chance"].to_list()
    if calm is not None:
        assert worse <= calm + 1e-9
    usual, risen = shares(table([(n, k, m, j), (n + more, k + more, m, j)]), SETTINGS)[0]
    assert risen > usual


@given(COUNTS, COUNTS)
def test_a_change_seen_from_the_other_side_is_its_opposite(
    now: list[int], before: list[int]
) -> None:
    one, other = (share_of(*map(np.array, pair), (0.8, 3.2), 0.95) for pair in (now, before))
    ahead, back = change_of(one, other), change_of(other, one)
    assert ahead == pytest.approx(-back[[0, 2, 1]])
    assert ahead[1] <= ahead[0] <= ahead[2]
