"""Consent as verbs: what a person allowed is recorded, told, and held to.

In: a home and what people said. Out: records; rows of those who agreed.
Never: a record for somebody who was erased, or consent that nobody can trace to a source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from engine import settings
from engine.errors import InvalidValue
from engine.frames import (
    ACTION,
    AT,
    EVENT,
    EVENTS,
    FOLLOWEE,
    FOLLOWER,
    FOLLOWS,
    PRODUCT,
    REASON,
    TARGET,
    USER,
    USERS,
)
from engine.operations.consent_files import GPC, LONGEST_SOURCE, ROW, judge_consents
from engine.operations.permits import agreed_by_default
from engine.privacy.consent import (
    OBJECTED,
    PURPOSES,
    STORE,
    in_force,
    keep_consented,
    object_by_gpc,
    read_purposes,
    refuse_tc_string,
)
from engine.store.catalog import open_catalog
from engine.store.consents import (
    COLUMNS,
    SOURCE,
    add_consents,
    has_records,
    read_consents,
    remembered,
)
from engine.store.forgotten import anybody_forgotten, forgotten
from engine.store.home import Home
from engine.store.purge import TOWARDS_PEOPLE, is_address, sold

PEOPLE = {EVENTS.name: (USER,), USERS.name: (USER,), FOLLOWS.name: (FOLLOWER, FOLLOWEE)}
"""Columns of each table that name people."""


def show_consent(home: Home, user_id: str) -> dict[str, Any]:
    """What a person allowed, and what follows: `in_force` also looks at what a purpose needs.

    `recorded` is false where the defaults speak. Of somebody who was erased everything is false.
    """
    answer: dict[str, Any] = {"user_id": user_id, "recorded": False, "source": None, "at": None}
    if forgotten(home, pl.Series([user_id])).item():
        nothing = dict.fromkeys(PURPOSES, False)
        return answer | {"purposes": nothing, "in_force": nothing, "erased": True}
    given, found = _defaults(home), _records(home, [user_id])
    if found.height:
        row = found.row(0, named=True)
        given = {purpose: bool(row[purpose]) for purpose in PURPOSES}
        answer |= {"recorded": True, "source": row[SOURCE], "at": row[AT].isoformat()}
    return answer | {"purposes": given, "in_force": in_force(given), "erased": False}


def record_consent(
    home: Home,
    user_id: str,
    *,
    source: str,
    now: datetime,
    at: datetime | None = None,
    purposes: Mapping[str, object] | None = None,
    gpc: bool | None = None,
    tcf: str | None = None,
) -> dict[str, Any]:
    """Records what a person said, and tells what holds now; serving heeds it from then on.

    What was said later holds, whatever comes in later. Either all four purposes are given, or
    `gpc`: true objects to profiles and selection and leaves the rest as it was.

    Raises:
        InvalidValue: both or neither are given, `gpc` is not true, a TC string is given, `at`
            lies ahead of `now`, the source is empty or too long, or the person was erased.
    """
    if tcf is not None:
        refuse_tc_string()
    if (purposes is None) == (gpc is None):
        raise InvalidValue("purposes", "give either `purposes` or `gpc`")
    if gpc is False:
        raise InvalidValue("gpc", "only true says something: its absence is no consent")
    if not source.strip() or len(source) > LONGEST_SOURCE:
        raise InvalidValue("source", f"says where it was given, in 1 to {LONGEST_SOURCE} letters")
    if at is not None and at > now:
        raise InvalidValue("at", "lies ahead of the clock")
    before = show_consent(home, user_id)
    if before["erased"]:
        raise InvalidValue("user_id", "was erased, and is not taken up again")
    given = read_purposes(purposes) if purposes is not None else object_by_gpc(before["purposes"])
    # A clock that was set back must not make what somebody says now older than what they said.
    last = datetime.fromisoformat(before["at"]) if before["recorded"] else now
    moment = at or max(now, last)
    row = pl.DataFrame([{USER: user_id, **given, SOURCE: source, AT: moment}], schema=COLUMNS)
    with open_catalog(home) as catalog:
        add_consents(home, catalog, row)
    return show_consent(home, user_id)


def read_moment(text: str | None) -> datetime | None:
    """A moment in ISO 8601 with a zone; nothing where nothing was given.

    Raises:
        InvalidValue: it is no moment, or has no zone.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue("at", "is no moment in ISO 8601") from None
    if found.tzinfo is None:
        raise InvalidValue("at", "has no time zone")
    return found


def import_consents(home: Home, rows: pl.DataFrame, *, now: datetime) -> dict[str, Any]:
    """Records many people's consent at once: user_id, the four purposes, source, occurred_at, gpc.

    Rows are judged one by one: `why` names the numbers of those refused, from 1 for the first, by
    reason, and the others are recorded. A missing moment is `now`. Where `gpc` is true the person
    objects to profiles and selection; purposes left empty beside it stay as they were. A row with
    a TC string in `tcf` is refused. People who were erased are passed over, and counted.

    Raises:
        InvalidValue: a column is missing, or no row can be used; nothing is recorded then.
    """
    judged = judge_consents(rows, now=now)
    refused = judged.filter(pl.col(REASON).is_not_null())
    if rows.height and refused.height == rows.height:
        field, _, detail = str(refused[REASON][0]).partition(": ")
        raise InvalidValue(field, f"{detail}; no row of the file can be used")
    good = judged.filter(pl.col(REASON).is_null())
    gone = forgotten(home, good[USER])
    kept = _with_objections(home, good.filter(~gone))
    with open_catalog(home) as catalog:
        stored = add_consents(home, catalog, kept)
    why = refused.group_by(REASON, maintain_order=True).agg(ROW)
    counts = {"read": rows.height, "stored": stored, "erased": int(gone.sum())}
    return counts | {"refused": refused.height, "why": dict(why.iter_rows())}


def _with_objections(home: Home, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with all four purposes: what was left empty is as the person said it last."""
    objects = pl.col(GPC).fill_null(False)
    if not rows[GPC].any():
        return rows
    before = _records(home, rows.filter(objects)[USER].unique().to_list()).select(USER, *PURPOSES)
    defaults = _defaults(home)
    said = rows.sort(AT, maintain_order=True).join(
        before, on=USER, how="left", suffix=" before", maintain_order="left"
    )
    said = said.with_columns(
        pl.coalesce(
            pl.col(name).forward_fill().over(USER), f"{name} before", pl.lit(defaults[name])
        ).alias(name)
        for name in PURPOSES
    )
    return said.with_columns(
        (pl.col(name) & ~objects).alias(name) for name in PURPOSES if name in OBJECTED
    )


def consented(home: Home, rows: pl.LazyFrame, purpose: str) -> pl.LazyFrame:
    """The rows of people who agreed to a purpose now."""
    agreed = agreed_by_default(home, purpose)
    records = _records(home)
    if agreed and records.is_empty():
        return rows
    return keep_consented(rows, records, purpose=purpose, default=agreed)


def unwelcome(home: Home, name: str, rows: pl.DataFrame) -> pl.Series:
    """Why a row of a table may not be stored, in words; null where it may.

    People who were erased are not taken up again, nor are people who refused that we store.
    Nothing of such a row may be written anywhere, quarantine included.

    Args:
        home: whose records count.
        name: of the table; only tables of people are looked at.
        rows: as they came, with our column names; ids may be numbers.
    """
    found = pl.Series("reason", [None] * rows.height, pl.String)
    agreed = agreed_by_default(home, STORE)
    records = remembered(home, "consents", lambda: _records(home))
    if agreed and records.is_empty() and not anybody_forgotten(home):
        return found
    for column in PEOPLE.get(name, ()):
        if column not in rows.columns or rows.is_empty():
            continue
        ids = rows[column].cast(pl.String, strict=False)
        distinct = ids.drop_nulls().unique()
        erased = distinct.filter(forgotten(home, distinct))
        people = distinct.alias(USER).to_frame().lazy()
        kept = keep_consented(people, records, purpose=STORE, default=agreed).collect()[USER]
        reasons = pl.select(
            pl.when(ids.is_in(erased.to_list()))
            .then(pl.lit("user was erased"))
            .when(~ids.is_in(kept.to_list()))
            .then(pl.lit("user did not agree to be stored"))
        ).to_series()
        found = found.zip_with(found.is_not_null(), reasons)
    return found


def admit(home: Home, name: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, Counter[str]]:
    """The rows that may be stored, and how many may not, by reason.

    Others' acts that name somebody who was erased as target or product stay, without the name;
    those that have no id yet keep it until they have, because the id is made of all columns.
    """
    reasons, before = unwelcome(home, name, rows), rows
    if {EVENT, TARGET} <= set(rows.columns):
        erased = forgotten(home, rows[TARGET].cast(pl.String, strict=False))
        if erased.any():
            named = erased & rows[EVENT].is_not_null()
            rows = rows.with_columns(pl.when(~named).then(pl.col(TARGET)).alias(TARGET))
    if {EVENT, PRODUCT} <= set(before.columns) and name == EVENTS.name:
        persons = _persons_as_products(home, before) & before[EVENT].is_not_null()
        rows = rows.with_columns(pl.when(~persons).then(pl.col(PRODUCT)).alias(PRODUCT))
    if reasons.null_count() == rows.height:
        return rows, Counter()
    return rows.filter(reasons.is_null()), Counter(reasons.drop_nulls().to_list())


def _persons_as_products(home: Home, rows: pl.DataFrame) -> pl.Series:
    """Whether an act's product is a person who was erased: told as `purge` tells it of the log."""
    products = rows[PRODUCT].cast(pl.String, strict=False)
    erased = forgotten(home, products)
    if not erased.any():
        return erased
    nothing = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    targets, acts = (
        rows[column].cast(pl.String, strict=False) if column in rows.columns else nothing
        for column in (TARGET, ACTION)
    )
    ids = products.filter(erased).unique()
    unsold = [id for id in ids if not sold(home, id)]
    addresses = [id for id in unsold if is_address(id)]
    meant = products.is_in(unsold) & acts.is_in(TOWARDS_PEOPLE)
    found = products.is_in(addresses) | meant | (targets == products)
    return erased & found.fill_null(False)


def without_names(home: Home, raw: pl.Series) -> pl.Series:
    """Refused rows as JSON; of one that names an erased person as its target nothing is kept."""
    if raw.is_empty():
        return raw
    targets = raw.str.extract(rf'"{TARGET}":"((?:[^"\\\\]|\\\\.)*)"', 1)
    erased = forgotten(home, targets)
    return raw.zip_with(~erased, pl.Series([""])) if erased.any() else raw


def _records(home: Home, users: list[str] | None = None) -> pl.DataFrame:
    if not has_records(home):
        return pl.DataFrame(schema=COLUMNS)
    with open_catalog(home) as catalog:
        return read_consents(catalog, users)


def _defaults(home: Home) -> dict[str, bool]:
    values = settings.load("privacy", home.root)["defaults"].values
    return {purpose: bool(values[purpose]) for purpose in PURPOSES}
