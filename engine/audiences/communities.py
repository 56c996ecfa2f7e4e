"""Interest communities: people whose embeddings lie together, named by what sets them apart.

In: user embeddings, likes, the products table. Out: found segments of kind `community`.
Never: a community named by what everybody likes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine import frames as f
from engine.audiences.membership import Found, stable_id
from engine.audiences.tastes import distinctive, tag_matrix
from engine.settings import Section

Array = NDArray[Any]
_BLOCK = 1 << 16


def find_communities(
    embeddings: Array,
    likes: sparse.csr_array,
    products: pl.DataFrame,
    *,
    settings: Section,
    least: int,
    seed: int,
) -> list[Found]:
    """Clusters users by the direction of their embeddings; largest community first.

    Everybody with an embedding belongs to one community; one that would be smaller than `least`
    is dissolved into its neighbours. With too few users for two communities there is none.
    """
    labels = assign_communities(embeddings, settings=settings, least=least, seed=seed)
    count = int(labels.max(initial=-1)) + 1
    if count < 2:
        return []
    liked = _likes_by_label(likes, labels, count)
    named = _names(liked, products, settings)
    return [
        Found(
            stable_id("community", name),
            name,
            "community",
            None,
            trait,
            np.flatnonzero(labels == label),
        )
        for label, (name, trait) in enumerate(named)
    ]


def assign_communities(
    embeddings: Array, *, settings: Section, least: int, seed: int
) -> NDArray[np.int32]:
    """Gives each user a community, 0 the largest; -1 where the embedding is zero.

    Spherical k-means (Dhillon & Modha 2001) with k-means++ starts on a sample of embeddings less
    their mean, so that what all share does not count; then communities that are hardly tighter
    apart than together are joined. The same seed and embeddings give the same communities.
    """
    users = embeddings.shape[0]
    wanted = settings.count or round(users ** (1 / 3))
    wanted = min(wanted, settings.most, users // max(2 * least, 2))
    none = np.full(users, -1, np.int32)
    if wanted < 2:
        return none
    random = np.random.default_rng(seed)
    rows = np.arange(users)
    if users > settings.sample:
        rows = np.sort(random.choice(users, settings.sample, replace=False))
    sample = np.asarray(embeddings[rows])
    sample = sample[np.any(sample != 0, axis=1)]
    if sample.shape[0] < wanted:
        return none
    middle = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    sample = _directions(sample - middle)
    runs = [_cluster(sample, wanted, settings.rounds, random) for _ in range(settings.starts)]
    centres = _join(sample, max(runs, key=lambda run: run[1])[0], settings.alike)
    labels = _nearest(embeddings, centres, middle)
    while centres.shape[0] >= 2:
        sizes = np.bincount(labels[labels >= 0], minlength=centres.shape[0])
        if sizes.min() >= least:
            rank = np.empty(sizes.size, np.int32)
            rank[np.argsort(-sizes, kind="stable")] = np.arange(sizes.size)
            return np.where(labels >= 0, rank[labels], -1).astype(np.int32)
        centres = np.delete(centres, sizes.argmin(), axis=0)
        labels = _nearest(embeddings, centres, middle)
    return none


def _directions(embeddings: Array) -> Array:
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    directions: Array = embeddings / np.where(lengths > 0, lengths, 1)
    return directions


def _start(sample: Array, count: int, random: np.random.Generator) -> Array:
    chosen = [int(random.integers(sample.shape[0]))]
    nearest = sample @ sample[chosen[0]]
    for _ in range(count - 1):
        away = np.maximum(1 - nearest.astype(np.float64), 0)
        row = int(np.searchsorted(np.cumsum(away), random.random() * away.sum()))
        chosen.append(min(row, sample.shape[0] - 1))
        nearest = np.maximum(nearest, sample @ sample[chosen[-1]])
    return sample[chosen].copy()


def _cluster(
    sample: Array, count: int, rounds: int, random: np.random.Generator
) -> tuple[Array, float]:
    centres = _start(sample, count, random)
    labels = np.full(sample.shape[0], -1)
    for _ in range(rounds):
        moved = (sample @ centres.T).argmax(axis=1)
        if np.array_equal(moved, labels):
            break
        labels = moved
        sums = _sums(sample, labels, count)
        filled = np.bincount(labels, minlength=count) > 0
        centres[filled] = _directions(sums[filled])
    return centres, float((sample @ centres.T).max(axis=1).sum(dtype=np.float64))


def _sums(sample: Array, labels: Array, count: int) -> Array:
    ones = np.ones(labels.size, np.float32)
    shape = (count, labels.size)
    sums: Array = sparse.csr_array((ones, (labels, np.arange(labels.size))), shape=shape) @ sample
    return sums


def _join(sample: Array, centres: Array, alike: float) -> Array:
    """Joins the pair that loses least tightness, as long as `alike` of it is kept.

    The tightness of a community is the mean cosine of its people to its centre: the length of
    the sum of their directions over their number.
    """
    labels = (sample @ centres.T).argmax(axis=1)
    sums = _sums(sample, labels, centres.shape[0]).astype(np.float64)
    sizes = np.bincount(labels, minlength=centres.shape[0]).astype(np.float64)
    sums, sizes = sums[sizes > 0], sizes[sizes > 0]
    while sizes.size > 1:
        lengths = np.linalg.norm(sums, axis=1)
        squares = (lengths**2)[:, None] + (lengths**2)[None] + 2 * sums @ sums.T
        apart = np.maximum(lengths[:, None] + lengths[None], 1e-12)
        kept = np.sqrt(np.maximum(squares, 0)) / apart
        np.fill_diagonal(kept, 0)
        one, other = sorted(np.unravel_index(kept.argmax(), kept.shape))
        if kept[one, other] < alike:
            break
        sums[one] += sums[other]
        sizes[one] += sizes[other]
        sums, sizes = np.delete(sums, other, axis=0), np.delete(sizes, other)
    return _directions(sums).astype(np.float32)


def _nearest(embeddings: Array, centres: Array, middle: Array) -> Array:
    labels = np.empty(embeddings.shape[0], np.int32)
    for start in range(0, labels.size, _BLOCK):
        block = np.asarray(embeddings[start : start + _BLOCK])
        nearest = ((block - middle) @ centres.T).argmax(axis=1)
        labels[start : start + _BLOCK] = np.where(np.any(block != 0, axis=1), nearest, -1)
    return labels


def _likes_by_label(likes: sparse.csr_array, labels: Array, count: int) -> Array:
    known = np.flatnonzero(labels >= 0)
    ones = np.ones(known.size, np.float32)
    groups = sparse.csr_array((ones, (labels[known], known)), shape=(count, labels.size))
    liked: Array = (groups @ likes).toarray().astype(np.float64)
    return liked


def _names(liked: Array, products: pl.DataFrame, settings: Section) -> list[tuple[str, str]]:
    """Names and traits: `Drama, War · Schindler's List`, each name once."""
    tags, members = tag_matrix(products)
    top_products = distinctive(liked, settings.prior, settings.clear, most=4)
    top_tags = distinctive(liked @ members, settings.prior, settings.clear, most=2)
    called = [_short(str(name)) for name in products[f.NAME].fill_null(products[f.PRODUCT])]
    taken: set[str] = set()
    found: list[tuple[str, str]] = []
    for own_tags, own in zip(top_tags, top_products, strict=True):
        said = [tags[tag] for tag in own_tags]
        options = [[called[at]] for at in own] if said else [[called[at] for at in own[:2]]]
        names = [" · ".join([", ".join(said), *words] if said else words) for words in options]
        names = [name for name in names if name] or [", ".join(said) or "Mixed tastes"]
        at = next((at for at, name in enumerate(names) if name not in taken), 0)
        name, number = names[at], 2
        while name in taken:
            name, number = f"{names[at]} ({number})", number + 1
        taken.add(name)
        words = [*said, *(f"'{each}'" for each in (options[at] if own else []))]
        found.append((name, f"they like {_listed(words)}" if words else "their tastes are mixed"))
    return found


def _short(name: str, most: int = 48) -> str:
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
