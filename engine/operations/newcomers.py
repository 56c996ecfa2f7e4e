"""People who came after training: known from their events, embedded without a retrain.

In: a home, a model, ids the model does not know. Out: embeddings and terms for those who acted.
Never: events that the model was learned from; who acted in them is in the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sqlalchemy import URL

from engine import settings
from engine.frames import EVENT, EVENTS, POLARITY, PRODUCT, USER
from engine.interests.folding import Folded, fold_in
from engine.operations.lookup import index
from engine.signals.evidence import weigh_events
from engine.store.artefacts import Model
from engine.store.catalog import Catalog, catalog_url
from engine.store.eventlog import scan_added
from engine.store.home import Home
from engine.store.inbox import Inbox, may_wait

Array = NDArray[Any]


@dataclass(frozen=True)
class Newcomers:
    """Users the model does not know, in rows; `seen` has an entry for each pair with an act."""

    ids: list[str]
    folded: Folded
    seen: sparse.csr_array

    def acted_on(self, row: int) -> Array:
        """Row numbers of the products somebody acted on."""
        return np.asarray(self.seen.indices[self.seen.indptr[row] : self.seen.indptr[row + 1]])


def _waiting(home: Home, user_ids: list[str]) -> pl.DataFrame:
    if not may_wait(home):
        return pl.DataFrame(schema=EVENTS.columns)
    return _inbox(home, catalog_url(home)).events_of(user_ids)


@lru_cache(maxsize=8)
def _inbox(home: Home, _: URL) -> Inbox:
    """Stays open: newcomers are asked for all the time."""
    return Inbox(home, Catalog(home))


def embed_newcomers(home: Home, model: Model, user_ids: list[str]) -> Newcomers | None:
    """Embeds those of the users who acted on a known product, whenever that was.

    Only what was added to the log after training is read, and what still waits in the inbox: of a
    person whom the model does not know, the log held no act on a product before. Acts are weighed
    as at the model's last event.

    They come sorted by id, with what `engine.interests.folding` makes of their acts; None where
    none of them acted.
    """
    now = datetime.fromisoformat(model.as_of)
    # What is being moved to the log is in both for a moment, and in this order never in neither.
    waiting = _waiting(home, user_ids)
    added = scan_added(home, model.window.get("change")).select(list(EVENTS.columns))
    acts = pl.concat([added.filter(pl.col(USER).is_in(user_ids)).collect(), waiting])
    events = acts.unique(EVENT, keep="first", maintain_order=True).lazy()
    actions = settings.load_rows("actions", home.root, over=home.actions)
    pairs = weigh_events(events, actions=actions, now=now, distinct=True).collect()
    known = index(model).products
    pairs = pairs.filter(pl.col(PRODUCT).is_in(list(known)))
    ids = pairs[USER].unique().sort().to_list()
    if not ids:
        return None
    numbers = {id: row for row, id in enumerate(ids)}
    rows = np.array([numbers[id] for id in pairs[USER]], np.int64)
    columns = np.array([known[id] for id in pairs[PRODUCT]], np.int64)
    polarity = pairs[POLARITY].to_numpy()
    likes, dislikes, seen = (
        sparse.csr_array(
            (np.ones(mask.sum(), np.float32), (rows[mask], columns[mask])),
            shape=(len(ids), model.products.height),
        )
        for mask in (polarity > 0, polarity < 0, np.ones(len(rows), bool))
    )
    folded = fold_in(model.folding, likes=likes, dislikes=dislikes, seen=seen)
    return Newcomers(ids, folded, seen)
