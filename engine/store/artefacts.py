"""A model as plain arrays and tables with a manifest: written whole, verified, then mapped.

In: a `Model`. Out: `models/<version>/` and, read back, the same `Model` over memory maps.
Never: unpickling, a half-written version that can be seen, or a file that fails its manifest.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import ArtefactCorrupt
from engine.store.carriers import FRAMES as CARRIER_FRAMES
from engine.store.carriers import NAMED, Carriers, carrier_parts, carriers_from
from engine.store.files import sync_folder
from engine.store.home import Home
from engine.store.mapping import lay_table, map_table
from engine.store.soundness import refuse_mismatch, refuse_unfit
from engine.store.versions import VERSION, champion, read_manifest
from engine.store.withheld import Withheld

Array = NDArray[Any]


@dataclass(frozen=True)
class Head:
    """One question about every pair, answered by one inner product.

    `logit(u, p) = embeddings[u] @ products[p] + user_terms[u] + product_terms[p]`; the answer is
    the piecewise linear curve through `knots` (rising logits, rates) at that logit, flat outside.
    """

    products: Array  # (products, width) float32
    product_terms: Array  # (products,) float32
    user_terms: Array  # (users,) float32
    knots: Array  # (k, 2) float64


@dataclass(frozen=True)
class Segments:
    """Named sets of users, and how each stands with each product.

    The members of segment s are `members[offsets[s]:offsets[s + 1]]`, rising row numbers of
    users. `best` holds the ranked segments of every product and goal; `curves` the expected
    rates by share.
    """

    table: pl.DataFrame
    offsets: Array  # (segments + 1,) int64
    members: Array  # (total,) uint32
    best: pl.DataFrame
    curves: pl.DataFrame


@dataclass(frozen=True)
class Seen:
    """Who had acted on each product, in any way, when the model was learned; product by product.

    The heads know those acts, so that such pairs score higher than any that is yet to come.
    """

    offsets: Array  # (products + 1,) int64, rising from 0
    users: Array  # (total,) uint32, rising inside each product

    def of(self, product: int) -> Array:
        """Rising row numbers of the users who acted on the product."""
        return np.asarray(self.users[self.offsets[product] : self.offsets[product + 1]])


@dataclass(frozen=True)
class Model:
    """What serving knows. Row u of every user array belongs to `users[u]`; likewise products.

    `users` is sorted by user_id and holds likes, dislikes, acts, first_at, last_at, channels and
    the attributes of the users table; `products` is sorted by product_id and holds name, tags,
    likes, dislikes, acts. `seen` holds all pairs with an act. `holdout` holds those that were set
    aside while the heads were learned (user, product as row numbers, liked -1/0/1, interest and
    probability as predicted without them). `folding` turns the acts of a new user into an
    embedding and user terms.
    """

    version: str
    users: pl.DataFrame
    products: pl.DataFrame
    embeddings: Array  # (users, width) float32
    interest: Head
    probability: Head
    folding: dict[str, Array]
    seen: Seen
    segments: Segments
    holdout: pl.DataFrame
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    window: dict[str, Any] = field(default_factory=dict)
    as_of: str = ""
    targeting: pl.DataFrame | None = None  # tuned, see `engine.operations.targeting`
    accounts: pl.DataFrame | None = None  # where users work, sorted by account_id
    carriers: Carriers | None = None  # who passes on whose word; None where nobody follows anybody
    withheld: Withheld | None = None  # never on disk: who answers puts it beside what it mapped


_FRAMES = ("users", "products", "segments", "best", "curves", "holdout")
_OPTIONAL = ("targeting", "accounts")
_MAYBE = (*_OPTIONAL, *(f"{NAMED}{name}" for name in CARRIER_FRAMES))


def _parts(model: Model) -> tuple[dict[str, Array], dict[str, pl.DataFrame]]:
    arrays = {
        "embeddings": model.embeddings,
        "segment_offsets": model.segments.offsets,
        "segment_members": model.segments.members,
        "seen_offsets": model.seen.offsets,
        "seen_users": model.seen.users,
    }
    for name, head in (("interest", model.interest), ("probability", model.probability)):
        arrays |= {
            f"{name}_products": head.products,
            f"{name}_product_terms": head.product_terms,
            f"{name}_user_terms": head.user_terms,
            f"{name}_knots": head.knots,
        }
    arrays |= {f"folding_{name}": array for name, array in model.folding.items()}
    frames = {
        "users": model.users,
        "products": model.products,
        "segments": model.segments.table,
        "best": model.segments.best,
        "curves": model.segments.curves,
        "holdout": model.holdout,
    }
    maybe = {name: getattr(model, name) for name in _OPTIONAL}
    frames |= {name: frame for name, frame in maybe.items() if frame is not None}
    carrier_arrays, carrier_frames = carrier_parts(model.carriers)
    return arrays | carrier_arrays, frames | carrier_frames


def save(home: Home, model: Model) -> Path:
    """Writes the model into a staging folder, syncs it, and renames it to its version.

    Raises:
        ArtefactCorrupt: an array is not finite, exceeds what a fit can give, or has another
            number of rows than the table it belongs to.
    """
    if not VERSION.match(model.version):
        raise ArtefactCorrupt(model.version, "a version is 1 to 64 letters, digits, _ or -")
    home.models.mkdir(parents=True, exist_ok=True)
    staging = home.models / f".staging-{model.version}-{os.getpid()}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        arrays, frames = _parts(model)
        refuse_unfit(model, arrays)
        files: dict[str, dict[str, Any]] = {}
        for name, array in arrays.items():
            path = staging / f"{name}.npy"
            np.save(path, np.ascontiguousarray(array), allow_pickle=False)
            bound = float(np.abs(array).max()) if array.size else 0.0
            files[path.name] = {
                "shape": list(array.shape),
                "dtype": str(array.dtype),
                "bound": bound,
            }
        for name, frame in frames.items():
            path = staging / f"{name}.arrow"
            lay_table(path, frame)
            files[path.name] = {"rows": frame.height, "columns": frame.columns}
        for name, content in files.items():
            content["sha256"] = _digest(staging / name)
            content["bytes"] = (staging / name).stat().st_size
        manifest = {
            "version": model.version,
            "as_of": model.as_of,
            "window": model.window,
            "recipe": model.recipe,
            "metrics": model.metrics,
            "files": files,
        }
        text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
        (staging / "manifest.json").write_text(text, encoding="utf-8")
        sync_folder(staging)
        target = home.models / model.version
        staging.rename(target)
        sync_folder(home.models)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return target


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(home: Home, version: str) -> dict[str, Any]:
    """Compares every file of a version with its manifest (SHA-256) and returns the manifest.

    Raises:
        ArtefactCorrupt: a file is missing or differs, or one lies there that is not named.
    """
    manifest = read_manifest(home, version)
    folder = home.models / version
    found = {path.name for path in folder.iterdir()} - {"manifest.json"}
    wanted = set(manifest["files"])
    for name in sorted(found ^ wanted):
        detail = "is missing" if name in wanted else "is not in the manifest"
        raise ArtefactCorrupt(f"models/{version}/{name}", detail)
    for name, content in manifest["files"].items():
        path = folder / name
        if path.stat().st_size != content["bytes"] or _digest(path) != content["sha256"]:
            raise ArtefactCorrupt(f"models/{version}/{name}", "differs from its manifest")
    return manifest


def open_model(home: Home, version: str | None = None) -> Model:
    """Verifies a version (the champion by default) and maps it into memory, read-only.

    Pages are shared by all processes that map the same version.

    Raises:
        NotTrained: there is no champion.
        ArtefactCorrupt: a file fails the manifest, or arrays and tables do not fit together.
    """
    version = version or champion(home)
    manifest = verify(home, version)
    folder = home.models / version
    arrays = {
        name.removesuffix(".npy"): _map(folder / name, content)
        for name, content in manifest["files"].items()
        if name.endswith(".npy")
    }
    more = [name for name in _MAYBE if f"{name}.arrow" in manifest["files"]]
    frames = {name: _table(folder / f"{name}.arrow") for name in (*_FRAMES, *more)}
    try:
        model = _assemble(manifest, arrays, frames)
    except KeyError as error:
        raise ArtefactCorrupt(f"models/{version}", f"lacks {error}") from error
    refuse_mismatch(model)
    return model


def _assemble(
    manifest: dict[str, Any], arrays: dict[str, Array], frames: dict[str, pl.DataFrame]
) -> Model:
    heads = {
        name: Head(
            arrays[f"{name}_products"],
            arrays[f"{name}_product_terms"],
            arrays[f"{name}_user_terms"],
            arrays[f"{name}_knots"],
        )
        for name in ("interest", "probability")
    }
    folding = {
        name.removeprefix("folding_"): array
        for name, array in arrays.items()
        if name.startswith("folding_")
    }
    return Model(
        version=manifest["version"],
        users=frames["users"],
        products=frames["products"],
        embeddings=arrays["embeddings"],
        interest=heads["interest"],
        probability=heads["probability"],
        folding=folding,
        seen=Seen(arrays["seen_offsets"], arrays["seen_users"]),
        segments=Segments(
            frames["segments"],
            arrays["segment_offsets"],
            arrays["segment_members"],
            frames["best"],
            frames["curves"],
        ),
        holdout=frames["holdout"],
        recipe=manifest["recipe"],
        metrics=manifest["metrics"],
        window=manifest["window"],
        as_of=manifest["as_of"],
        targeting=frames.get("targeting"),
        accounts=frames.get("accounts"),
        carriers=carriers_from(arrays, frames),
    )


def _map(path: Path, content: dict[str, Any]) -> Array:
    empty = math.prod(content["shape"]) == 0
    try:
        array: Array = np.load(path, mmap_mode=None if empty else "r", allow_pickle=False)
    except ValueError as error:
        raise ArtefactCorrupt(path.name, "is no array of numbers") from error
    if list(array.shape) != content["shape"] or str(array.dtype) != content["dtype"]:
        raise ArtefactCorrupt(str(path), "has another shape than its manifest")
    return array


def _table(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise ArtefactCorrupt(path.name, "is missing")
    try:
        return map_table(path)
    except pl.exceptions.PolarsError as error:
        raise ArtefactCorrupt(path.name, "is no table") from error
