"""Accounts as verbs: which organisations to address for a product, whom there, and others alike.

In: an open model and a question. Out: answers whose figures count accounts. Never: a contact who
may not be addressed, neither in a list nor in a figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine import settings
from engine.audiences.account_lookalike import account_tastes, lookalike_accounts
from engine.audiences.account_segments import account_segments
from engine.audiences.accounts import (
    CHANCE,
    CONTACTS,
    SEATS,
    UNKNOWN_SHARE,
    USUAL,
    explain_accounts,
    score_accounts,
)
from engine.audiences.membership import least_people
from engine.audiences.scores import pair_logits, rates
from engine.audiences.seniority import SEAT
from engine.errors import InvalidValue, SegmentTooSmall, UnknownEntity, counted
from engine.operations.account_book import Book, book_of
from engine.operations.lookup import near_ids, product_row
from engine.operations.withholding import withheld
from engine.store.artefacts import Model

Array = NDArray[Any]
TOLD = (f.NAME, f.INDUSTRY, f.SIZE, f.REGION)
ADDRESS, OPEN, ACTED, ACTED_SHARE = "address", "open", "acted", "acted_share"
_COUNTED = (CONTACTS, SEATS, USUAL, UNKNOWN_SHARE, ACTED, ACTED_SHARE)
_TOLD_FROM = 0.01  # a smaller part is not worth a word


@dataclass(frozen=True)
class Scored:
    """All accounts with enough contacts to address for one product, the most interested first.

    `table` has a row for each account: account_id, interest, contacts (to address), seats,
    unknown_share and what is told of it. `contacts` has their contacts, those who may be
    addressed and were not passed over as `open`, with their part in the interest.
    """

    table: pl.DataFrame
    contacts: pl.DataFrame


def product_accounts(
    model: Model,
    product_id: str,
    *,
    limit: int | None = None,
    min_contacts: int | None = None,
    contacts: int | None = None,
    include_known: bool = False,
) -> dict[str, Any]:
    """The accounts to address for a product, the most interested first, and whom there.

    The interest of an account is explained in `engine.audiences.accounts`. Contacts who are
    withheld count nowhere. Those who acted on the product count for their account's interest,
    and are not among those to address unless `include_known`. `size` counts the accounts that
    could be listed.

    Raises:
        UnknownEntity: the product is not known.
        InvalidValue: the model knows no accounts, or a number is below 1.
        SegmentTooSmall: all contacts that may be addressed are fewer than a segment needs.
    """
    rules = settings.load("accounts")
    lists = rules["lists"]
    limit = _at_least_one("limit", limit, lists.limit)
    some = _at_least_one("contacts", contacts, lists.contacts)
    least = _at_least_one("min_contacts", min_contacts, lists.min_contacts)
    scored = score_product(model, product_id, least=least, include_known=include_known)
    interest = scored.table[f.INTEREST].to_numpy()
    segments = account_segments(
        scored.table.drop(f.INTEREST, *_COUNTED),
        interest,
        as_of=datetime.fromisoformat(model.as_of),
        settings=settings.load("audiences"),
        rules=rules["segments"],
    )
    return {
        "product_id": product_id,
        "model_version": model.version,
        "as_of": model.as_of,
        f.SIZE: scored.table.height,
        "segments": [_segment(row) for row in segments.iter_rows(named=True)],
        "accounts": _listed(model, scored, limit, some),
    }


def score_product(
    model: Model, product_id: str, *, least: int = 1, include_known: bool = False
) -> Scored:
    """The interest of every account with at least so many contacts to address.

    Raises:
        UnknownEntity: the product is not known.
        InvalidValue: the model knows no accounts.
        SegmentTooSmall: all contacts that may be addressed are fewer than a segment needs.
    """
    row, book = product_row(model, product_id), book_of(model)
    allowed = book.allowed(model)
    users = book.rows[allowed]
    open_ = np.ones(users.size, bool)
    if not include_known:
        open_ = ~np.isin(users, model.seen.of(row), assume_unique=True)
    _refuse_few(model, int(open_.sum()))
    logit = pair_logits(model.embeddings, model.probability, users, row)
    chance = rates(logit, model.probability.knots).astype(np.float64)
    people = book.contacts(allowed, **{f.PROBABILITY: chance, OPEN: open_})
    seats = book.seats(allowed)
    explained = explain_accounts(people, seats)
    counts = explained.group_by(f.ACCOUNT, maintain_order=True).agg(
        pl.col(OPEN).sum().cast(pl.UInt32).alias(CONTACTS),
        (~pl.col(OPEN)).sum().cast(pl.UInt32).alias(ACTED),
        pl.col(f.SHARE).filter(~pl.col(OPEN)).sum().alias(ACTED_SHARE),
    )
    scores = score_accounts(people, seats).drop(CONTACTS)
    table = (
        scores.join(counts, on=f.ACCOUNT)
        .filter(pl.col(CONTACTS) >= least)
        .join(_described(model, book, users), on=f.ACCOUNT)
        .sort(f.INTEREST, f.ACCOUNT, descending=[True, False])
    )
    return Scored(table, explained)


def _refuse_few(model: Model, people: int) -> None:
    rules = settings.load("audiences")["segments"]
    everybody = model.users.height - withheld(model).rows.size
    least = least_people(everybody, rules.minimum_people, rules.minimum_share)
    if people < least:
        raise SegmentTooSmall(least)


def _described(model: Model, book: Book, users: Array) -> pl.DataFrame:
    """Accounts with their attributes, and the acts of their contacts as tiers need them."""
    acts = model.users.select(f.ACCOUNT, f.ACTS, f.LAST_AT)[users]
    acts = acts.with_columns(pl.col(f.ACCOUNT).cast(pl.String))
    each = acts.group_by(f.ACCOUNT).agg(pl.col(f.ACTS).sum(), pl.col(f.LAST_AT).max())
    return book.accounts.join(each, on=f.ACCOUNT, how="left", maintain_order="left")


def _listed(model: Model, scored: Scored, limit: int, some: int) -> list[dict[str, Any]]:
    best = scored.table.head(limit)
    theirs = _addressed(model, scored, best, some)
    by_account: dict[str, list[dict[str, Any]]] = {}
    for one in theirs.drop(f.RANK).iter_rows(named=True):
        by_account.setdefault(one.pop(f.ACCOUNT), []).append(one)
    return [
        {
            f.ACCOUNT: row[f.ACCOUNT],
            **{name: row[name] for name in TOLD},
            f.INTEREST: row[f.INTEREST],
            CONTACTS: row[CONTACTS],
            ACTED: row[ACTED],
            ACTED_SHARE: row[ACTED_SHARE],
            UNKNOWN_SHARE: row[UNKNOWN_SHARE],
            f.REASON: _reason(row, by_account[row[f.ACCOUNT]]),
            ADDRESS: by_account[row[f.ACCOUNT]],
        }
        for row in best.iter_rows(named=True)
    ]


def _addressed(model: Model, scored: Scored, best: pl.DataFrame, some: int) -> pl.DataFrame:
    """Whom to address at the best accounts: those who most probably carry it, with their part."""
    ranked = best.select(f.ACCOUNT).with_row_index(f.RANK, offset=1)
    found = (
        scored.contacts.filter(pl.col(OPEN))
        .join(ranked, on=f.ACCOUNT)
        .sort(f.RANK, CHANCE, "row", descending=[False, True, False])
        .filter(pl.int_range(pl.len()).over(f.RANK) < some)
    )
    rows = found["row"].to_numpy()
    titles = pl.repeat(None, rows.size, dtype=pl.String, eager=True)
    if f.SENIORITY in model.users.columns:
        titles = model.users[f.SENIORITY].cast(pl.String).gather(rows)
    return found.select(
        f.RANK,
        f.ACCOUNT,
        model.users[f.USER].gather(rows).alias(f.USER),
        titles.alias(f.SENIORITY),
        f.PROBABILITY,
        SEAT,
        f.SHARE,
    )


def _reason(row: dict[str, Any], address: list[dict[str, Any]]) -> str:
    """Where the interest comes from, in the words of its parts; those of nothing are left out."""
    first = max(address, key=lambda one: float(one[f.SHARE]))
    who = first[f.SENIORITY] or "title not known"
    parts = {
        f"from one contact to address ({who})": first[f.SHARE],
        f"from {counted(row[ACTED], 'contact')} who acted on it already": row[ACTED_SHARE],
        "from seats that no contact fills": row[UNKNOWN_SHARE],
    }
    told = sorted(parts, key=lambda words: -parts[words])
    said = [f"{parts[words]:.0%} {words}" for words in told if parts[words] >= _TOLD_FROM]
    return ", ".join(said) or "many contacts, each a little"


def account_rows(answer: dict[str, Any]) -> pl.DataFrame:
    """The accounts of an answer as a table: one row for each contact to address, best first."""
    rows = [
        {f.RANK: rank, **{name: one[name] for name in (f.ACCOUNT, *TOLD)}}
        | {f"account_{f.INTEREST}": one[f.INTEREST], **contact}
        for rank, one in enumerate(answer["accounts"], 1)
        for contact in one[ADDRESS]
    ]
    texts = (f.ACCOUNT, *TOLD)
    numbers = (f.PROBABILITY, SEAT, f.SHARE)
    schema = {f.RANK: pl.UInt32, **dict.fromkeys(texts, pl.String)}
    schema |= {f"account_{f.INTEREST}": pl.Float64, f.USER: pl.String, f.SENIORITY: pl.String}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(numbers, pl.Float64))


def _segment(row: dict[str, Any]) -> dict[str, Any]:
    plain = (f.SEGMENT, f.NAME, f.KIND, f.SIZE, f.INTEREST, f.REASON)
    lift = {"value": row[f.LIFT], "lower": row[f.LOWER], "upper": row[f.UPPER]}
    return {name: row[name] for name in plain} | {"lift": lift}


def _at_least_one(name: str, given: int | None, usual: int) -> int:
    if given is not None and given < 1:
        raise InvalidValue(name, f"{given} is below 1")
    return usual if given is None else given


def similar_accounts(
    model: Model, account_ids: list[str], *, limit: int | None = None
) -> dict[str, Any]:
    """Accounts like the given ones, the most alike first, with what speaks for each.

    Raises:
        UnknownEntity: an account is not known.
        InvalidValue: no account is given, the model knows none, or the limit is below 1.
        SegmentTooSmall: all contacts that may be addressed are fewer than a segment needs.
    """
    rules, book = settings.load("accounts"), book_of(model)
    limit = _at_least_one("limit", limit, rules["lists"].limit)
    if not account_ids:
        raise InvalidValue("seeds", "name at least one account")
    ids = book.accounts[f.ACCOUNT]
    known = {id: row for row, id in enumerate(ids)}
    for id in account_ids:
        if id not in known:
            raise UnknownEntity("account", id, near_ids(id, ids))
    allowed = book.allowed(model)
    _refuse_few(model, int(allowed.sum()))
    seeds = np.unique([known[id] for id in account_ids])
    likeness = rules["lookalike"]
    tastes = account_tastes(
        np.asarray(model.embeddings[book.rows[allowed]]),
        book.account[allowed],
        book.accounts.height,
        prior=likeness.contacts,
    )
    table = book.accounts.drop(f.NAME, f.SIZE)
    found = lookalike_accounts(tastes, table, seeds, rules=likeness)
    counts = np.bincount(book.account[allowed], minlength=book.accounts.height)
    met = book.accounts.select(f.ACCOUNT, *TOLD, pl.Series(CONTACTS, counts.astype(np.uint32)))
    parts = [name for name in found.columns if name not in (f.ACCOUNT, f.SCORE)]
    listed = (
        found.select(f.ACCOUNT, f.SCORE, pl.struct(parts).alias("parts"))
        .join(met, on=f.ACCOUNT, maintain_order="left")
        .filter(pl.col(CONTACTS) > 0)
    )
    return {
        "seeds": [ids[int(row)] for row in seeds],
        "model_version": model.version,
        "as_of": model.as_of,
        f.SIZE: listed.height,
        "accounts": listed.head(limit)
        .select(f.ACCOUNT, *TOLD, f.SCORE, CONTACTS, "parts")
        .to_dicts(),
    }


def alike_rows(answer: dict[str, Any]) -> pl.DataFrame:
    """The accounts of an answer of `similar_accounts` as a table, the most alike first."""
    rows = [
        {f.RANK: rank, **{name: one[name] for name in (f.ACCOUNT, *TOLD, f.SCORE, CONTACTS)}}
        for rank, one in enumerate(answer["accounts"], 1)
    ]
    schema = {f.RANK: pl.UInt32, **dict.fromkeys((f.ACCOUNT, *TOLD), pl.String)}
    return pl.DataFrame(rows, schema=schema | {f.SCORE: pl.Float64, CONTACTS: pl.UInt32})
