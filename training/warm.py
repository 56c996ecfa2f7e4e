"""The fitted LightFM of each version, kept apart from what serves, for warm starts.

In: fitted parts. Out: a joblib file with its SHA-256 beside it, and the parts read back.
Never: opened by serving, and never unpickled before its hash is checked.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import joblib

from engine.errors import ArtefactCorrupt
from engine.store.files import replace_durably
from engine.store.home import Home
from training.matrices import Pairs
from training.parts import Part


def save_fitted(home: Home, version: str, parts: list[Part], pairs: Pairs) -> None:
    """Writes the LightFM objects of a version, with the ids their rows belong to."""
    content = {
        "models": {name: model for part in parts for name, model in part.fitted.items()},
        "users": pairs.users.to_list(),
        "products": pairs.products.to_list(),
    }
    buffer = io.BytesIO()
    joblib.dump(content, buffer)
    folder = home.warm / version
    replace_durably(folder / "lightfm.joblib", buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    replace_durably(folder / "lightfm.sha256", f"{digest}\n".encode())


def load_fitted(home: Home, version: str) -> dict[str, Any]:
    """Reads what `save_fitted` wrote: models by part, and the ids of users and products.

    Raises:
        ArtefactCorrupt: the file is missing, or differs from its hash; it is then not opened.
    """
    folder = home.warm / version
    try:
        content = (folder / "lightfm.joblib").read_bytes()
        wanted = (folder / "lightfm.sha256").read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise ArtefactCorrupt(f"warm/{version}", "is missing; retrain without --warm") from error
    if hashlib.sha256(content).hexdigest() != wanted:
        raise ArtefactCorrupt(f"warm/{version}/lightfm.joblib", "differs from its hash")
    loaded: dict[str, Any] = joblib.load(io.BytesIO(content))
    return loaded
