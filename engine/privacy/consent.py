"""What a person lets us do: four purposes, and what follows from them.

In: what was said (purposes, a GPC flag), defaults. Out: purposes as they hold, frames of people.
Never: the disk, a clock, or a purpose guessed from a text that cannot be read.

The purposes are those of the IAB's Transparency & Consent Framework: 1 to store, 3 to build a
profile, 4 to select by it, 7 to measure.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from engine.errors import InvalidValue
from engine.frames import USER

STORE, PROFILE, SELECT, MEASURE = "store", "profile", "select", "measure"
PURPOSES = {STORE: 1, PROFILE: 3, SELECT: 4, MEASURE: 7}
"""Our words, and the purposes of the TCF that they stand for."""

NEEDS = {
    STORE: (STORE,),
    PROFILE: (STORE, PROFILE),
    SELECT: (STORE, PROFILE, SELECT),
    MEASURE: (STORE, MEASURE),
}
"""A purpose holds where all of these were agreed to: nobody is selected without a profile."""

OBJECTED = (PROFILE, SELECT)
"""What the Global Privacy Control objects to: profiles, and advertising chosen by them."""


def read_purposes(given: Mapping[str, object]) -> dict[str, bool]:
    """The four purposes from what was said of each.

    Raises:
        InvalidValue: a purpose is missing, is none of the four, or is not true or false.
    """
    unknown = sorted(set(given) - set(PURPOSES))
    if unknown:
        known = ", ".join(PURPOSES)
        raise InvalidValue("purposes", f"'{unknown[0]}' is no purpose; known: {known}")
    found: dict[str, bool] = {}
    for purpose in PURPOSES:
        said = given.get(purpose)
        if not isinstance(said, bool):
            detail = "is missing" if said is None else "is neither true nor false"
            raise InvalidValue(f"purposes.{purpose}", detail)
        found[purpose] = said
    return found


def object_by_gpc(before: Mapping[str, bool]) -> dict[str, bool]:
    """The purposes after a Global Privacy Control signal: objected to, the others as before."""
    return {purpose: before[purpose] and purpose not in OBJECTED for purpose in PURPOSES}


def refuse_tc_string() -> None:
    """A TC string is binary, versioned and signed off by vendor lists: it is not half-read.

    Raises:
        InvalidValue: always.
    """
    raise InvalidValue(
        "tcf", "TC strings are not read here: read it where it was given, and send `purposes`"
    )


def in_force(given: Mapping[str, bool]) -> dict[str, bool]:
    """What may be done: a purpose holds where all that it needs was agreed to."""
    return {purpose: all(given[one] for one in needs) for purpose, needs in NEEDS.items()}


def holds(purpose: str) -> pl.Expr:
    """The same for a frame with a column for each purpose."""
    return pl.all_horizontal(NEEDS[purpose])


def keep_consented(
    rows: pl.LazyFrame, records: pl.DataFrame, *, purpose: str, default: bool, by: str = USER
) -> pl.LazyFrame:
    """The rows of people who agreed to a purpose.

    Args:
        rows: with a column of ids, named by `by`.
        records: user_id, each once, and a column for each purpose.
        default: whether people without a record agreed.
    """
    wanted = ~holds(purpose) if default else holds(purpose)
    ids = records.filter(wanted).select(pl.col(USER).alias(by)).lazy()
    if default:
        return rows.join(ids, on=by, how="anti")
    return rows.join(ids, on=by, how="semi")
