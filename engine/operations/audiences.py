"""Audiences as verbs: the best segments of a product, its audience, its curve, a user's segments.

In: an open model and a question. Out: an answer that names its model. Never: a disk, except for
settings, and never a recomputation of what training has written down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine import settings
from engine.audiences.ranking import best_users
from engine.audiences.restriction import best_within
from engine.audiences.scores import logits, pair_logits, rates
from engine.audiences.standing import share_size
from engine.audiences.tiers import loyalty
from engine.errors import InvalidValue, UnknownEntity
from engine.operations.belonging import known_shares, memberships, newcomers_shares
from engine.operations.carriers import echo_of
from engine.operations.lookup import index, near_ids, product_row, user_rows
from engine.operations.newcomers import embed_newcomers
from engine.operations.ownership import Bounds
from engine.operations.permits import may_be_embedded, withheld_ids
from engine.operations.targeting import explain_targeting, targeting_of
from engine.operations.withholding import closed, share_size_now, with_sizes_now, withheld
from engine.store.artefacts import Head, Model
from engine.store.home import Home

Array = NDArray[Any]
USUAL_GOAL = "traffic"
ROUNDING = 1e-6  # of overlaps in single precision
_SCORED = 1 << 18  # pairs in one block of `score_all`


def best_segments(
    model: Model,
    product_id: str,
    *,
    goal: str = USUAL_GOAL,
    channel: str | None = None,
    limit: int | None = None,
    explain: bool = False,
) -> dict[str, Any]:
    """The best segments of a product for a goal, best first, none the same people twice.

    Without a channel this is what training has written down. With one, segments are measured
    anew among the people seen on it, and everybody then means everybody there. Without a limit
    there are as many as the product's targeting says, with no more overlap; `explain` tells
    that targeting beside what holds where nothing is tuned.

    Raises:
        UnknownEntity: the product or the channel is not known.
        InvalidValue: the goal is not known, or the limit is below 1.
    """
    row = product_row(model, product_id)
    if limit is not None and limit < 1:
        raise InvalidValue("limit", f"{limit} is below 1")
    if channel is None:
        known = index(model).best_starts
        best = model.segments.best[int(known[row]) : int(known[row + 1])]
        best = best.filter(pl.col("goal") == goal)
        if best.height == 0:
            _goal(goal)
        best = with_sizes_now(model, row, best)
    else:
        best = _best_on_channel(model, row, goal, channel)
    if limit is None:
        aim = targeting_of(model, row, goal)
        limit = aim.segments
        if aim.overlap < 1:
            best = best.filter(pl.col(f.OVERLAP) <= aim.overlap + ROUNDING)
    found = [_described(each) for each in best.head(limit).iter_rows(named=True)]
    said = {"targeting": explain_targeting(model, row, goal)} if explain else {}
    return {"product_id": product_id, **_stamp(model), **said, "segments": found}


def _stamp(model: Model) -> dict[str, str]:
    return {"model_version": model.version, "as_of": model.as_of}


def _described(row: dict[str, Any]) -> dict[str, Any]:
    plain = (f.SEGMENT, f.NAME, f.KIND, f.SIZE, f.INTEREST, f.PROBABILITY)
    lift = {"value": row[f.LIFT], "lower": row[f.LOWER], "upper": row[f.UPPER]}
    return {
        **{name: row[name] for name in plain},
        "lift": lift,
        f.EARNED: row.get(f.EARNED),  # unknown where nobody's word is, and to older models
        f.OVERLAP: row[f.OVERLAP],
        f.REASON: row[f.REASON],
    }


def _goal(goal: str) -> dict[str, settings.Scalar]:
    goals = settings.load_rows("goals")
    if goal not in goals:
        raise InvalidValue("goal", f"{goal!r} is not known; known: {', '.join(goals)}")
    return goals[goal]


def _best_on_channel(model: Model, row: int, goal: str, channel: str) -> pl.DataFrame:
    wanted = {goal: _goal(goal)}
    channels = model.users["channels"]
    seen = channels.list.contains(channel).fill_null(False).to_numpy(writable=True)
    if not seen.any():
        known = channels.explode(empty_as_null=True).drop_nulls().unique().sort()
        raise UnknownEntity("channel", channel, near_ids(channel, known))
    chosen = settings.load("audiences")
    parts = model.segments
    seen[withheld(model).rows] = False
    return best_within(
        np.flatnonzero(seen),
        row,
        (model.interest, model.probability),
        embeddings=model.embeddings,
        segments=(parts.table, parts.offsets, parts.members),
        products=model.products,
        loyalty=_loyalty(model, chosen["tiers"].half_life_days),
        echo=echo_of(model),
        seen=model.seen.of(row),
        settings=chosen,
        goals=wanted,
    )


def _loyalty(model: Model, half_life_days: float) -> Array:
    return loyalty(model.users, datetime.fromisoformat(model.as_of), half_life_days)


@dataclass(frozen=True)
class Audience:
    """The people to address for one product, best first.

    `rows` are row numbers of users; `scores` what they were ranked by, as logits.
    """

    model: Model
    product: int
    rows: Array
    scores: Array

    @property
    def product_id(self) -> str:
        return str(self.model.products[f.PRODUCT][self.product])

    @property
    def ids(self) -> pl.Series:
        """User ids in rank order."""
        return self.model.users[f.USER].gather(self.rows)

    @property
    def probabilities(self) -> Array:
        """P(like | shown) in rank order, float32."""
        return self._rates(self.model.probability, self.rows)

    def blocks(self, rows: int = 1 << 16) -> Iterator[pl.DataFrame]:
        """Frames of at most so many people: user_id, rank, score, interest, probability.

        An audience of nobody is one frame without rows.
        """
        for start in range(0, max(self.rows.size, 1), rows):
            part = self.rows[start : start + rows]
            ranks = np.arange(start + 1, start + part.size + 1, dtype=np.uint32)
            yield pl.DataFrame(
                {
                    f.USER: self.model.users[f.USER].gather(part),
                    f.RANK: ranks,
                    f.SCORE: self.scores[start : start + rows],
                    f.INTEREST: self._rates(self.model.interest, part),
                    f.PROBABILITY: self._rates(self.model.probability, part),
                }
            )

    def _rates(self, head: Head, rows: Array) -> Array:
        return rates(pair_logits(self.model.embeddings, head, rows, self.product), head.knots)


def audience(
    model: Model,
    product_id: str,
    *,
    share: float | None = None,
    size: int | None = None,
    goal: str | None = None,
    include_known: bool = False,
) -> Audience:
    """The best users of a product: as many as a share of everybody, or so many people.

    Without either they are as many as the product's targeting for the goal (`traffic` where none
    is named) says, ranked as it says.

    People who had acted on the product when the model was learned are left out, unless
    `include_known`: of them the model knows what it was told. So are, always, those who are
    withheld. Where fewer people are left than asked for, they are the audience.

    They are ranked by interest. With a goal they are ranked by the weighted mean of the logits of
    interest and probability, plus the goal's weight of loyalty times its logarithm: still one
    inner product for each user.

    Raises:
        UnknownEntity: the product is not known.
        InvalidValue: both share and size are given, share is outside 0 to 1, size is below 1,
            or the goal is not known.
    """
    row = product_row(model, product_id)
    chosen = None if goal is None else _goal(goal)
    if share is None and size is None:
        aim = targeting_of(model, row, goal or USUAL_GOAL)
        share, chosen = aim.share, aim.ranked_for(chosen or _goal(USUAL_GOAL))
    count = _wanted(model.users.height, share, size)
    product, user_terms, constant = _ranked_by(model, row, chosen)
    barred = closed(model, row, include_known=include_known)
    rows, scores = best_users(model.embeddings, product, user_terms, count, exclude=barred)
    return Audience(model, row, rows, scores + np.float32(constant))


def _wanted(users: int, share: float | None, size: int | None) -> int:
    if share is not None and size is not None:
        raise InvalidValue("share", "give either a share or a size")
    if share is not None:
        if not 0 < share <= 1:
            raise InvalidValue("share", f"{share} is outside 0 to 1 (0 not included)")
        return share_size(share, users)
    if size is None or size < 1:
        raise InvalidValue("size", f"{size} is below 1")
    return min(size, users)


def _ranked_by(
    model: Model, row: int, chosen: dict[str, settings.Scalar] | None
) -> tuple[Array, Array, float]:
    first, second = model.interest, model.probability
    if chosen is None:
        return first.products[row], first.user_terms, float(first.product_terms[row])
    weights = np.array([chosen["interest"], chosen["probability"]], np.float32)
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(2, 0.5, np.float32)
    one, other = weights
    terms = one * first.user_terms + other * second.user_terms
    if float(chosen["loyalty"]) > 0:
        half_life = settings.load("audiences")["tiers"].half_life_days
        terms += np.float32(chosen["loyalty"]) * np.log1p(_loyalty(model, half_life))
    product = one * first.products[row] + other * second.products[row]
    return product, terms, float(one * first.product_terms[row] + other * second.product_terms[row])


def curve(model: Model, product_id: str) -> dict[str, Any]:
    """Size and precision: for each share of everybody the rate to expect, with its interval.

    Sizes and rates are those of people who had not acted on the product.

    Raises:
        UnknownEntity: the product is not known.
    """
    row, known = product_row(model, product_id), index(model)
    points = known.shares.size
    columns = (f.SHARE, f.SIZE, f.EXPECTED, f.LOWER, f.UPPER)
    rows = model.segments.curves[row * points : (row + 1) * points].select(columns).to_dicts()
    rows = [each | {f.SIZE: share_size_now(model, row, each[f.SIZE])} for each in rows]
    return {"product_id": product_id, **_stamp(model), "points": rows}


def user_segments(
    model: Model,
    user_ids: list[str],
    *,
    limit: int = 20,
    home: Home | None = None,
    bounds: Bounds | None = None,
) -> dict[str, Any]:
    """The segments of each user, and the products in whose best share they are.

    First those they are a member of, rarest first, then products, most interesting first, none
    that they acted on; of both at most `limit`. With a home, people whose first events came after
    training are folded in: they get products, and are listed under `newcomers`. Other ids are
    listed under `unknown`, and so are people who are withheld. Of products that `bounds` do not
    hold nothing is told.

    Raises:
        UnknownEntity: none of the ids is known.
        InvalidValue: the limit is below 1.
    """
    if limit < 1:
        raise InvalidValue("limit", f"{limit} is below 1")
    barred = withheld_ids(model, user_ids)
    rows, new = user_rows(model, [id for id in user_ids if id not in barred])
    asked = may_be_embedded(home, new) if home and new else []
    newcomers = embed_newcomers(home, model, asked) if home and asked else None
    unknown = [*new, *(id for id in user_ids if id in barred)]
    if rows.size == 0 and newcomers is None and user_ids:
        raise UnknownEntity("user", user_ids[0], _near_users(model, user_ids[0]))
    hidden = frozenset(bounds.outside(model.products[f.PRODUCT])) if bounds else frozenset[int]()
    static = memberships(model, rows, limit)
    own = known_shares(model, rows, limit, hidden=hidden)
    ids = model.users[f.USER].gather(rows)
    users = {id: [*one, *other] for id, one, other in zip(ids, static, own, strict=True)}
    come = newcomers_shares(model, newcomers, limit, hidden=hidden) if newcomers else {}
    left = [id for id in unknown if id not in come]
    return {**_stamp(model), "users": users | come, "newcomers": list(come), "unknown": left}


def _near_users(model: Model, id: str) -> tuple[str, ...]:
    near = near_ids(id, model.users[f.USER])
    barred = withheld_ids(model, list(near))
    return tuple(one for one in near if one not in barred)


def score_all(model: Model, *, product_ids: list[str] | None = None) -> Iterator[pl.DataFrame]:
    """Every user who is not withheld and every product (or those named), as `frames.SCORES`.

    The score is the logit of interest; blocks come product by product in the order asked, users
    in the model's order.

    Raises:
        UnknownEntity: a product is not known.
    """
    count = model.products.height
    asked = range(count) if product_ids is None else [product_row(model, p) for p in product_ids]
    return _score_blocks(model, np.array(asked, np.int64))


def _score_blocks(model: Model, products: Array) -> Iterator[pl.DataFrame]:
    users, ids = model.users.height, model.users[f.USER]
    step = max(1, _SCORED // max(users, 1))
    for at in range(0, products.size, step):
        block = products[at : at + step]
        names = model.products[f.PRODUCT].gather(block)
        for start in range(0, users, _SCORED):
            stop = min(start + _SCORED, users)
            scores, chances = (
                logits(model.embeddings[start:stop], head.user_terms[start:stop], head, block)
                for head in (model.interest, model.probability)
            )
            shape = scores.shape
            found = pl.DataFrame(
                {
                    f.USER: ids.gather(np.tile(np.arange(start, stop), shape[0])),
                    f.PRODUCT: names.gather(np.repeat(np.arange(shape[0]), shape[1])),
                    f.SCORE: scores.ravel(),
                    f.PROBABILITY: rates(chances, model.probability.knots).ravel(),
                }
            )
            held = withheld(model).hold(np.arange(start, stop))
            yield found.filter(~np.tile(held, shape[0])) if held.any() else found
