"""What is wrong with a model before it is written, or with one that was read.

In: a model and its arrays. Out: nothing, or an error that names the array. Never: a model changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtefactCorrupt
from engine.store.carriers import NAMED, refuse_unfit_carriers

if TYPE_CHECKING:
    from engine.store.artefacts import Model, Seen

Array = NDArray[Any]
LARGEST = 1e6
"""No ingredient of a score may exceed this; beyond it a fit has diverged."""


def refuse_unfit(model: Model, arrays: dict[str, Array]) -> None:
    """Checks a model that is to be written.

    Raises:
        ArtefactCorrupt: an array is not finite, exceeds `LARGEST` though a score is made of it, or
            does not fit the others.
    """
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ArtefactCorrupt(name, "holds values that are not finite")
        scores = array.size and not name.startswith(NAMED)
        if array.dtype.kind == "f" and scores and float(np.abs(array).max()) > LARGEST:
            raise ArtefactCorrupt(name, f"holds values beyond {LARGEST:g}: the fit has diverged")
    refuse_mismatch(model)


def refuse_mismatch(model: Model) -> None:
    """Checks that arrays and tables of a model belong together.

    Raises:
        ArtefactCorrupt: one has another number of rows than it should, or names what is not there.
    """
    users, products = model.users.height, model.products.height
    expected = {"embeddings": (model.embeddings.shape[0], users)}
    for name, head in (("interest", model.interest), ("probability", model.probability)):
        expected[f"{name}_products"] = (head.products.shape[0], products)
        expected[f"{name}_product_terms"] = (head.product_terms.shape[0], products)
        expected[f"{name}_user_terms"] = (head.user_terms.shape[0], users)
        if head.products.shape[1] != model.embeddings.shape[1]:
            raise ArtefactCorrupt(f"{name}_products", "has another width than the embeddings")
    expected["segment_offsets"] = (
        model.segments.offsets.shape[0],
        model.segments.table.height + 1,
    )
    expected["seen_offsets"] = (model.seen.offsets.shape[0], products + 1)
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise ArtefactCorrupt(name, f"has {found} rows where {wanted} belong")
    _refuse_unfit_pairs(model.seen, users)
    if model.carriers is not None:
        refuse_unfit_carriers(model.carriers, users)


def _refuse_unfit_pairs(seen: Seen, users: int) -> None:
    offsets, rows = seen.offsets, seen.users
    if offsets[0] != 0 or offsets[-1] != rows.size or (np.diff(offsets) < 0).any():
        raise ArtefactCorrupt("seen_offsets", "does not lead from the first pair to the last")
    if rows.size and int(rows.max()) >= users:
        raise ArtefactCorrupt("seen_users", "names users who are not in the table")
    rising = rows[1:] > rows[:-1]
    rising[offsets[(offsets > 0) & (offsets < rows.size)] - 1] = True  # a product begins anew
    if not rising.all():
        raise ArtefactCorrupt("seen_users", "does not rise inside each product")
