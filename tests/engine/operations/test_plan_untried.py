"""Placements that nobody tried: they bring no more than their people can give."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from engine.operations.audiences import best_segments
from engine.operations.plan_crowd import members_of, people_of
from engine.operations.plans import make_plan
from engine.planning.saturation import Posterior
from engine.planning.untried import bounded_curves, within_people
from engine.settings import load_rows
from engine.store.home import Home
from tests.engine.operations.asked import NETWORKS, ask, results
from tests.engine.operations.test_plan_models import learned


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def to_everybody() -> pl.DataFrame:
    """The month of results as if all of it had gone to all people of the model."""
    names = dict(zip([f"channel-{at}" for at in range(4)], NETWORKS, strict=True))
    days = results().with_columns(pl.col("channel").replace(names))
    return days.group_by("date", "channel").agg(
        pl.col("impressions", "clicks", "spend", "sales").sum()
    )


@pytest.mark.parametrize("goal", ["traffic", "sales"])
def test_small_segments_bring_a_part_of_what_everybody_brings(home, goal):
    """All people of a network bring so much: no part of them is believed to bring many times it."""
    known = ask(goal, results=to_everybody(), exploration=0.0)
    alone = make_plan(home, known)
    both = make_plan(
        home,
        ask(goal, results=to_everybody(), exploration=0.0, product_id="p003"),
        model=learned(),
    )
    assert both["basis"] == "mixed"
    assert alone["optimum"] * 0.9 < both["optimum"] < alone["optimum"] * 2.5


@pytest.mark.parametrize("exploration", [0.0, 0.5])
@pytest.mark.parametrize("basis", [None, to_everybody()], ids=["prior", "mixed"])
def test_nobody_untried_acts_more_than_once_each_day(home, basis, exploration):
    model, days = learned(), 7
    request = ask(
        "traffic", results=basis, budget=1e6, product_id="p003", exploration=exploration, days=days
    )
    plan = make_plan(home, request, model=model)
    rows = [row for row in plan["allocation"] if not row["tried"] and row["spend"] > 0]
    places = [(row["channel"], row["segment_id"]) for row in rows]
    told = best_segments(model, "p003", goal="traffic")["segments"]
    sizes = {one["segment_id"]: one for one in told}
    members = members_of(model, {id for _, id in places}, request, sizes)
    people = people_of(model, places, members, load_rows("channels", home.root))
    assert len(rows) > 3
    for row, most in zip(rows, people.tolist(), strict=True):
        assert row["expected"] <= most * days


@pytest.mark.parametrize("basis", [None, to_everybody()], ids=["prior", "mixed"])
def test_clicks_of_a_row_are_those_that_are_expected_of_it(home, basis):
    plan = make_plan(home, ask("traffic", results=basis, product_id="p003"), model=learned())
    for row in plan["allocation"]:
        assert row["clicks"] == pytest.approx(row["expected"])
        assert row["clicks"] <= row["impressions"]


def test_the_mean_within_people_is_that_of_drawn_worlds():
    """Cut at what people can do, curves and draws still tell of the same."""
    random = np.random.default_rng(5)
    n, most = 6, np.array([0.02, 0.3, 1.0, 5.0, 80.0, np.inf])
    chance, mean = np.full((n, 1), 1.0), random.lognormal(0, 1, (n, 1))
    spread = np.full((n, 1), 1.3)
    posterior = Posterior(chance, np.log(mean), spread, mean, np.log(mean), np.zeros(n))
    curves = bounded_curves(posterior, np.zeros(1), most)
    drawn = mean * np.exp(np.sqrt(1.3) * random.standard_normal((n, 200_000)) - 0.65)
    cut, scale = within_people(drawn, np.ones_like(drawn), most)
    assert (cut <= most[:, None] * (1 + 1e-12)).all()
    assert np.allclose(cut / scale, drawn)
    assert np.allclose(curves.value(np.full(n, 1e9)), cut.mean(1), rtol=0.05)
    assert np.allclose(curves.slope(np.zeros(n)), drawn.mean(1), rtol=0.02)
    halfway = (cut * -np.expm1(-0.5 / scale)).mean(1)
    assert np.allclose(curves.value(np.full(n, 0.5)), halfway, rtol=0.05)
