"""Who works where, as a model knows it: contacts by account, with what their titles are worth.

In: a model. Out: a `Book` of its accounts and contacts, kept as long as the model's users live.
Never: somebody who may not be addressed in `allowed`.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine import settings
from engine.audiences.accounts import seats_at
from engine.audiences.seniority import SEAT, VOICE, read_seniority
from engine.errors import InvalidValue
from engine.operations.withholding import withheld
from engine.store.artefacts import Model

Array = NDArray[Any]


@dataclass(frozen=True)
class Book:
    """All contacts of a model; `account` are rows of the table of accounts, `rows` of users."""

    accounts: pl.DataFrame
    rows: Array  # rising
    account: Array  # of each contact
    titles: pl.DataFrame  # of each contact: level, seat, voice

    def allowed(self, model: Model) -> Array:
        """(contacts,) bool: who may be addressed now."""
        return ~withheld(model).hold(self.rows)

    def contacts(self, some: Array, **columns: Array) -> pl.DataFrame:
        """Of some contacts (bool): account_id, row of the user, seat, voice and more columns."""
        places = np.flatnonzero(some)
        ids = self.accounts[f.ACCOUNT].gather(self.account[places])
        titles = self.titles[places].select(SEAT, VOICE)
        more = {name: pl.Series(values) for name, values in columns.items()}
        return pl.DataFrame({f.ACCOUNT: ids, "row": self.rows[places], **more}).hstack(titles)

    def seats(self, some: Array) -> pl.DataFrame:
        """account_id and seats of every account, by its size or by how many contacts it has."""
        counts = pl.Series(np.bincount(self.account[some], minlength=self.accounts.height))
        group = settings.load("accounts")["group"]
        return pl.DataFrame(
            [self.accounts[f.ACCOUNT], seats_at(self.accounts["people"], counts, group)]
        )


_books: dict[int, tuple[weakref.ref[pl.DataFrame], Book]] = {}


def book_of(model: Model) -> Book:
    """The book of a model; made once for each.

    Raises:
        InvalidValue: the model knows nobody who works anywhere.
    """
    users, key = model.users, id(model.users)
    found = _books.get(key)
    if found is None or found[0]() is not users or found[1].accounts is not model.accounts:
        watch = weakref.ref(users, lambda _: _books.pop(key, None))
        found = (watch, _read(model))
        _books[key] = found
    return found[1]


def _read(model: Model) -> Book:
    if model.accounts is None or f.ACCOUNT not in model.users.columns:
        raise InvalidValue(
            "accounts",
            "the model knows nobody's: ingest users with account_id (and --accounts), then retrain",
        )
    named = model.users[f.ACCOUNT].cast(pl.String)
    places = pl.DataFrame({f.ACCOUNT: model.accounts[f.ACCOUNT]}).with_row_index("place")
    found = named.to_frame(f.ACCOUNT).join(places, on=f.ACCOUNT, how="left", maintain_order="left")[
        "place"
    ]
    rows = found.is_not_null().arg_true().to_numpy()
    said = model.users[f.SENIORITY] if f.SENIORITY in model.users.columns else None
    titles = pl.repeat(None, rows.size, dtype=pl.String, eager=True)
    if said is not None:
        titles = said.cast(pl.String).gather(rows)
    return Book(
        accounts=model.accounts,
        rows=rows.astype(np.int64),
        account=found.drop_nulls().to_numpy().astype(np.int64),
        titles=read_seniority(titles, settings.load_rows("seniority")),
    )
