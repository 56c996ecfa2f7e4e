"""Erasure as a verb: a person leaves every answer at once, then every place that kept them.

In: a home and an id. Out: a receipt that says what was removed where, without the id.
Never: a wait for a retrain, and never the person back by another import of the same file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from engine.errors import ArtefactCorrupt, InvalidValue
from engine.frames import PRODUCT, USER
from engine.operations.lookup import user_rows
from engine.store import artefacts, forgotten, purge, suspects, versions
from engine.store.artefacts import Model
from engine.store.campaign_audiences import forget_in_audiences
from engine.store.catalog import Catalog
from engine.store.files import replace_durably
from engine.store.home import Home
from engine.store.inbox import Inbox
from engine.store.removal import without_product, without_users

Eraser = Callable[[Home, Catalog, str], Any]
ERASED = "-e"
"""Between a version and the number of times that people were taken out of it."""


def erase_user(home: Home, user_id: str, *, now: datetime) -> dict[str, Any]:
    """Erases a person, and answers with the receipt once nothing is left.

    First they are withheld from every answer, and nothing of theirs is stored any more; then their
    rows go. A run that was broken off is taken up by asking again. Of somebody who was never here
    a trace is kept all the same, and the receipt says that nothing was found.

    Raises:
        InvalidValue: the id is empty.
        ArtefactCorrupt: a version of the model cannot be read; the others are done.
    """
    if not user_id:
        raise InvalidValue("user_id", "is empty")
    with closing(Catalog(home)) as catalog:
        trace = forgotten.remember(home, catalog, user_id, now)
        removed = {name: erase(home, catalog, user_id) for name, erase in ERASERS.items()}
    receipt = {
        "receipt": f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}-{trace.hex()[:12]}",
        "at": now.astimezone(UTC).isoformat(),
        "trace": trace.hex(),
        "removed": removed,
    }
    text = json.dumps(receipt, indent=1).encode()
    replace_durably(home.root / "receipts" / f"{receipt['receipt']}.json", text)
    return receipt


def _from_inbox(home: Home, catalog: Catalog, user: str) -> int:
    return Inbox(home, catalog).forget(user)


def _from_tables(home: Home, _: Catalog, user: str) -> dict[str, int]:
    return purge.purge_tables(home, user)


def _from_quarantine(home: Home, _: Catalog, user: str) -> int:
    return purge.purge_quarantine(home, user)


def _from_models(home: Home, catalog: Catalog, user: str) -> dict[str, str]:
    """Writes each version that knows the person anew, moves the pointer, removes the old one."""
    rewritten: dict[str, str] = {}
    corrupt: ArtefactCorrupt | None = None
    for version in versions.versions(home):
        try:
            model = artefacts.open_model(home, version)
        except ArtefactCorrupt as error:
            corrupt = error
            continue
        rows, _ = user_rows(model, [user])
        place = _as_product(home, model, user)
        tied = _has_ties(model, user)
        if not rows.size and place is None and not tied:
            versions.note(home, version, erasures=forgotten.marks(catalog)[1])
            continue
        left = without_users(model, rows, named=pl.Series([user] if tied else [], dtype=pl.String))
        left = left if place is None else without_product(left, place)
        rewritten[version] = _rewritten(home, catalog, left)
    if corrupt is not None:
        raise corrupt
    return rewritten


def _has_ties(model: Model, user: str) -> bool:
    return model.carriers is not None and model.carriers.people[USER].index_of(user) is not None


def _as_product(home: Home, model: Model, user: str) -> int | None:
    """The row of the product that the person was to a model, as those who are followed are.

    None where the id is also that of something else, and where nothing else would be left.
    """
    known = model.products[PRODUCT].index_of(user)
    if known is None or model.products.height < 2 or not purge.is_nothing_else(home, user):
        return None
    return int(known)


def _from_products(home: Home, _: Catalog, user: str) -> int:
    """How many versions know the person as a product: they are without it when models are done."""
    found = 0
    for version in versions.versions(home):
        with suppress(ArtefactCorrupt):  # told when the models are done
            found += _as_product(home, artefacts.open_model(home, version), user) is not None
    return found


def _rewritten(home: Home, catalog: Catalog, model: Model) -> str:
    before = model.version
    stem, _, times = before.partition(ERASED)
    after = f"{stem}{ERASED}{int(times or 0) + 1:04d}"
    window = model.window | {"erasures": forgotten.marks(catalog)[1]}
    artefacts.save(home, replace(model, version=after, window=window))
    if home.champion.exists() and versions.champion(home) == before:
        versions.promote(home, after)
        catalog.add_promotion(
            version=after, previous=before, actor="erasure", reason="a person was erased"
        )
    versions.remove(home, before)
    return after


def _from_fitted(home: Home, _: Catalog, __: str) -> int:
    return purge.purge_fitted(home)


def _from_campaigns(home: Home, _: Catalog, user: str) -> int:
    return forget_in_audiences(home, user)


def _from_suspects(home: Home, catalog: Catalog, user: str) -> int:
    if purge.is_nothing_else(home, user):
        suspects.unname(catalog, user)
    return suspects.drop(catalog, user)


def _from_consents(home: Home, catalog: Catalog, user: str) -> int:
    return purge.purge_consents(home, catalog, user)


ERASERS: dict[str, Eraser] = {
    "inbox": _from_inbox,  # before the tables: nothing may move there afterwards
    "tables": _from_tables,
    "quarantine": _from_quarantine,
    "fitted": _from_fitted,
    "products": _from_products,  # after the tables, which tell whether an id is something else's
    "models": _from_models,
    "campaigns": _from_campaigns,
    "suspects": _from_suspects,
    "consents": _from_consents,  # last: until then they withhold the person from every answer
}
"""Whatever keeps people has its line here."""


def without_erased(home: Home, model: Model) -> Model:
    """A model that was learned meanwhile, without those who were erased since it began.

    Its window says which erasures it knew of; where there are none since, nothing is looked at.
    """
    newest = forgotten.newest_erasure(home)
    if newest == model.window.get("erasures", 0):
        return model
    gone = forgotten.forgotten(home, model.users[USER], anew=True).arg_true().to_numpy()
    tied = model.carriers.people[USER] if model.carriers else pl.Series([], dtype=pl.String)
    named = tied.filter(forgotten.forgotten(home, tied))
    left = without_users(model, gone, named=named)
    return replace(left, window=left.window | {"erasures": newest})
