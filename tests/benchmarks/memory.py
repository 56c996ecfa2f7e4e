"""Memory of serving two million users beside the arrays that are served.

In: nothing. Out: rows (what, unit, figure, command). Never: pages that no request touched.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from engine.operations.keys import create_key
from engine.store import artefacts, versions
from engine.store.artefacts import Array, Head, Model, Seen, Segments
from engine.store.home import Home
from tests.api.planted import planted
from tests.benchmarks.served import Served, served

USERS, WIDTH, PRODUCTS, MEMBERSHIPS, REQUESTS = 2_000_000, 64, 300, 5, 40
ACTS = 20  # of each user
PATHS = (
    "segments",
    "curve",
    "audience?share=0.05",
    "audience?share=0.01&goal=sales",
    "audience?share=0.01&goal=loyalty",
    "segments?channel=telegram",
)
RARELY = 5  # the last two read every column of the users, and take seconds
MIB = 1 << 20
COMMAND = "python -m tests.benchmarks.memory"


def run() -> list[tuple[str, str, float, str]]:
    """Sums what the workers hold (PSS) after each has answered from every part of the model.

    PSS counts a page that several processes map once, in shares; what the workers hold includes
    their interpreters and libraries.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        artefacts.save(home, _model())
        versions.promote(home, "v1")
        key = create_key(home, name="benchmark", scopes=["segments:read", "audiences:read"])
        model = artefacts.open_model(home)
        arrays = sum(path.stat().st_size for path in (home.models / "v1").iterdir()) / MIB
        with served(home) as server:
            fresh = _held(server)
            _touch(server, key, model)
            held = _held(server)
            workers = len(server.workers())
    return [
        ("arrays and tables of a model of 2 M users", "MiB", arrays, COMMAND),
        (f"held by {workers} workers before a request", "MiB", fresh, COMMAND),
        (f"held by {workers} workers after {REQUESTS} requests", "MiB", held, COMMAND),
        ("serving memory / arrays", "ratio", held / arrays, COMMAND),
    ]


def _held(server: Served) -> float:
    return sum(_pss(pid) for pid in server.workers()) / 1024


def _pss(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/{pid}/smaps_rollup tells no Pss")
    return int(found[1])


def _touch(server: Served, key: str, model: Model) -> None:
    """Rankings read every embedding and term; segments, curves and users the tables."""
    users = model.users["user_id"]
    batches = np.array_split(np.random.default_rng(3).integers(0, USERS, 50 * REQUESTS), REQUESTS)
    for number, rows in enumerate(batches):
        product = quote(str(model.products["product_id"][number % PRODUCTS]), safe="")
        for path in PATHS if number % RARELY == 0 else PATHS[:-2]:
            _read(server, f"/v1/products/{product}/{path}", key)
        body = json.dumps({"user_ids": users.gather(rows).to_list()})
        _read(server, "/v1/users:segments", key, body.encode())


def _read(server: Served, path: str, key: str, body: bytes | None = None) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    asked = urllib.request.Request(server.address + path, headers=headers, data=body)
    with urllib.request.urlopen(asked, timeout=60) as response:
        while response.read(1 << 20):
            pass


def _model() -> Model:
    """The tables of a small planted model over arrays of two million users."""
    random = np.random.default_rng(5)
    small = planted("v1", users=2_000, products=PRODUCTS)
    segments = small.segments.table.height
    sizes = np.full(segments, USERS * MEMBERSHIPS // segments)
    members = [np.sort(random.choice(USERS, size, replace=False)) for size in sizes]
    return dataclasses.replace(
        small,
        users=_people(random),
        embeddings=random.standard_normal((USERS, WIDTH), dtype=np.float32),
        interest=_head(random, small.interest),
        probability=_head(random, small.probability),
        seen=_seen(random),
        segments=Segments(
            small.segments.table,
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            np.concatenate(members).astype(np.uint32),
            small.segments.best,
            small.segments.curves,
        ),
    )


def _head(random: np.random.Generator, like: Head) -> Head:
    def normal(*shape: int) -> Array:
        return random.standard_normal(shape, dtype=np.float32)

    return Head(normal(PRODUCTS, WIDTH), normal(PRODUCTS), normal(USERS), like.knots)


def _seen(random: np.random.Generator) -> Seen:
    """Each user acted on `ACTS` products."""
    acted = np.sort(random.integers(0, PRODUCTS - ACTS + 1, (USERS, ACTS)), axis=1)
    acted = acted + np.arange(ACTS)  # so that none comes twice
    pairs = np.sort(acted.ravel() * USERS + np.repeat(np.arange(USERS), ACTS))
    offsets = np.searchsorted(pairs, np.arange(PRODUCTS + 1) * USERS)
    return Seen(offsets.astype(np.int64), (pairs % USERS).astype(np.uint32))


def _people(random: np.random.Generator) -> pl.DataFrame:
    likes = random.integers(1, 30, USERS).astype(np.uint32)
    at = pl.lit(datetime(2026, 11, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC"))
    return pl.select(pl.int_range(USERS, dtype=pl.UInt32).alias("n")).select(
        user_id=pl.format("u{}", pl.col("n").cast(pl.String).str.zfill(8)),
        likes=pl.lit(pl.Series(likes)),
        dislikes=pl.lit(pl.Series(likes // 3)),
        acts=pl.lit(pl.Series(likes * 4)),
        first_at=at,
        last_at=at,
        channels=pl.concat_list(pl.lit("telegram"), pl.lit("instagram")),
    )


if __name__ == "__main__":
    for what, unit, figure, _ in run():
        print(f"{what}: {figure:.2f} {unit}")
