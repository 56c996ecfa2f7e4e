"""What each goal counts: people, clicks, sales, money or buyers who come back.

In: material and a request. Out: the goal, its curves learned from results and beliefs.
Never: a goal that answers with another one's numbers without a note.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.operations.plan_crowd import Places, reached, returning, shared_kinds, usual_share
from engine.operations.plan_inputs import Material
from engine.operations.plan_request import PlanRequest
from engine.planning.draws import Draws, draw_curves
from engine.planning.funnel import Rates, learn_rates, sum_funnel
from engine.planning.goal import UNITS, Goal
from engine.planning.history import SPEND, History, read_history
from engine.planning.response import Response, fit_response
from engine.planning.response_prior import Groups, name_levels
from engine.planning.touch import Moved
from engine.planning.untried import Belief, Ground, believe, bounded_curves, within_people

Array = NDArray[Any]


def read_goal(material: Material, request: PlanRequest) -> Goal:
    """Learns the curves of what the goal counts."""
    column, notes = _outcome(material, request)
    results = material.results if column else material.results.clear()
    today = material.now.date()
    history = read_history(results, column or SPEND, today, places=material.places)
    sums = sum_funnel(material.results, history.places, today)
    rows = _rows_of(material, history)
    belief = _believed(material, history, rows, request)
    levels = name_levels(history.places)[1]
    plain = Groups(levels, np.zeros((len(history), 0)))
    rates = _rates(sums, plain, belief)
    tried = np.bincount(history.row, history.spend > 0, len(history)) > 0
    counted = request.goal == "awareness"  # of impressions each is one more, whoever sees it
    members = {} if counted else material.members
    kinds, more = shared_kinds(history.places, members, material.settings)
    response = fit_response(
        history,
        _groups(material, levels, rates, (belief, tried), request),
        belief.start,
        material.settings,
        shared=kinds,
        seed=request.seed,
    )
    most = np.where(tried, np.inf, belief.most)
    goal = _goal(material, request, (response, rates, rows, sums, most), (column, (*notes, *more)))
    if counted:
        touch, unknown = reached(_places(material), material.settings)
        return replace(goal, touch=touch, notes=(*goal.notes, *unknown))
    return goal if kinds is None else replace(goal, touch=Moved(kinds.take(rows), goal.worth))


def _goal(
    material: Material,
    request: PlanRequest,
    learned: tuple[Response, tuple[Rates, Rates], Array, dict[str, Array], Array],
    told: tuple[str | None, tuple[str, ...]],
) -> Goal:
    response, rates, rows, sums, most = learned
    column, notes = told
    plan = material.settings["plan"]
    draws = draw_curves(response, int(plan.draws), seed=request.seed)
    worth, unit = _worth(material, request, (rows, sums), column)
    if request.goal == "loyalty" and material.model is None:
        notes = (*notes, "Nobody told who comes back: every sale was counted as one that does.")
    return Goal(
        bounded_curves(response.learned.posterior, response.grid, most)
        .take(rows)
        .over(request.days),
        Draws(*within_people(draws.ceiling[rows], draws.scale[rows], most[rows])),
        worth[rows],
        request.days,
        response.dispersion,
        (_taken(rates[0], rows), _taken(rates[1], rows)),
        int(plan.branches),
        unit,
        notes=notes,
    )


def _places(material: Material) -> Places:
    shares = [usual_share(channel, material.facts) for channel, _ in material.places]
    return Places(material.places, material.people, material.members, np.array(shares))


def _taken(rates: Rates, rows: Array) -> Rates:
    return Rates(rates.log_rate[rows], rates.variance[rows])


def _outcome(material: Material, request: PlanRequest) -> tuple[str | None, tuple[str, ...]]:
    """The column that the goal counts, nothing where results tell of it nothing, and notes."""
    notes = _basis_notes(material)
    usual = {"awareness": ("impressions",), "traffic": ("clicks",)}
    wanted = usual.get(request.goal, ("sales", "conversions"))
    told = [name for name in wanted if _tells(material.results, name)]
    if (
        "sales" in told
        and not _whole(material.results["sales"])
        and _tells(material.results, "conversions")
    ):
        text = "Sales in the results are amounts: conversions were counted, each worth its amount."
        return "conversions", (text, *notes)
    if told and told[0] != wanted[0]:
        notes = ("Results tell of no sales; conversions were counted in their place.", *notes)
    if not told and material.tried.any():
        notes = (f"Results tell of no {wanted[0]}; they were not learned from.", *notes)
    return (told[0] if told else None), notes


def _tells(results: pl.DataFrame, column: str) -> bool:
    return column in results.columns and results.height > results[column].null_count()


def _whole(column: pl.Series) -> bool:
    values = column.drop_nulls().cast(pl.Float64)
    return bool((values == values.round()).all())


def _basis_notes(material: Material) -> tuple[str, ...]:
    if material.basis == "results":
        return ()
    rest = int((~material.tried).sum())
    if material.basis == "mixed":
        return (f"{rest} of {len(material.places)} placements have no results yet.",)
    return (
        "Without any results this is a plan from usual prices in US dollars and audiences; "
        "results will correct it.",
    )


def _rows_of(material: Material, history: History) -> Array:
    at = {place: row for row, place in enumerate(history.places)}
    return np.array([at[place] for place in material.places], np.int64)


def _believed(material: Material, history: History, rows: Array, request: PlanRequest) -> Belief:
    people, suits = np.full(len(history), np.nan), np.full(len(history), np.nan)
    people[rows], suits[rows] = material.people, material.suits
    channels = [channel for channel, _ in history.places]
    usual = material.settings["usual"]
    return believe(channels, Ground(people, suits), material.facts, usual, goal=request.goal)


def _rates(sums: dict[str, Array], groups: Groups, belief: Belief) -> tuple[Rates, Rates]:
    """Impressions for money and clicks for an impression; usual ones where a channel is new."""
    told = (
        (sums["impressions"], sums[SPEND], belief.impressions),
        (sums["clicks"], sums["impressions"], belief.clicks),
    )
    found = []
    for amount, per, usual in told:
        rates = learn_rates(amount, per, sums["rows"], groups, usual=float(np.median(usual)))
        if amount.sum() <= 0:
            rates = Rates(np.log(usual), rates.variance)
        found.append(rates)
    return found[0], found[1]


def _groups(
    material: Material,
    levels: tuple[Array, ...],
    rates: tuple[Rates, Rates],
    known: tuple[Belief, Array],
    request: PlanRequest,
) -> tuple[Groups, Groups]:
    """What placements may borrow by: groups, what money buys of attention, and beliefs.

    Beliefs from usual prices speak where somebody is untried; as soon as every placement has
    results, these alone tell.
    """
    belief, tried = known
    clicks = rates[0].log_rate + rates[1].log_rate
    sales = request.goal in ("sales", "loyalty") and material.tried.any()
    ceilings = [rates[0].told, clicks - clicks.mean()] if sales else []
    scales: list[Array] = []
    # Results tell of those who were tried: the others are more or less than these.
    middle = np.flatnonzero(tried) if tried.any() else np.arange(tried.size)
    people = None
    if not material.tried.all():
        ceilings.append(belief.ceiling)
        scales.append(belief.scale)
        people = belief.people - belief.people[middle].mean()
    channel = levels[:1] if levels and len(levels[0]) else ()

    def told(columns: list[Array]) -> Array:
        table = np.stack(columns, axis=1) if columns else np.zeros((tried.size, 0))
        return np.asarray(table - table[middle].mean(0))

    return Groups(levels, told(ceilings), people), Groups(channel, told(scales), people)


def _worth(
    material: Material,
    request: PlanRequest,
    told: tuple[Array, dict[str, Array]],
    column: str | None,
) -> tuple[Array, str]:
    """What one counted outcome is worth, of every placement in the results, and the goal's unit.

    For loyalty that is the chance that a buyer comes back.
    """
    rows, sums = told
    one, unit = np.ones(len(sums["rows"])), UNITS[request.goal]
    if request.goal == "loyalty":
        weight = float(material.settings["usual"].returning_people)
        share = returning(material.model, material.places, material.members, weight)
        if share is not None:
            one[rows] = share
        return one, unit
    amounts = column == "conversions" and sums["sales"].sum() > 0
    if request.goal != "sales" or (request.measure != "revenue" and not amounts):
        return one, unit
    usual = material.settings["usual"]
    money = sums["revenue"] if sums["revenue"].sum() > 0 else sums["sales"] * amounts
    sold = sums[column] if column else sums["sales"]
    mean = money.sum() / sold.sum() if sold.sum() > 0 and money.sum() > 0 else usual.value
    weight = max(usual.value_sales, 1e-9)
    return (money + weight * mean) / (sold + weight), "revenue"
