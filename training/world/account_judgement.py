"""How well a ranking of accounts finds those that the planted groups are carried in.

In: a world and the chance that each of its users likes each product. Out: AUC over accounts, the
mean of all products, beside simpler rankings by the same chances. Never: the groups, until what
is judged has been ranked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine import settings
from engine.audiences.accounts import (
    CONTACTS,
    PEOPLE,
    SEATS,
    people_at,
    score_accounts,
    seats_at,
)
from engine.audiences.scores import logits, rates
from engine.audiences.seniority import read_seniority
from engine.frames import ACCOUNT, INTEREST, PROBABILITY, PRODUCT, SENIORITY, SIZE, USER
from engine.store.artefacts import Model
from training.simulate import World
from training.world.plan import Array
from training.world.truth import soft_auc


@dataclass(frozen=True)
class AccountAucs:
    """AUC over accounts, the mean of all products; chance is 0.5."""

    interest: float  # by the engine
    mean: float  # by the mean of the contacts' chances
    best: float  # by the best contact's chance
    seats: float  # by the size of the group alone
    oracle: float  # by the planted chances of the groups


def judge_accounts(
    world: World, chances: Array, *, contacts: tuple[int, float] = (1, np.inf)
) -> AccountAucs:
    """Ranks the accounts that have contacts by `chances` and asks the planted groups.

    Args:
        world: with its truth.
        chances: (users, products) in the world's order; NaN for users who are not known.
        contacts: only accounts with at least and fewer than so many known contacts.
    """
    known = world.users[ACCOUNT].is_not_null().to_numpy() & np.isfinite(chances[:, 0])
    people = world.users.select(ACCOUNT).filter(pl.Series(known))
    titles = world.users[SENIORITY].filter(pl.Series(known))
    people = people.hstack(read_seniority(titles, settings.load_rows("seniority")))
    accounts = _sized(world, people)
    some = accounts.select(pl.col(CONTACTS).is_between(*contacts, closed="left")).to_series()
    rows = some.arg_true().to_numpy()
    liking = world.groups.like(world.truth)[rows]
    found = [
        _aucs(people.with_columns(chance), accounts, rows, liking[:, product])
        for product in range(liking.shape[1])
        for chance in [pl.Series(PROBABILITY, chances[known, product], pl.Float64)]
    ]
    return AccountAucs(*np.nanmean(np.array(found), axis=0).tolist())


def _sized(world: World, people: pl.DataFrame) -> pl.DataFrame:
    counts = people.group_by(ACCOUNT).len(CONTACTS)
    accounts = world.accounts.select(ACCOUNT, people_at(world.accounts[SIZE])).join(
        counts, on=ACCOUNT, how="left", maintain_order="left"
    )
    accounts = accounts.with_columns(pl.col(CONTACTS).fill_null(0))
    group = settings.load("accounts")["group"]
    return accounts.with_columns(seats_at(accounts[PEOPLE], accounts[CONTACTS], group))


def _aucs(
    people: pl.DataFrame, accounts: pl.DataFrame, rows: Array, liking: Array
) -> tuple[float, ...]:
    plain = people.group_by(ACCOUNT).agg(
        pl.col(PROBABILITY).mean().alias("mean"), pl.col(PROBABILITY).max().alias("best")
    )
    beside = accounts.join(plain, on=ACCOUNT, how="left", maintain_order="left").fill_null(0)
    interest = score_accounts(people, accounts)[INTEREST]
    rankings = [interest, beside["mean"], beside["best"], beside[SEATS]]
    ours = [soft_auc(ranking.to_numpy()[rows], liking) for ranking in rankings]
    return (*ours, soft_auc(liking, liking))


def chances_of(world: World, model: Model) -> Array:
    """P(like | shown) by a model, (users, products) in the world's order; NaN where unknown."""
    users, products = (
        ours.to_frame("id")
        .join(theirs.to_frame("id").with_row_index("row"), on="id", maintain_order="left")["row"]
        .to_numpy()
        for ours, theirs in (
            (model.users[USER], world.users[USER]),
            (model.products[PRODUCT], world.products[PRODUCT]),
        )
    )
    head = model.probability
    found = np.full((world.users.height, world.products.height), np.nan)
    scores = logits(model.embeddings, head.user_terms, head, slice(None))
    found[np.ix_(users, products)] = np.reshape(
        rates(scores, head.knots), (model.products.height, model.users.height)
    ).T
    return found
