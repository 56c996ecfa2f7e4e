"""Channels for a product: results move what was expected, and everything has its interval."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from engine import settings
from engine.errors import InvalidValue, UnknownEntity
from engine.planning.channels import Question, Seen, fit_channels

FACTS, SETTINGS = settings.load_rows("channels"), settings.load("channel-fit")
ASKED = "instagram facebook telegram whatsapp x linkedin youtube tiktok pinterest reddit"


def fit(question: Question | None = None, **known):
    return fit_channels(FACTS, question or Question(), settings=SETTINGS, **known)


def by_name(rows):
    return {row["channel"]: row for row in rows}


def results(clicks: dict[str, float], *, days: int = 30, spend: float = 50.0, seed: int = 0):
    """A month of each channel at so many clicks for each unit of money."""
    random = np.random.default_rng(seed)
    rows = [
        {
            "date": date(2026, 3, 1) + timedelta(days=day),
            "channel": name,
            "impressions": 100_000,
            "clicks": int(random.poisson(rate * spend)),
            "spend": spend,
        }
        for name, rate in clicks.items()
        for day in range(days)
    ]
    schema = {"impressions": pl.Int64, "clicks": pl.Int64, "spend": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=schema)


def test_every_network_that_was_asked_for_has_facts():
    assert {*ASKED.split(), "mastodon", "eitaa", "aparat"} <= set(FACTS)


def test_without_results_and_without_a_model_priors_answer_and_say_so():
    rows = fit()
    assert {row["channel"] for row in rows} == set(FACTS)
    assert {row["basis"] for row in rows} == {"prior"}
    assert all("no results yet" in row["reason"] for row in rows)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))


def test_scores_are_in_order_inside_their_intervals_and_their_chances_add_up():
    rows = fit(Question(goal="sales", words=("beauty",), buyers="b2c"))
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert all(row["lower"] < row["score"] < row["upper"] for row in rows)
    assert sum(row["chance"] for row in rows) == pytest.approx(1)
    assert np.prod(scores) ** (1 / len(scores)) == pytest.approx(1)


def test_who_sells_to_firms_is_sent_to_where_firms_are():
    firms = by_name(fit(Question(goal="sales", words=("software",), buyers="b2b")))
    people = by_name(fit(Question(goal="sales", words=("cosmetics",), buyers="b2c")))
    assert firms["linkedin"]["rank"] <= 3 < 8 <= people["linkedin"]["rank"]
    assert people["instagram"]["rank"] < firms["instagram"]["rank"]
    assert "strong for cosmetics" in people["instagram"]["reason"]


def test_a_persian_word_finds_the_kind_of_product():
    assert "strong for مد" in by_name(fit(Question(words=("لباس مد",))))["instagram"]["reason"]


def test_in_iran_networks_of_iran_come_first_and_abroad_they_do_not():
    at_home, abroad = (by_name(fit(Question(country=country))) for country in ("IR", "DE"))
    assert at_home["eitaa"]["rank"] <= 2
    assert abroad["eitaa"]["rank"] > 8
    assert "own posts only" in at_home["instagram"]["cautions"][0]
    assert not abroad["instagram"]["cautions"]


def test_many_results_overrule_what_was_expected():
    clicks = {name: 0.5 for name in FACTS} | {"reddit": 3.0}
    rows = by_name(fit(results=results(clicks, days=90)))
    assert rows["reddit"]["rank"] == 1
    assert rows["reddit"]["basis"] == "results"
    assert "times all channels together" in rows["reddit"]["reason"]


def test_few_results_move_less_than_many():
    before = by_name(fit())["reddit"]["score"]
    clicks = {name: 0.5 for name in FACTS} | {"reddit": 3.0}
    few = by_name(fit(results=results(clicks, days=1, spend=2.0)))["reddit"]
    many = by_name(fit(results=results(clicks, days=60)))["reddit"]
    assert before < few["score"] < many["score"]
    assert many["upper"] / many["lower"] < few["upper"] / few["lower"]


def test_another_currency_is_the_same_answer():
    clicks = {name: 1.0 for name in FACTS} | {"x": 2.0}
    euros = results(clicks)
    rials = euros.with_columns(pl.col("spend") * 1e6)
    one, other = by_name(fit(results=euros)), by_name(fit(results=rials))
    for name in FACTS:
        assert other[name]["score"] == pytest.approx(one[name]["score"], rel=1e-6)


def test_results_in_two_currencies_are_not_thrown_together():
    """Planted: x brings twice as much; half of the channels were paid in rials."""
    clicks = {name: 1.0 for name in FACTS} | {"x": 2.0}
    rows = results(clicks, days=60).with_columns(currency=pl.lit("EUR"))
    later = results(clicks, days=60, seed=1).with_columns(
        pl.col("spend") * 1e6, currency=pl.lit("IRR")
    )
    mixed = pl.concat([rows, later.filter(pl.col("channel").is_in(["x", "reddit", "eitaa"]))])
    one, other = by_name(fit(results=rows)), by_name(fit(results=mixed))
    for name in FACTS:
        assert other[name]["score"] == pytest.approx(one[name]["score"], rel=0.15)


def test_one_channel_alone_tells_nothing_of_itself_against_the_others():
    one = by_name(fit(results=results({"x": 9.0})))
    assert one["x"]["score"] == pytest.approx(by_name(fit())["x"]["score"], rel=1e-6)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Planted: efficiencies drawn from the priors, results drawn from them; 80 % intervals."""
    random, held, told = np.random.default_rng(5), 0, 0
    names = list(FACTS)
    for seed in range(25):
        own = {
            name: np.hypot(
                np.log(FACTS[name]["cost_spread"]) / 1.2816,
                np.log(FACTS[name]["click_spread"]) / 1.2816,
            )
            * random.standard_normal()
            for name in names
        }
        usual = {
            name: np.log(1000 * FACTS[name]["click_rate"] / FACTS[name]["cost_per_mille"])
            for name in names
        }
        truth = np.array([usual[name] + own[name] for name in names])
        noise = 0.3 * random.standard_normal(len(names))
        rates = dict(zip(names[:8], np.exp(truth + noise)[:8], strict=True))
        rows = by_name(fit(results=results(rates, days=20, spend=20.0, seed=seed)))
        # what does not depend on results is the same for all: the share people use
        shares = 0.5 * np.log([rows[name]["share"] for name in names])
        home = np.log([0.25 if FACTS[name]["home"] else 1.0 for name in names])
        score = truth + shares + home
        score = np.exp(score - score.mean())
        for at, name in enumerate(names[:8]):
            held += rows[name]["lower"] <= score[at] <= rows[name]["upper"]
            told += 1
    assert 0.7 < held / told <= 0.97


def test_people_seen_there_count_and_are_told():
    few = by_name(fit(seen=Seen(10_000, {"pinterest": 100})))["pinterest"]
    many = by_name(fit(seen=Seen(10_000, {"pinterest": 6_000})))["pinterest"]
    assert many["score"] > few["score"]
    assert many["share_lower"] < 0.6 < many["share_upper"]
    assert "6,000 of the audience seen there" in many["reason"]
    assert many["basis"] == "mixed"


def test_a_channel_nobody_looked_at_keeps_its_usual_share():
    rows = by_name(fit(seen=Seen(10_000, {"pinterest": 0, "x": 1_000})))
    assert rows["reddit"]["share"] == by_name(fit())["reddit"]["share"]
    assert rows["reddit"]["share"] == pytest.approx(FACTS["reddit"]["usual_share"], rel=0.3)
    assert rows["reddit"]["basis"] == "prior"
    assert rows["pinterest"]["share_upper"] < 0.002
    assert "0 of the audience seen there" in rows["pinterest"]["reason"]


def test_a_channel_without_facts_is_taken_for_a_middling_one():
    rows = by_name(fit(seen=Seen(1_000, dict.fromkeys([*FACTS, "pixora"], 400))))
    assert rows["pixora"]["price_model"] is None
    assert rows["pixora"]["cautions"] == ["nothing is known of this channel but what came in"]
    assert 1 < rows["pixora"]["rank"] < rows["linkedin"]["rank"]


def test_an_unknown_channel_is_refused_and_the_known_ones_are_named():
    with pytest.raises(UnknownEntity, match="no channel 'myspace'; known and near: instagram"):
        fit(Question(channels=("myspace",)))


def test_only_the_channels_asked_for_are_compared():
    rows = fit(Question(channels=("x", "reddit", "x")))
    assert sorted(row["channel"] for row in rows) == ["reddit", "x"]


def test_equal_scores_stand_by_id():
    same = {name: dict(FACTS["x"]) for name in ("zeta", "alpha", "mid")}
    rows = fit_channels(same, Question(), settings=SETTINGS)
    assert [row["channel"] for row in rows] == ["alpha", "mid", "zeta"]
    assert [row["chance"] for row in rows] == pytest.approx([1 / 3] * 3)


def test_a_channel_beyond_the_budget_comes_last_and_says_why():
    rows = fit(Question(budget=60.0, words=("beauty",), buyers="b2c"))
    behind = [row["channel"] for row in rows if not row["usable"]]
    assert behind == [row["channel"] for row in rows][-len(behind) :]
    assert set(behind) == {"linkedin", "tiktok"}
    assert "smallest spend of 350 dollars" in by_name(rows)["tiktok"]["cautions"][0]


@pytest.mark.parametrize(
    ("question", "text"),
    [(Question(goal="fame"), "known: awareness"), (Question(buyers="b2g"), "neither b2b nor b2c")],
)
def test_what_is_not_known_is_refused(question, text):
    with pytest.raises(InvalidValue, match=text):
        fit(question)


def test_results_without_money_say_nothing_of_money():
    clicks = results({name: 1.0 for name in FACTS}).with_columns(spend=pl.lit(0.0))
    assert [row["score"] for row in fit(results=clicks)] == [row["score"] for row in fit()]


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.permutations(sorted(FACTS)), st.sampled_from(["awareness", "traffic", "sales"]))
def test_the_order_of_facts_changes_nothing(names, goal):
    turned = {name: FACTS[name] for name in names}
    one = fit_channels(turned, Question(goal=goal), settings=SETTINGS)
    other = fit(Question(goal=goal))
    assert [row["channel"] for row in one] == [row["channel"] for row in other]
