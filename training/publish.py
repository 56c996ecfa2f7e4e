"""What was learned, as the model that serving maps into memory.

In: learned arrays, users and products with their attributes, segment settings. Out: a `Model`.
Never: a file; the store writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine import frames as f
from engine import settings as configs
from engine.audiences.build import Learned as Known
from engine.audiences.build import SegmentParts, build_segments
from engine.audiences.standing import Echo
from engine.interests.folding import BRIDGED, OF_TIME, PARTS, fit_bridge
from engine.store.artefacts import Model, Seen, Segments
from engine.store.home import Home
from training.assemble import user_weights
from training.learn import Learned
from training.matrices import Pairs
from training.recipe import Recipe

Array = NDArray[Any]


@dataclass(frozen=True)
class Source:
    """What was read: tables that describe, the window of events, and the seed of the run."""

    users: pl.DataFrame  # activity joined with attributes, one row for each user of the pairs
    products: pl.DataFrame  # names, tags and features
    window: dict[str, Any]
    as_of: datetime
    seed: int
    accounts: pl.DataFrame | None = None  # where users work, None where nobody says
    echo: Echo | None = None  # None where nobody passes on anything


def build_model(
    version: str, learned: Learned, pairs: Pairs, source: Source, recipe: Recipe, home: Home
) -> Model:
    """Assembles the model: tables, arrays, folding, segments, figures."""
    scorer = learned.scorer
    products = describe_products(pairs, source.products, learned)
    if source.echo is not None:
        products = products.with_columns(pl.Series(f.PASSED, source.echo.passing))
    seen = pairs.seen.tocsc()
    parts = _segments(learned, (pairs.likes, seen), products, source, home)
    return Model(
        version=version,
        users=source.users,
        products=products,
        embeddings=scorer.embeddings,
        interest=scorer.interest,
        probability=scorer.probability,
        folding=folding_arrays(learned, pairs, recipe["folding"], seed=source.seed),
        seen=Seen(seen.indptr.astype(np.int64), seen.indices.astype(np.uint32)),
        segments=Segments(parts.table, parts.offsets, parts.members, parts.best, parts.curves),
        holdout=learned.holdout,
        recipe={"name": "stack", "seed": source.seed, **recipe.plain()},
        metrics=learned.judged.figures,
        window=source.window,
        as_of=source.as_of.isoformat(),
        accounts=source.accounts,
    )


def _segments(
    learned: Learned,
    acts: tuple[sparse.csr_array, sparse.csc_array],
    products: pl.DataFrame,
    source: Source,
    home: Home,
) -> SegmentParts:
    scorer = learned.scorer
    likes, seen = acts
    known = Known(
        users=source.users,
        products=products,
        likes=sparse.csr_array(
            (np.ones_like(likes.data), likes.indices, likes.indptr), likes.shape
        ),
        seen=seen,
        embeddings=scorer.embeddings,
        tastes=tastes(learned),
        interest=scorer.interest,
        probability=scorer.probability,
        holdout=learned.holdout,
        echo=source.echo,
    )
    return build_segments(
        known,
        as_of=source.as_of,
        settings=configs.load("audiences", home.root),
        goals=configs.load_rows("goals", home.root),
        seed=source.seed,
    )


def tastes(learned: Learned) -> Array:
    """(users, width) float32: embeddings less what follows from how much somebody does, and when.

    Each column's regression on activity and its square is taken away, and the parts of time are
    left out, so that communities are people who like the same, not people who do as much, or who
    are there at the same time.
    """
    stack = learned.stack
    kept = [np.full(part.users.shape[1], part.name not in OF_TIME) for part in stack.parts]
    columns = np.flatnonzero(np.concatenate(kept))
    plain, busy = learned.scorer.embeddings[:, columns], stack.sides.activity
    known = np.column_stack([np.ones_like(busy), busy, busy**2]).astype(np.float32)
    effect = np.linalg.lstsq(known.T @ known, known.T @ plain, rcond=None)[0]
    found: Array = plain - known @ effect
    return found


def describe_products(pairs: Pairs, table: pl.DataFrame, learned: Learned) -> pl.DataFrame:
    """One row for each product of the pairs, by id: description, counts, held-out figures."""
    counts = pairs.counts(0)
    frame = pl.DataFrame(
        {
            f.PRODUCT: pairs.products,
            f.LIKES: counts["likes"].astype(np.uint32),
            f.DISLIKES: counts["dislikes"].astype(np.uint32),
            f.ACTS: counts["acts"].astype(np.uint32),
        }
    )
    described = table.with_columns(pl.col(f.PRODUCT).cast(pl.String))
    if f.NAME not in described.columns:
        described = described.with_columns(pl.lit(None, pl.String).alias(f.NAME))
    if f.TAGS not in described.columns:
        described = described.with_columns(pl.lit(None, pl.List(pl.String)).alias(f.TAGS))
    figures = learned.judged.by_product.select(f.PRODUCT, "auc", "lift5", "taste")
    clashing = set(figures.columns) - {f.PRODUCT} | {f.LIKES, f.DISLIKES, f.ACTS}
    return (
        frame.join(described.drop(clashing & set(described.columns)), on=f.PRODUCT, how="left")
        .join(figures, on=f.PRODUCT, how="left")
        .with_columns(
            pl.col(f.NAME).fill_null(pl.col(f.PRODUCT)),
            pl.col(f.TAGS).fill_null(pl.lit([], pl.List(pl.String))),
        )
        .sort(f.PRODUCT)
    )


def folding_arrays(
    learned: Learned, pairs: Pairs, chosen: configs.Section, *, seed: int
) -> dict[str, Array]:
    """What `engine.interests.folding` needs to embed people who come later."""
    stack = learned.stack
    parts = {part.name: part for part in stack.parts}
    edges = np.cumsum([0, *(part.users.shape[1] for part in stack.parts)])
    spans = {part.name: (edges[at], edges[at + 1]) for at, part in enumerate(stack.parts)}
    bridged = [parts[name] for name in BRIDGED if name in parts]
    bridge_products = np.hstack([part.products for part in bridged]).astype(np.float32)
    random = np.random.default_rng([seed, 25])
    users = pairs.shape[0]
    sample = np.sort(random.permutation(users)[: chosen.users])
    signs = pairs.opinions[sample].tocsr()
    liked, disliked = (
        sparse.csr_array(signs.multiply(signs * sign > 0).astype(bool).astype(np.float32))
        for sign in (1, -1)
    )
    bridge = fit_bridge(
        bridge_products,
        np.hstack([part.users[sample] for part in bridged]),
        likes=liked,
        dislikes=disliked,
        ridge=chosen.ridge,
    )
    weights = [user_weights(stack, head) for head in learned.heads]
    return {
        "columns": np.array([spans.get(name, (-1, -1)) for name in PARTS], np.int64),
        **{part.name: part.folding for part in stack.parts if part.folding is not None},
        "bridge_products": bridge_products,
        "bridge": bridge,
        "activity": np.array([*learned.units.activity, float(stack.by_activity)]),
        "bends": learned.units.bends,
        "balance": learned.scorer.balance,
        "interest_terms": weights[0],
        "probability_terms": weights[1],
    }
