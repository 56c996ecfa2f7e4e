"""What a plan is made from: results, a model's segments, facts of channels, as one material.

In: a home and a request. Out: placements with their results and what is believed of them.
Never: a guess without a note that says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine import settings
from engine.audiences.scores import logits, rates
from engine.errors import InvalidValue, NotTrained, UnknownEntity
from engine.operations.audiences import best_segments
from engine.operations.lookup import near_ids, product_row
from engine.operations.outlets import Wish, product_channels
from engine.operations.permits import permitted_now
from engine.operations.persuadables import persuadables_of
from engine.operations.plan_crowd import members_of, people_of
from engine.operations.plan_request import PlanRequest
from engine.planning.channels import Question, fit_channels
from engine.planning.history import EVERYBODY, check_results, sound_results
from engine.settings import Scalar, Section
from engine.store.artefacts import Model, open_model
from engine.store.home import Home
from engine.store.results import KEYS, newest

Array = NDArray[Any]
PRODUCT = f.PRODUCT
AT, WHICH = "\x1fat", "\x1fwhich"


@dataclass(frozen=True)
class Material:
    """Placements in order, what is known of each (n,), and the results of all of them."""

    places: list[tuple[str, str]]
    results: pl.DataFrame
    members: dict[str, Array]  # of segments that a model knows: rows of its users
    tried: Array  # (n,) bool: has results with spend
    people: Array  # (n,) float64: who may be reached there; nan where nobody counted
    suits: Array  # (n,) how much better than an average person they answer; nan: not known
    names: dict[str, str]  # of segments
    facts: dict[str, dict[str, Scalar]]
    settings: dict[str, Section]
    start: date
    now: datetime
    model: Model | None = None
    channels: list[dict[str, Any]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    @property
    def basis(self) -> str:
        """`results`, `prior`, or `mixed` where only some placements have results."""
        if self.tried.all():
            return "results"
        return "mixed" if self.tried.any() else "prior"


def gather(home: Home, request: PlanRequest, model: Model | None = None) -> Material:
    """Reads results of the log and of the request, and the segments of the product.

    Raises:
        NotTrained: a product is asked for, and there is no model.
        UnknownEntity: a product or channel is not known.
        FrameError, InvalidValue: the results cannot be true.
    """
    now = request.now or datetime.now(UTC)
    chosen, facts = settings.load("planning", home.root), settings.load_rows("channels", home.root)
    model = _model(home, request, model)
    results, notes = _results(home, request, now.date())
    results = _bounded(results, request, int(chosen["plan"].most_places))
    fitting = _channels(home, request, facts, results, model)
    segments = _segments(model, request, int(chosen["plan"].segments))
    moved = _moved(home, model, request)
    segments += [segment for segment, _ in moved]
    named, tried = _pairs(results), _pairs(results.filter(pl.col("spend") > 0))
    channels = _used(request, fitting, named, facts, int(chosen["plan"].channels))
    wanted = {segment["segment_id"]: segment for segment in segments}
    places = sorted(
        {place for place in named if request.channels is None or place[0] in channels}
        | {(channel, segment) for channel in channels for segment in wanted}
    )
    bare = set(channels) - {channel for channel, _ in places}
    places = sorted([*places, *((channel, EVERYBODY) for channel in bare)])
    members = members_of(model, {segment for _, segment in places}, request, wanted)
    members |= {segment["segment_id"]: rows for segment, rows in moved}
    return Material(
        places,
        results,
        members,
        np.array([place in tried for place in places], bool),
        people_of(model, places, members, facts),
        np.array([_suits(wanted.get(segment)) for _, segment in places], np.float64),
        {id: str(segment["name"]) for id, segment in wanted.items()},
        facts,
        chosen,
        request.start or now.date() + timedelta(days=1),
        now,
        model,
        fitting,
        notes,
    )


def _bounded(results: pl.DataFrame, request: PlanRequest, most: int) -> pl.DataFrame:
    """Results of as many placements as a plan can hold; too many are cut to the channels asked for.

    Raises:
        InvalidValue: those are too many as well.
    """
    if results.height <= most:
        return results
    keys = [name for name in (f.CHANNEL, f.SEGMENT) if name in results.columns]

    def count(rows: pl.DataFrame) -> int:
        return int(rows.select(pl.struct(keys).n_unique()).item())

    if count(results) > most and request.channels is not None:
        results = results.filter(pl.col(f.CHANNEL).is_in(request.channels))
    found = count(results)
    if found > most:
        text = f"{found} are more than the {most} of one plan; name channels, or join segments"
        raise InvalidValue("placements", text)
    return results


def _model(home: Home, request: PlanRequest, model: Model | None) -> Model | None:
    if model is not None:
        return model
    try:
        return permitted_now(home, open_model(home))
    except NotTrained:
        if request.product_id is not None:
            raise
        return None


def _results(home: Home, request: PlanRequest, today: date) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Results of the log and those handed in; what is in both counts once."""
    log, found = sound_results(newest(home), today, currency=request.currency)
    log, notes = log.drop(f.RECORDED), list(found)
    if request.results is not None:
        check_results(request.results, today, currency=request.currency)
        log = _together(log, request.results)
        check_results(log, today, currency=request.currency)
    if request.product_id is not None and PRODUCT in log.columns:
        own = log.filter(pl.col(PRODUCT).is_null() | (pl.col(PRODUCT) == request.product_id))
        if own.height < log.height:
            notes.append("Only results of this product, and those that name none, were used.")
        log = own
    return log, tuple(notes)


def _together(log: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """The log and a file beside it, which replaces what the log says of a placement and day.

    Of a file that names fewer columns, rows that the log holds count once.
    """
    names = [name for name in f.RESULTS.columns if name in given.columns]
    given = given.with_columns(pl.col(name).cast(log.schema[name], strict=False) for name in names)
    which = pl.int_range(pl.len()).over(names).alias(WHICH)
    given = given.with_columns(which).with_row_index(AT)
    known = log.select(*names, which)
    fresh = given.join(known, on=[*names, WHICH], how="anti", nulls_equal=True)
    lacking = [pl.lit(None, log.schema[name]).alias(name) for name in KEYS if name not in names]
    replaced = fresh.with_columns(lacking).select(KEYS).unique()
    replaced = replaced.join(log, on=KEYS, how="semi", nulls_equal=True)
    again = given.with_columns(lacking).join(replaced, on=KEYS, how="semi", nulls_equal=True)
    own = given.filter(pl.col(AT).is_in(pl.concat([fresh[AT], again[AT]]).implode()))
    log = log.join(replaced, on=KEYS, how="anti", nulls_equal=True, maintain_order="left")
    return pl.concat([log, own.drop(AT, WHICH)], how="diagonal_relaxed")


def _pairs(results: pl.DataFrame) -> set[tuple[str, str]]:
    segment = pl.col(f.SEGMENT) if f.SEGMENT in results.columns else pl.lit(None, pl.String)
    pairs = results.select(f.CHANNEL, segment.fill_null(EVERYBODY).alias(f.SEGMENT)).unique()
    return set(pairs.iter_rows())


def _channels(
    home: Home,
    request: PlanRequest,
    facts: dict[str, dict[str, Scalar]],
    results: pl.DataFrame,
    model: Model | None,
) -> list[dict[str, Any]]:
    names = request.channels
    known = {*facts, *results[f.CHANNEL], *_seen(model)}
    for name in names or ():
        if name not in known:
            raise UnknownEntity("channel", name, near_ids(name, pl.Series(sorted(known))))
    if model is not None and request.product_id is not None:
        wish = Wish(goal=request.goal, budget=request.budget, channels=names)
        found: list[dict[str, Any]] = product_channels(home, model, request.product_id, wish)[
            "channels"
        ]
        return found
    question = Question(goal=request.goal, budget=request.budget, channels=names)
    return fit_channels(
        facts,
        question,
        results=results if results.height else None,
        settings=settings.load("channel-fit", home.root),
    )


def _used(
    request: PlanRequest,
    fitting: list[dict[str, Any]],
    named: set[tuple[str, str]],
    facts: dict[str, dict[str, Scalar]],
    most: int,
) -> list[str]:
    """Channels of the plan: those asked for, else those in results, else those that fit best."""
    if request.channels is not None:
        return list(request.channels)
    if named:
        return sorted({channel for channel, _ in named})
    sold = [
        each["channel"]
        for each in fitting
        if facts.get(each["channel"], {}).get("price_model") != "not sold"
    ]
    return sold[:most]


def _segments(model: Model | None, request: PlanRequest, limit: int) -> list[dict[str, Any]]:
    if model is None or request.product_id is None:
        return []
    answer = best_segments(model, request.product_id, goal=request.goal)  # as targeting says
    found: list[dict[str, Any]] = answer["segments"][:limit]
    return found


def _moved(
    home: Home, model: Model | None, request: PlanRequest
) -> list[tuple[dict[str, Any], Array]]:
    """Whom earlier campaigns of the product moved, as segments, with their rows."""
    if model is None or request.product_id is None:
        return []
    column = product_row(model, request.product_id)
    found = []
    for id, (name, rows) in persuadables_of(
        home, model, request.product_id, team=request.team
    ).items():
        said = logits(
            model.embeddings,
            model.probability.user_terms,
            model.probability,
            slice(column, column + 1),
        )[0]
        rate = rates(said, model.probability.knots)
        suits = float(rate[rows].mean() / max(float(rate.mean()), 1e-9))
        words = {f.SEGMENT: id, f.NAME: name, f.SIZE: rows.size, f.LIFT: {"value": suits}}
        found.append((words, rows))
    return found


def _suits(segment: dict[str, Any] | None) -> float:
    return float(segment["lift"]["value"]) if segment else float("nan")


def _seen(model: Model | None) -> list[str]:
    """Channels on which people of the model were seen."""
    if model is None or "channels" not in model.users.columns:
        return []
    seen = model.users["channels"].explode(empty_as_null=True).drop_nulls()
    return [str(name) for name in seen.unique().sort()]
