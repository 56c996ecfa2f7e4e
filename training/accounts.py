"""Where the people of a model work, as serving needs it.

In: the tables of accounts and of users. Out: one row for each account with a contact in the model.
Never: an account without a contact, or anything of a person.
"""

from __future__ import annotations

import polars as pl

from engine import frames as f
from engine.audiences.account_lookalike import TASTE
from engine.audiences.accounts import CONTACTS, PEOPLE, SEATS, UNKNOWN_SHARE, people_at

TOLD = (f.NAME, f.INDUSTRY, f.SIZE, f.REGION)
_OURS = {
    *(PEOPLE, SEATS, CONTACTS, UNKNOWN_SHARE, TASTE, f.SCORE, f.INTEREST, f.RANK),
    *(f.LIKES, f.DISLIKES, f.ACTS, f.FIRST_AT, f.LAST_AT),
}
"""Columns that answers add; attributes of these names are passed over."""


def describe_accounts(table: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame | None:
    """One row for each account that users name, sorted by account_id; None where none do.

    Columns: account_id, name, industry, size, region (null where not told), people (Float64, who
    work there by the size), and the attributes of the accounts table.
    """
    if f.ACCOUNT not in users.columns:
        return None
    named = users.select(pl.col(f.ACCOUNT).cast(pl.String)).drop_nulls().unique()
    if named.is_empty():
        return None
    lacking = [name for name in TOLD if name not in table.columns]
    described = (
        table.drop(_OURS & set(table.columns))
        .with_columns(pl.lit(None, pl.String).alias(name) for name in lacking)
        .with_columns(pl.col(f.ACCOUNT, *TOLD).cast(pl.String))
    )
    rest = [name for name in described.columns if name not in (f.ACCOUNT, *TOLD)]
    joined = named.join(described, on=f.ACCOUNT, how="left").select(f.ACCOUNT, *TOLD, *rest)
    return joined.with_columns(people_at(joined[f.SIZE]).alias(PEOPLE)).sort(f.ACCOUNT)
