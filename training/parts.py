"""The parts of a score: what LightFM, linear neighbourhoods, ties and presence say of every pair.

In: pairs, features, a recipe. Out: for each part two arrays whose product scores all pairs.
Never: LightFM's `predict`, whose user biases make users incomparable under WARP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine.interests.folding import PRESENCE
from training.compute import Task
from training.matrices import Pairs
from training.neighbourhood import fit_baskets, fit_lookalikes, fit_neighbourhood, spectrum
from training.presence import fit_presence
from training.recipe import Recipe
from training.sessions import come_in_sessions, cut_sessions

Array = NDArray[Any]

NEIGHBOURHOODS = ("likes", "seen", "opinion", "lookalike", "sessions")
MOST_FRIENDS_LIKES = 50_000_000
"""Beyond so many likes of friends, one counted for each friend who has it, ties are drawn."""


@dataclass(frozen=True)
class Features:
    """What is known besides acts, rows as in the pairs; None where there is nothing."""

    users: sparse.csr_array | None = None
    products: sparse.csr_array | None = None
    ties: sparse.csr_array | None = None  # (users, users), 1 where either follows the other


@dataclass(frozen=True)
class Part:
    """`users @ products.T` scores pairs. `folding` takes acts to a user's row, where that is exact.

    Of presence it is one row, that of an act at the end. `fitted` holds LightFM objects by name,
    kept for warm starts.
    """

    name: str
    users: Array  # (users, width) float32
    products: Array  # (products, width) float32
    folding: Array | None = None  # (products, width) float32; of presence (width,)
    fitted: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


def plan_parts(
    pairs: Pairs,
    features: Features,
    recipe: Recipe,
    seed: int,
    *,
    warm: dict[str, Any] | None = None,
) -> list[Task]:
    """The fits that a recipe asks for, longest first.

    What cannot teach is left out: opinions without a dislike, seen pairs that are all likes,
    presence where all acts share one moment, and sessions where most acts stand alone in time.
    Attributes make LightFM several times slower, so of WARP's copies the first alone has them.
    `warm` is what `training.warm.load_fitted` returns: LightFM starts from there.
    """
    shared: dict[str, Any] = {"pairs": pairs, "recipe": recipe, "seed": seed}
    opinions = bool((pairs.polarity < 0).any()) or pairs.passed.rows.size > 0
    indifferent = bool((pairs.polarity <= 0).any())
    fits: dict[str, Any] = {**shared, "features": features, "warm": warm}
    plain = {**fits, "features": Features()}
    tasks: list[Task] = [(fit_warp, {**fits, "copy": 0})]
    if opinions:
        tasks.append((fit_logistic, fits))
    tasks += [(fit_warp, {**plain, "copy": copy}) for copy in range(1, count_copies(pairs, recipe))]
    timed = bool(pairs.at.min() < pairs.at.max())
    minutes = recipe["neighbourhood"].session_minutes
    wanted = {
        "likes": True,
        "seen": indifferent,
        "opinion": opinions,
        "lookalike": True,
        "sessions": timed and come_in_sessions(pairs, minutes=minutes),
    }
    tasks += [
        (fit_part_neighbourhood, {**shared, "kind": kind})
        for kind in NEIGHBOURHOODS
        if wanted[kind]
    ]
    if features.ties is not None:
        tasks.append((fit_ties, {**shared, "ties": features.ties}))
    if timed:
        tasks.append((fit_part_presence, {"pairs": pairs, "recipe": recipe}))
    return tasks


def count_copies(pairs: Pairs, recipe: Recipe) -> int:
    """How many copies of WARP are fitted: more where likes are few, which scatter most.

    A part of the pairs gets about as many as all of them.
    """
    settings = recipe["warp"]
    likes = np.count_nonzero(pairs.polarity > 0) / pairs.kept
    affordable = round(settings.copied_likes / max(likes, 1.0))
    return int(min(settings.copies, max(settings.least_copies, affordable)))


def merge_copies(parts: list[Part]) -> list[Part]:
    """Joins the copies of WARP into one part that scores by their mean; others stay as they are.

    Their audiences differ much by the seed alone; their mean is steadier and better than each.
    """
    copies = [part for part in parts if "warp" in part.name]
    merged = Part(
        "warp",
        np.hstack([part.users for part in copies]),
        np.hstack([part.products / np.float32(len(copies)) for part in copies]),
        fitted={name: model for part in copies for name, model in part.fitted.items()},
    )
    return [merged, *(part for part in parts if "warp" not in part.name)]


def fit_warp(
    pairs: Pairs,
    features: Features,
    recipe: Recipe,
    seed: int,
    warm: dict[str, Any] | None = None,
    copy: int = 0,
) -> Part:
    """LightFM by product: WARP on the transposed likes, so that products rank users.

    Each copy draws its own random numbers.
    """
    settings = recipe["warp"]
    name = f"warp-{copy}"
    model = _lightfm(
        settings,
        loss="warp",
        max_sampled=settings.max_sampled,
        user_alpha=settings.product_alpha,
        item_alpha=settings.user_alpha,
        random_state=np.random.RandomState([seed, copy]),
    )
    likes = pairs.likes.T.tocoo()
    interactions, weights = _entries(np.ones(likes.nnz), likes), _entries(likes.data, likes)
    sides = (_matrix(features.products), _matrix(features.users))
    if warm:
        _start_from(model, warm, name, interactions, sides, ("products", "users"), pairs)
    _fit(model, interactions, weights, sides, settings.epochs)
    # users whom the draw shows as others learn, products without a like do not
    _forget_strangers(model, "item", pairs.rows, pairs.shape[0])
    _forget_strangers(model, "user", pairs.columns[pairs.polarity > 0], pairs.shape[1])
    user_bias, users = model.get_item_representations(_matrix(features.users))
    _, products = model.get_user_representations(_matrix(features.products))
    # the product's own bias moves all users alike and is left to the heads
    return Part(
        name,
        np.column_stack([users, user_bias]).astype(np.float32),
        np.column_stack([products, np.ones(len(products))]).astype(np.float32),
        fitted={name: model},
    )


def fit_logistic(
    pairs: Pairs,
    features: Features,
    recipe: Recipe,
    seed: int,
    warm: dict[str, Any] | None = None,
) -> Part:
    """LightFM logistic on +1 and −1: who likes and who dislikes, given that they were shown."""
    settings = recipe["logistic"]
    model = _lightfm(
        settings,
        loss="logistic",
        user_alpha=settings.alpha,
        item_alpha=settings.alpha,
        random_state=seed,
    )
    verdicts = pairs.verdicts.tocoo()
    interactions = _entries(np.sign(verdicts.data), verdicts)
    weights = _entries(np.abs(verdicts.data), verdicts)
    sides = (_matrix(features.users), _matrix(features.products))
    if warm:
        _start_from(model, warm, "logistic", interactions, sides, ("users", "products"), pairs)
    _fit(model, interactions, weights, sides, settings.epochs)
    judging, judged = verdicts.coords
    _forget_strangers(model, "user", judging, pairs.shape[0])
    _forget_strangers(model, "item", judged, pairs.shape[1])
    user_bias, users = model.get_user_representations(_matrix(features.users))
    product_bias, products = model.get_item_representations(_matrix(features.products))
    ones = np.ones
    return Part(
        "logistic",
        np.column_stack([users, user_bias, ones(len(users))]).astype(np.float32),
        np.column_stack([products, ones(len(products)), product_bias]).astype(np.float32),
        fitted={"logistic": model},
    )


def _lightfm(settings: Any, **choices: Any) -> Any:
    from lightfm import LightFM

    return LightFM(settings.factors, learning_rate=settings.learning_rate, **choices)


def _matrix(features: sparse.csr_array | None) -> sparse.csr_matrix | None:
    if features is None:
        return None
    # LightFM reads 32-bit indices only
    numbers = (features.indices.astype(np.int32), features.indptr.astype(np.int32))
    return sparse.csr_matrix((features.data, *numbers), shape=features.shape)


def _entries(values: Array, like: sparse.coo_array) -> sparse.coo_matrix:
    rows, columns = (numbers.astype(np.int32) for numbers in like.coords)
    return sparse.coo_matrix((values.astype(np.float32), (rows, columns)), shape=like.shape)


def _fit(
    model: Any,
    interactions: sparse.coo_matrix,
    weights: sparse.coo_matrix,
    sides: tuple[sparse.csr_matrix | None, sparse.csr_matrix | None],
    epochs: int,
) -> None:
    # one thread: with two, WARP gives another model at each run
    model.fit_partial(
        interactions,
        user_features=sides[0],
        item_features=sides[1],
        sample_weight=weights,
        epochs=epochs,
        num_threads=1,
    )


def _start_from(
    model: Any,
    warm: dict[str, Any],
    name: str,
    interactions: sparse.coo_matrix,
    sides: tuple[sparse.csr_matrix | None, sparse.csr_matrix | None],
    ids: tuple[str, str],
    pairs: Pairs,
) -> None:
    """Copies the rows of users and products that an earlier fit knew; others start at random.

    Where the width or the attributes changed, or the part is new, the fit starts cold.
    """
    before = warm["models"].get(name)
    if before is None or before.no_components != model.no_components:
        return
    _fit(model, interactions, interactions, sides, 0)
    for side, kind in zip(("user", "item"), ids, strict=True):
        now = getattr(pairs, kind)
        known = pl.DataFrame({"id": warm[kind]}).with_row_index("theirs")
        both = now.rename("id").to_frame().with_row_index("ours").join(known, on="id")
        extra = getattr(model, f"{side}_embeddings").shape[0] - len(now)
        if extra != getattr(before, f"{side}_embeddings").shape[0] - known.height:
            continue
        tail = np.arange(extra)
        ours = np.concatenate([both["ours"].to_numpy(), tail + len(now)])
        theirs = np.concatenate([both["theirs"].to_numpy(), tail + known.height])
        for kept in ("embeddings", "embedding_gradients", "biases", "bias_gradients"):
            getattr(model, f"{side}_{kept}")[ours] = getattr(before, f"{side}_{kept}")[theirs]


def _forget_strangers(model: Any, side: str, taught: Array, count: int) -> None:
    """Sets the rows that nothing was `taught` of to zero: they still hold their random start."""
    strangers = np.ones(count, bool)
    strangers[taught] = False
    strangers = np.flatnonzero(strangers)
    getattr(model, f"{side}_embeddings")[strangers] = 0
    getattr(model, f"{side}_biases")[strangers] = 0


def fit_part_neighbourhood(pairs: Pairs, recipe: Recipe, seed: int, kind: str) -> Part:
    """A linear neighbourhood: of likes, what was seen, likes against dislikes, users, sessions.

    What campaigns showed in vain counts among the dislikes, at its weight. `lookalike` is the
    neighbourhood of users: who is like those who like the product. That of sessions is learned from
    what people act on in one go, and applied to all that a user acted on.
    """
    settings = recipe["neighbourhood"]
    chosen = {"rank": settings.rank, "ridge": getattr(settings, f"{kind}_ridge"), "seed": seed}
    powers = (settings.user_power, settings.product_power)
    if kind == "lookalike":
        found = fit_lookalikes(pairs.likes, product_power=settings.product_power, **chosen)
    elif kind == "sessions":
        cut = cut_sessions(pairs, acts=settings.session_acts, minutes=settings.session_minutes)
        found = fit_baskets(cut, pairs.seen, powers=powers, **chosen)
    else:
        matrix = getattr(pairs, {"opinion": "verdicts"}.get(kind, kind))
        found = fit_neighbourhood(matrix, powers=powers, **chosen)
    return Part(kind, found.users, found.products, folding=found.folding)


def fit_ties(pairs: Pairs, recipe: Recipe, seed: int, ties: sparse.csr_array) -> Part:
    """How many of those whom a user follows, or is followed by, like a product.

    Counts over the root of the number of friends, so that many friends say more than one, but not
    many times more; popular products are tempered as in the neighbourhoods. The spectrum, shrunk by
    σ² / (σ² + ridge), smooths towards products that the same circles like.
    """
    settings = recipe["neighbourhood"]
    ties = _thinned(ties, pairs.likes, seed)
    number = np.maximum(np.asarray(ties.sum(1)).ravel(), 1)
    liked = sparse.diags_array(number**-0.5) @ (ties @ pairs.likes)
    popular = np.maximum(pairs.counts(0)["likes"], 1) ** settings.product_power
    counted = sparse.csr_array(liked @ sparse.diags_array(1 / popular))
    if counted.nnz == 0:
        users, products = (np.zeros((size, 1), np.float32) for size in pairs.shape)
        return Part("ties", users, products)
    left, values, right = spectrum(counted, settings.rank, seed)
    return Part(
        "ties",
        (left * (values**3 / (values**2 + settings.ties_ridge))).astype(np.float32),
        (right * popular[:, None]).astype(np.float32),
    )


def _thinned(ties: sparse.csr_array, likes: sparse.csr_array, seed: int) -> sparse.csr_array:
    """As many ties, drawn at random, as keep the friends' likes within `MOST_FRIENDS_LIKES`."""
    share = MOST_FRIENDS_LIKES / max(float((ties @ np.diff(likes.indptr)).sum()), 1.0)
    if share >= 1:
        return ties
    kept = ties.tocoo()
    chosen = np.random.default_rng([seed, 31]).random(kept.nnz) < share
    rows, columns = (numbers[chosen] for numbers in kept.coords)
    return sparse.csr_array((kept.data[chosen], (rows, columns)), shape=ties.shape)


def fit_part_presence(pairs: Pairs, recipe: Recipe) -> Part:
    """How present a product was while a user was acting: what people could come upon."""
    settings = recipe["presence"]
    found = fit_presence(
        pairs, bins=settings.bins, smoothing=settings.smoothing, rank=settings.rank
    )
    return Part(PRESENCE, found.users, found.products, folding=found.latest)
