"""Who may be addressed, as one process knows it: a withdrawal holds from the next answer on.

In: a home, a model. Out: the same model with the people who are to be left out beside it.
Never: an answer from what was known before somebody withdrew, or a copy of the model's arrays.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings
from engine.frames import USER
from engine.operations.lookup import user_rows
from engine.privacy.consent import SELECT, holds, in_force
from engine.store.artefacts import Model, Segments
from engine.store.catalog import Catalog, open_catalog
from engine.store.consents import (
    has_records,
    last_announcement,
    place_of_announcements,
    read_consents,
)
from engine.store.forgotten import erasures_missed, forgotten, marks
from engine.store.home import Home
from engine.store.withheld import Withheld

Array = NDArray[Any]
_FEW = 64  # changed people, up to which segments are searched for each of them


class Permits:
    """Watches the records of consent; may be asked from any thread.

    Asking costs one look at a file of the home; the database is asked where that file changed,
    and every `check_seconds`, for changes that came from another machine.
    """

    def __init__(
        self, home: Home, *, check_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._home, self._catalog = home, Catalog(home)
        self._check_seconds, self._clock = check_seconds, clock
        self._default = agreed_by_default(home, SELECT)
        self._place = place_of_announcements(home)
        self._lock = threading.Lock()
        self._announced: tuple[int, int] | None = None
        self._next_check = -math.inf
        self._marks = (0, 0)
        self._permitted: tuple[Model, Model] | None = (
            None  # as it was mapped, and as it may be used
        )

    def close(self) -> None:
        """Gives the connection back."""
        self._catalog.close()

    def permitted(self, model: Model) -> Model:
        """The model with those beside it who may not be addressed now.

        Raises:
            SQLAlchemyError: records cannot be read; nothing is answered from older ones.
        """
        known = self._permitted
        fresh = self._announced == last_announcement(self._home, self._place)
        if fresh and known and known[0] is model and self._clock() < self._next_check:
            return known[1]
        with self._lock:
            return self._looked_up(model)

    def _looked_up(self, model: Model) -> Model:
        announced, now = last_announcement(self._home, self._place), self._clock()
        found, known = marks(self._catalog), self._permitted
        if known is None or known[0] is not model:
            withheld = self._all(model, found)
        elif found != self._marks and known[1].withheld is not None:
            withheld = self._changed(model, known[1].withheld, found)
        else:
            self._announced, self._next_check = announced, now + self._check_seconds
            return known[1]
        permitted = replace(model, withheld=withheld)
        self._permitted = model, permitted
        self._marks = found
        self._announced, self._next_check = announced, now + self._check_seconds
        return permitted

    def _all(self, model: Model, found: tuple[int, int]) -> Withheld:
        rows, allowed = _standing(model, read_consents(self._catalog))
        mask = np.full(model.users.height, not self._default)
        mask[rows] = ~allowed
        mask[self._erased(model, read=0)] = True
        barred = np.flatnonzero(mask).astype(np.uint32)
        return Withheld(barred, members_among(model.segments, mask, barred), found)

    def _changed(self, model: Model, before: Withheld, found: tuple[int, int]) -> Withheld:
        records = read_consents(self._catalog, after=self._marks[0])
        rows, allowed = _standing(model, records)
        held = before.hold(rows)
        gone, back = rows[~allowed & ~held], rows[allowed & held]
        if found[1] > self._marks[1]:
            erased = self._erased(model, read=self._marks[0])
            gone = np.union1d(gone, erased[~before.hold(erased)])
        mask = np.zeros(model.users.height, bool)
        mask[before.rows] = True
        members = before.members.copy()
        for some, sign in ((gone, 1), (back, -1)):
            mask[some] = sign > 0
            one = np.zeros_like(mask)
            one[some] = True
            members += sign * members_among(model.segments, one, some)
        return Withheld(np.flatnonzero(mask).astype(np.uint32), members, found)

    def _erased(self, model: Model, *, read: int) -> Array:
        """Rows of people who were erased, and whose records went before this process read them.

        Mostly there are none to look for: records stay until the models are without the person.
        """
        heeded = int(model.window.get("erasures", 0))
        if not erasures_missed(self._catalog, heeded, read):
            return np.zeros(0, np.int64)
        gone = forgotten(self._home, model.users[USER], anew=True)
        return gone.arg_true().to_numpy().astype(np.int64)


def _standing(model: Model, records: pl.DataFrame) -> tuple[Array, Array]:
    """Rising rows of the people of records whom the model knows, and whether each may be chosen."""
    ids = model.users[USER]
    at = np.minimum(np.atleast_1d(ids.search_sorted(records[USER]).to_numpy()), ids.len() - 1)
    known = (ids.gather(at) == records[USER]).to_numpy()
    allowed = records.select(holds(SELECT)).to_series().to_numpy()
    rows = at[known].astype(np.int64)
    order = np.argsort(rows)
    return rows[order], allowed[known][order]


def members_among(segments: Segments, mask: Array, rows: Array) -> Array:
    """(segments,) int64: how many members of each are among the people of a mask.

    Args:
        segments: of the model.
        mask: (users,) bool.
        rows: the same people as row numbers; a few are looked for, many are counted.
    """
    offsets, members = segments.offsets, segments.members
    if rows.size == 0:
        return np.zeros(offsets.size - 1, np.int64)
    if rows.size > _FEW:
        counted = np.concatenate([[0], np.cumsum(mask[members], dtype=np.int64)])
        found: Array = counted[offsets[1:]] - counted[offsets[:-1]]
        return found
    wanted = rows.astype(members.dtype)
    held = [_hits(members[a:b], wanted) for a, b in itertools.pairwise(offsets)]
    return np.array(held, np.int64)


def _hits(rising: Array, wanted: Array) -> int:
    if not rising.size:
        return 0
    place = np.minimum(np.searchsorted(rising, wanted), rising.size - 1)
    return int((rising[place] == wanted).sum())


def agreed_by_default(home: Home, purpose: str) -> bool:
    """Whether people of whom no consent is recorded agreed to a purpose, and all that it needs."""
    values = settings.load("privacy", home.root)["defaults"].values
    return in_force({name: bool(value) for name, value in values.items()})[purpose]


def permitted_now(home: Home, model: Model) -> Model:
    """The model with those beside it who may not be addressed now, for one question."""
    if not has_records(home) and agreed_by_default(home, SELECT):
        return model
    permits = Permits(home, check_seconds=0)
    try:
        return permits.permitted(model)
    finally:
        permits.close()


def may_be_embedded(home: Home, ids: list[str]) -> list[str]:
    """Of people whom no model knows, those of whom a profile may be made and used."""
    agreed = agreed_by_default(home, SELECT)
    if not has_records(home):
        return ids if agreed else []
    with open_catalog(home) as catalog:
        records = read_consents(catalog, users=ids)
    said = dict(records.select(USER, holds(SELECT)).iter_rows())
    return [id for id in ids if said.get(id, agreed)]


def may_be_named(home: Home, ids: pl.Series) -> pl.Series:
    """Boolean, one for each id: whether this person may be addressed, known to a model or not."""
    agreed = agreed_by_default(home, SELECT)
    allowed = pl.Series("allowed", [agreed], pl.Boolean).new_from_index(0, ids.len())
    if has_records(home):
        with open_catalog(home) as catalog:
            said = read_consents(catalog).select(USER, holds(SELECT).alias("said"))
        asked = ids.alias(USER).to_frame().join(said, on=USER, how="left", maintain_order="left")
        allowed = asked["said"].fill_null(agreed)
    return allowed & ~forgotten(home, ids, anew=True)


def withheld_ids(model: Model, ids: list[str]) -> set[str]:
    """Of these ids, those whom the model knows and who may not be addressed."""
    if model.withheld is None or not ids:
        return set()
    rows, unknown = user_rows(model, ids)
    known = [id for id in ids if id not in set(unknown)]
    return {id for id, held in zip(known, model.withheld.hold(rows), strict=True) if held}
