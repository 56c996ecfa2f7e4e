"""Plans: how fast and how near to the best, beside general solvers; and how well ads are foreseen.

In: nothing for the speed and the planted market; a folder of ad results for the forecasts.
Out: rows (what, unit, figure, command). Never: an ad that was learned from among those judged.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.operations.plan_crowd import shared_kinds
from engine.operations.plan_request import PlanRequest
from engine.operations.plans import make_plan
from engine.planning.budget import allocate_concave
from engine.planning.constraints import Limits, Wishes, read_limits
from engine.planning.curves import Curves
from engine.planning.draws import Draws, draw_curves, draw_outcomes, interval
from engine.planning.funnel import learn_rates, sum_funnel
from engine.planning.history import read_history
from engine.planning.people import allocate_people
from engine.planning.response import Response, Start, fit_response
from engine.planning.response_prior import Groups, name_levels
from engine.planning.risk import Apart, allocate_careful, worst_weights
from engine.planning.together import Together
from engine.planning.touch import Moved
from engine.store.home import Home
from tests.engine.planning.markets import START, plant_market

Array = NDArray[Any]
Row = tuple[str, str, float, str]
COMMAND = "python -m tests.benchmarks.planning"
PEERS, SEEDS = 200, range(100, 106)


def problem(count: int) -> tuple[Curves, Limits]:
    """Placements as fits give them: mixtures of 44 curves, ten channels, one with a maximum."""
    random = np.random.default_rng(count)
    weights = random.random((count, 44)) ** 8 * random.lognormal(0, 1, (count, 1))
    places = [(f"c{at % 10}", f"s{at // 10}") for at in range(count)]
    wishes = Wishes(maxima={"c0": count * 3.0}, minima={"c1": count * 4.5})
    curves = Curves(weights, np.exp(np.linspace(0, 8, 44)))
    return curves, read_limits(places, count * 40.0, wishes)


def _timed(work: Any, rounds: int = 1) -> tuple[float, Any]:
    best, found = float("inf"), None
    for _ in range(rounds):
        start = time.perf_counter()
        found = work()
        best = min(best, time.perf_counter() - start)
    return best, found


def speed() -> list[Row]:
    """Seconds and gaps of a thousand and of a hundred thousand placements."""
    rows = []
    for count, rounds in ((1000, 3), (100_000, 1)):
        curves, limits = problem(count)
        seconds, found = _timed(lambda c=curves, m=limits: allocate_concave(c, m), rounds)
        rows.append((f"split over {count:,} placements", "s", seconds, COMMAND))
        rows.append((f"its duality gap, {count:,} placements", "%", 100 * found.gap, COMMAND))
    return rows


def shared() -> list[Row]:
    """Forty segments of 20,000 people on fifteen channels: nobody counted twice, and what it costs.

    Beside it the plan that adds placements up, judged with people counted once.
    """
    random = np.random.default_rng(40)
    members = {
        f"s{at}": np.flatnonzero(random.random(20_000) < share)
        for at, share in enumerate(random.uniform(0.01, 0.3, 40))
    }
    places = [(f"c{at % 15}", f"s{at // 15}") for at in range(600)]
    curves = Curves(
        random.lognormal(0, 1, (600, 1)) * random.random((600, 44)) ** 8,
        np.exp(np.linspace(0, 8, 44)),
    )
    limits = read_limits(places, 60_000.0, Wishes())
    kinds, _ = shared_kinds(places, members, settings.load("planning"))
    assert kinds is not None
    touch = Moved(kinds, np.ones(600))
    crowd, shares = kinds.ranked(touch.whole(curves)), touch.mean(curves)
    seconds, found = _timed(lambda: allocate_people(shares, crowd, limits))
    plain_in, plain = _timed(lambda: allocate_concave(curves, limits), 3)
    summed = float(crowd.brought(1.0 - shares.value(plain.spend)))
    what = "600 placements of 40 segments that share people"
    return [
        (f"split over {what}", "s", seconds, COMMAND),
        ("that / adding them up", "times as long", seconds / plain_in, COMMAND),
        ("its duality gap", "%", 100 * found.gap, COMMAND),
        ("its outcome over that of adding up, less 1", "", found.value / summed - 1, COMMAND),
        ("what adding up promises over what it brings", "", plain.value / summed, COMMAND),
    ]


def careful() -> list[Row]:
    """Plans for bad cases: what they bring in worlds never seen, over the plan for the mean.

    Two hundred placements, of which some are hardly known; those of a channel are wrong together.
    """
    random = np.random.default_rng(41)
    members = {
        f"s{at}": np.flatnonzero(random.random(20_000) < share)
        for at, share in enumerate(random.uniform(0.02, 0.3, 20))
    }
    places = [(f"c{at % 10}", f"s{at // 10}") for at in range(200)]
    ceiling, scale = random.lognormal(0, 1, (200, 1)), random.lognormal(3, 0.8, (200, 1))
    unsure = random.choice([0.1, 0.3, 1.0], (200, 1))

    def draw(count: int) -> Draws:
        alike = random.standard_normal((10, count))[np.arange(200) % 10]
        chance = np.sqrt(0.5) * (alike + random.standard_normal((200, count)))
        factor = np.exp(unsure * chance - 0.5 * unsure**2)
        return Draws(ceiling * factor, scale * np.exp(0.4 * random.standard_normal((200, count))))

    limits = read_limits(places, 18_000.0, Wishes())
    kinds, _ = shared_kinds(places, members, settings.load("planning"))
    assert kinds is not None
    rows, known, fresh = [], draw(400), draw(400)
    for what, worlds, judge in (
        ("apart", Apart(known, 14), Apart(fresh, 14)),
        (
            "that share people",
            Together(known.some(133), Moved(kinds, np.ones(200)), 14),
            Together(fresh, Moved(kinds, np.ones(200)), 14),
        ),
    ):
        seconds, found = _timed(lambda w=worlds: allocate_careful(w, limits, 0.2))
        mean = allocate_careful(worlds, limits, 1.0)
        bad = []
        for plan in (found, mean):
            outcomes = judge.outcomes(plan.spend)
            bad.append(float(outcomes @ worst_weights(outcomes, 0.2)))
        named = f"careful split over 200 placements {what}"
        rows += [
            (named, "s", seconds, COMMAND),
            (f"{named}: its duality gap", "%", 100 * found.gap, COMMAND),
            (
                f"{named}: the worst fifth of new worlds, over the mean plan's, less 1",
                "%",
                100 * (bad[0] / bad[1] - 1),
                COMMAND,
            ),
        ]
    return rows


def peers() -> list[Row]:
    """The same problem by general solvers: their outcome against ours, and their time."""
    curves, limits = problem(PEERS)
    ours_in, ours = _timed(lambda: allocate_concave(curves, limits), 3)
    rows = [(f"split over {PEERS} placements", "s", ours_in, COMMAND)]
    solvers = (("SLSQP", _slsqp), ("cvxpy", _cvxpy))
    for name, solve in solvers:
        try:
            seconds, value = _timed(lambda s=solve: s(curves, limits))
        except ModuleNotFoundError:
            continue
        lost = value / ours.value - 1
        rows.append((f"{name}, the same {PEERS}: its outcome over ours, less 1", "", lost, COMMAND))
        rows.append((f"{name} / ours", "times as long", seconds / ours_in, COMMAND))
    return rows


def _slsqp(curves: Curves, limits: Limits) -> float:
    """As libraries of marketing mix models call it: from an equal split, without scaling."""
    from scipy.optimize import minimize

    total, channels = limits.budget / 100, limits.channel_low.size
    inside = [(limits.channel == channel) * 1.0 for channel in range(channels)]
    rules = [{"type": "eq", "fun": lambda s: s.sum() - total, "jac": lambda s: np.ones_like(s)}]
    for mask, least, most in zip(inside, limits.channel_low, limits.channel_high, strict=True):
        low = {"type": "ineq", "fun": lambda s, m=mask, x=least / 100: m @ s - x}
        high = {"type": "ineq", "fun": lambda s, m=mask, x=most / 100: x - m @ s}
        rules += [low, high]
    found = minimize(
        lambda s: -curves.value(np.maximum(s, 0)).sum(),
        np.full(len(curves), total / len(curves)),
        jac=lambda s: -curves.slope(np.maximum(s, 0)),
        method="SLSQP",
        bounds=[(0.0, total)] * len(curves),
        constraints=rules,
    )
    return float(curves.value(np.maximum(found.x, 0)).sum())


def _cvxpy(curves: Curves, limits: Limits) -> float:
    import cvxpy

    spend = cvxpy.Variable(len(curves), nonneg=True)
    terms = [
        curves.weights[:, at] @ (1 - cvxpy.exp(-spend / scale))
        for at, scale in enumerate(curves.scales)
    ]
    rules = [cvxpy.sum(spend) <= limits.budget / 100]
    for channel, (least, most) in enumerate(
        zip(limits.channel_low / 100, limits.channel_high / 100, strict=True)
    ):
        part = cvxpy.sum(spend[np.flatnonzero(limits.channel == channel)])
        rules += [part >= least, part <= most]
    return float(cvxpy.Problem(cvxpy.Maximize(sum(terms)), rules).solve(solver="CLARABEL"))


def market() -> list[Row]:
    """Three rounds of plan, results and plan again, from no history at all, beside an oracle."""
    days, rounds = 14, []
    for seed in SEEDS:
        world, first, reached = plant_market(seed), START, []
        budget, known = 30.0 * days * len(world.places), world.named()
        best = world.oracle(budget, days)
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(3):
                request = PlanRequest(
                    "sales",
                    budget,
                    days,
                    results=known,
                    posts=0,
                    now=datetime.combine(first, clock(), UTC),
                )
                plan = make_plan(Home(Path(folder)), request)
                spend, pacing = world.spends(plan), world.pacing(plan)
                seed_of = 10 * seed + turn
                played = world.play(spend, days, first=first, seed=seed_of, pacing=pacing)
                known, first = pl.concat([known, played]), first + timedelta(days=days)
                reached.append(world.sales(spend, days, pacing) / best)
        rounds.append(reached)
    table = np.array(rounds)
    names = ("first", "second", "third")
    rows = [
        (f"planted market, no history: {name} round / oracle", "", table[:, at].mean(), COMMAND)
        for at, name in enumerate(names)
    ]
    rows.append(("all three together / oracle", "", table.mean(), COMMAND))
    return [*rows, ("the worst of six markets", "", table.mean(1).min(), COMMAND)]


def deviance(sales: Array, mean: Array) -> float:
    """Poisson's deviance for each row."""
    mean = np.maximum(mean, 1e-9)
    part = np.where(sales > 0, sales * np.log(np.maximum(sales, 1e-9) / mean), 0.0)
    return float(2 * (part - (sales - mean)).mean())


def ads(folder: Path) -> list[Row]:
    """Sales of ads foreseen: learned from two thirds of them, by their order and by their date."""
    table, rows = pl.read_parquet(folder / "results.parquet"), []
    for name, ordered in (
        ("by their order", table),
        ("by date", table.sort("date", maintain_order=True)),
    ):
        cut = 2 * ordered.height // 3
        rows += _foreseen(ordered[:cut], ordered[cut:], f"ads split {name}: ")
    return rows


def _foreseen(known: pl.DataFrame, new: pl.DataFrame, split: str) -> list[Row]:
    response = _learned(known, new)
    at = {place: row for row, place in enumerate(response.places)}
    row = np.array([at["facebook", segment] for segment in new["segment_id"]])
    spend, sales = new["spend"].to_numpy(), new["sales"].to_numpy().astype(np.float64)
    closed, exact = _held(response, row, spend, sales)
    overall = known["sales"].mean()
    raw = known.group_by("segment_id").agg(pl.col("sales").mean().alias("rate"))
    rates = new.join(raw, on="segment_id", how="left", maintain_order="left")["rate"]
    figures = {
        "deviance of ours": deviance(sales, response.expect(row, spend)),
        "of the global rate": deviance(sales, np.full(sales.size, overall)),
        "of segments' raw rates": deviance(
            sales, np.maximum(rates.fill_null(overall).to_numpy(), 1e-3)
        ),
        "of gradient boosting": deviance(sales, _boosted(known, new)),
        "80 % intervals, ties drawn, hold": exact,
        "80 % intervals, both ends counted in, hold": closed,
    }
    command = f"{COMMAND} ADS"
    return [(f"{split}{what}", "", figure, command) for what, figure in figures.items()]


def _learned(known: pl.DataFrame, new: pl.DataFrame) -> Response:
    segments = pl.concat([known["segment_id"], new["segment_id"]]).unique().to_list()
    today = known["date"].max() + timedelta(days=1)  # type: ignore[operator]
    history = read_history(
        known, "sales", today, places=[("facebook", each) for each in segments], daily=False
    )
    levels = name_levels(history.places)[1]
    plain = Groups(levels, np.zeros((len(history), 0)))
    sums = sum_funnel(known, history.places, today)
    told = [
        learn_rates(sums[name], sums["spend"], sums["rows"], plain, usual=usual).told
        for name, usual in (("impressions", 100.0), ("clicks", 1.0))
    ]
    groups = (Groups(levels, np.stack(told, axis=1)), Groups((), plain.covariates))
    return fit_response(history, groups, Start(1.0, 10.0), settings.load("planning"))


def _held(response: Response, row: Array, spend: Array, sales: Array) -> tuple[float, float]:
    """Shares of ads within their interval: with its ends, and with the part of a tie drawn.

    An ad sells 0, 1 or 2; an interval of whole numbers then holds far more than it says. Whether
    the law behind it is right shows where a tie at its end counts in part.
    """
    draws = draw_curves(response, 2000, seed=0)
    mean = draws.ceiling[row] * -np.expm1(-spend[:, None] / draws.scale[row]) + response.organic
    outcomes = draw_outcomes(mean, response.dispersion, seed=0)
    lower, upper = interval(outcomes, 0.8)
    place = (outcomes < sales[:, None]).mean(1)
    ties = (outcomes == sales[:, None]).mean(1)
    place += np.random.default_rng(0).random(sales.size) * ties
    closed = ((sales >= lower) & (sales <= upper)).mean()
    return float(closed), float(((place > 0.1) & (place < 0.9)).mean())


def _boosted(known: pl.DataFrame, new: pl.DataFrame) -> Array:
    """scikit-learn's histogram gradient boosting with Poisson's loss, as it comes."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.preprocessing import OrdinalEncoder

    columns = ["age", "gender", "interest"]
    code = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    texts = [frame.select(pl.col(columns).cast(pl.String)).to_numpy() for frame in (known, new)]
    first, second = code.fit_transform(texts[0]), code.transform(texts[1])
    model = HistGradientBoostingRegressor(loss="poisson", random_state=0)
    model.fit(np.c_[first, known["spend"].to_numpy()], known["sales"].to_numpy())
    return np.asarray(model.predict(np.c_[second, new["spend"].to_numpy()]))


def run(folder: str | None = None) -> list[Row]:
    """Speed, peers and the planted market; with a folder of ad results also the forecasts."""
    rows = [*speed(), *shared(), *careful(), *peers(), *market()]
    return [*rows, *ads(Path(folder))] if folder else rows


if __name__ == "__main__":
    for what, unit, figure, command in run(*sys.argv[1:2]):
        print(f"| {what} | {figure:.4g} {unit} | `{command}` |", flush=True)
