"""Curves learned from results: planted ones are found, borrowed from, and told with their doubt."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from engine import settings
from engine.errors import FrameError, InvalidValue
from engine.planning.draws import draw_curves, draw_outcomes, interval
from engine.planning.funnel import learn_rates, sum_funnel
from engine.planning.history import EVERYBODY, check_results, read_history
from engine.planning.response import Response, Start, fit_response
from engine.planning.response_prior import Groups, name_levels
from engine.planning.saturation import dispersion
from tests.engine.planning.markets import START, Market, plant_market

TODAY = date(2026, 6, 1)
SETTINGS = settings.load("planning")


def fit(results: pl.DataFrame, *, places=None, today: date = TODAY, **changed: float) -> Response:
    chosen = dict(SETTINGS)
    for key, value in changed.items():
        section, name = key.split("__")
        chosen[section] = settings.Section(section, {**chosen[section].values, name: value})
    history = read_history(results, "sales", today, places=places)
    levels = name_levels(history.places)[1]
    none = np.zeros((len(history), 0))
    groups = (Groups(levels, none), Groups(levels[:1], none))
    return fit_response(history, groups, Start(5.0, 30.0), chosen)


def wandering(market: Market, days: int, seed: int, spend: float = 30.0) -> pl.DataFrame:
    """Days whose spends differ, each played by itself."""
    random = np.random.default_rng(seed)
    count = len(market.places)
    return pl.concat(
        market.play(
            spend * random.lognormal(0, 0.7, count),
            1,
            first=START + timedelta(day),
            seed=seed + day,
        )
        for day in range(days)
    )


@cache
def learned() -> tuple[Market, Response]:
    market = plant_market(5, noise=0.1)
    return market, fit(wandering(market, 60, 1))


def test_planted_curves_are_found_where_results_are_many():
    market, response = learned()
    spend = np.full(len(market.places), 25.0)
    found, truth = response.curves().value(spend), market.curves.value(spend)
    assert np.corrcoef(found, truth)[0, 1] > 0.98
    assert found.sum() == pytest.approx(truth.sum(), rel=0.05)


def test_noise_between_days_is_measured():
    assert learned()[1].dispersion == pytest.approx(0.1, abs=0.05)


def test_intervals_of_days_to_come_hold_as_often_as_they_say():
    market, response = learned()
    fresh = wandering(market, 30, 900)
    at = {place: row for row, place in enumerate(response.places)}
    keys = zip(fresh["channel"], fresh["segment_id"], strict=True)
    row = np.array([at[key] for key in keys])
    draws = draw_curves(response, 400, seed=3)
    mean = draws.ceiling[row] * -np.expm1(-fresh["spend"].to_numpy()[:, None] / draws.scale[row])
    outcomes = draw_outcomes(mean, response.dispersion, seed=3)
    sales = fresh["sales"].to_numpy()[:, None]
    # Counts are coarse: the part of a tie is drawn, so that exactly the told share should hold.
    place = (outcomes < sales).mean(1)
    place += np.random.default_rng(0).random(len(place)) * (outcomes == sales).mean(1)
    assert 0.75 < ((place > 0.1) & (place < 0.9)).mean() < 0.85


def test_a_placement_without_results_borrows_from_its_channel_and_segment():
    places = [(f"c{c}", f"s{s}") for c in range(4) for s in range(8)]
    good = np.array([3.0 if place[0] == "c0" else 1.0 for place in places])
    good *= [3.0 if int(place[1][1]) % 2 == 0 else 1.0 for place in places]
    flat = np.ones(len(places))
    market = Market(places, 4.0 * good, 30.0 * flat, 5.0 * flat, 0.01 * flat, 0.0)
    untried = [("c0", "s0"), ("c0", "s5"), ("c1", "s0"), ("c1", "s5")]
    rows = wandering(market, 40, 2).filter(
        ~pl.struct("channel", "segment_id").is_in(
            [{"channel": channel, "segment_id": segment} for channel, segment in untried]
        )
    )
    response = fit(rows, places=untried)
    found = response.curves().value(np.full(len(places), 25.0))
    best, channel, segment, neither = (found[response.places.index(place)] for place in untried)
    assert best > channel > 1.5 * neither
    assert best > segment > 1.05 * neither
    doubt = np.log(draw_curves(response, 300, seed=0).ceiling + 1e-3).std(1)
    tried = [row for row, place in enumerate(response.places) if place not in untried]
    assert doubt[response.places.index(untried[0])] > 2 * doubt[tried].max()


def test_old_results_weigh_less():
    rows = {"channel": ["a"] * 40, "segment_id": ["s"] * 40, "spend": [10.0] * 40}
    days = [TODAY - timedelta(days=400 - at * 10) for at in range(40)]
    sales = [1.0] * 20 + [9.0] * 20
    results = pl.DataFrame({"date": days, **rows, "sales": sales})
    lately = fit(results, time__half_life_days=40.0).curves().value(np.array([10.0]))[0]
    always = fit(results, time__half_life_days=1e5).curves().value(np.array([10.0]))[0]
    assert lately > 7 > always


def test_sales_that_are_still_to_come_are_allowed_for():
    random = np.random.default_rng(3)
    ages = np.tile(np.arange(1, 41), 20)
    segment = np.repeat([f"s{at}" for at in range(20)], 40)
    arrived = -np.expm1(-ages / 3.0)
    results = pl.DataFrame(
        {
            "date": [TODAY - timedelta(days=int(age)) for age in ages],
            "channel": ["a"] * 800,
            "segment_id": segment,
            "spend": np.full(800, 20.0),
            "sales": random.poisson(6.0 * arrived).astype(float),
        }
    )
    response = fit(results)
    assert 2.0 <= response.delay <= 5.0
    assert response.curves().value(np.full(20, 20.0)).mean() == pytest.approx(6.0, rel=0.08)


def test_what_sells_without_money_is_not_promised_to_money():
    days = [TODAY - timedelta(days=at + 1) for at in range(60)]
    spend = np.where(np.arange(60) % 2 == 0, 0.0, 10.0)
    sales = np.random.default_rng(1).poisson(5.0, 60).astype(float)
    results = pl.DataFrame(
        {
            "date": days,
            "channel": ["a"] * 60,
            "segment_id": ["s"] * 60,
            "spend": spend,
            "sales": sales,
        }
    )
    response = fit(results)
    assert 3.5 < response.organic < 5.5
    assert response.curves().value(np.array([10.0]))[0] < 2.5


def test_nothing_tried_is_what_was_believed():
    places = [("a", "s"), ("b", "s"), ("a", "t"), ("b", "t")]
    empty = pl.DataFrame(
        schema={"date": pl.Date, "channel": pl.String, "spend": pl.Float64, "sales": pl.Float64}
    )
    response = fit(empty, places=places)
    curves = response.curves().value(np.full(4, 30.0))
    assert curves == pytest.approx(np.full(4, curves[0]))
    assert 1.0 < curves[0] < 20.0


def test_dead_placements_are_seen_to_be_dead():
    market = plant_market(5, noise=0.1)
    response = learned()[1]
    dead = market.ceiling == 0
    alive = response.learned.posterior.alive
    assert dead.any()
    assert (alive[dead] < 0.1).all()
    assert (alive[market.ceiling > 1] > 0.9).all()


def test_draws_follow_the_seed_and_their_mean_is_the_curve():
    response = learned()[1]
    first, again = (draw_curves(response, 300, seed=9) for _ in range(2))
    assert (first.ceiling == again.ceiling).all()
    spend = np.full(len(response.places), 25.0)
    mean = first.outcome(spend).mean(1)
    assert mean.sum() == pytest.approx(response.curves().value(spend).sum(), rel=0.02)


def test_dispersion_of_a_poisson_law_is_none_to_speak_of():
    random = np.random.default_rng(4)
    mean = random.uniform(1, 30, 4000)
    assert dispersion(random.poisson(mean).astype(float), mean, np.ones(4000), 4.0) < 0.01


def test_parts_of_a_segment_are_levels_of_their_own():
    places = [("a", f"age={age}|sex={sex}") for age in range(4) for sex in "fm"]
    names, levels = name_levels(places)
    assert names == ("segment.age", "segment.sex")
    assert [int(level.max()) for level in levels] == [3, 1]


def test_rates_of_the_funnel_are_shrunk_and_never_nothing():
    market = plant_market(5)
    results = wandering(market, 5, 1)
    sums = sum_funnel(results, market.places, TODAY)
    groups = Groups(name_levels(market.places)[1], np.zeros((len(market.places), 0)))
    rates = learn_rates(sums["impressions"], sums["spend"], sums["rows"], groups, usual=1.0)
    assert rates.rate == pytest.approx(1000 / market.mille, rel=0.15)
    nothing = {name: np.zeros(3) for name in sums}
    none = Groups((), np.zeros((3, 0)))
    empty = learn_rates(nothing["clicks"], nothing["spend"], nothing["rows"], none, usual=2.0)
    assert empty.rate == pytest.approx(np.full(3, 2.0))


def test_lower_and_upper_hold_the_share_between_them():
    lower, upper = interval(np.arange(101.0), 0.8)
    assert (lower, upper) == pytest.approx((10.0, 90.0))


GOOD = {
    "date": [date(2026, 5, 1)],
    "channel": ["a"],
    "impressions": [10],
    "clicks": [1],
    "spend": [1.0],
    "currency": ["EUR"],
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spend": [-1.0]}, "spend.*negative"),
        ({"spend": [float("nan")]}, "spend.*finite"),
        ({"clicks": [11]}, "above the impressions.*a/everybody on 2026-05-01"),
        ({"date": [date(2026, 6, 2)]}, "after 2026-06-01"),
        ({"spend": pl.Series([None], dtype=pl.Float64)}, "spend.*missing"),
    ],
)
def test_results_that_cannot_be_true_are_refused_by_name(change, words):
    with pytest.raises(InvalidValue, match=words):
        check_results(pl.DataFrame(GOOD | change), TODAY)


def test_two_currencies_are_refused():
    both = pl.concat([pl.DataFrame(GOOD), pl.DataFrame(GOOD | {"currency": ["USD"]})])
    with pytest.raises(InvalidValue, match="EUR, USD"):
        check_results(both, TODAY)
    with pytest.raises(InvalidValue, match="budget in USD"):
        check_results(pl.DataFrame(GOOD), TODAY, currency="USD")
    check_results(pl.DataFrame(GOOD), TODAY, currency="EUR")


def test_results_without_a_column_that_is_needed_are_refused():
    with pytest.raises(FrameError, match="spend"):
        check_results(pl.DataFrame(GOOD).drop("spend"), TODAY)


def test_results_of_a_day_are_summed_and_segments_may_be_missing():
    twice = pl.concat([pl.DataFrame(GOOD | {"sales": [2.0]})] * 2)
    history = read_history(twice, "sales", TODAY)
    assert history.places == [("a", EVERYBODY)]
    assert (history.spend.tolist(), history.outcome.tolist(), history.age.tolist()) == (
        [2.0],
        [4.0],
        [31.0],
    )
