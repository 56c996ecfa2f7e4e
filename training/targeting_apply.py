"""What tuning of targeting found, put to the products of a model that was learned since.

In: a model, what the home keeps of targeting. Out: one row for each product and goal.
Never: a search; products that came later have what their group has, or everybody.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import settings as configs
from engine.audiences.standing import Panel
from engine.audiences.targeting import (
    choose_places,
    grid_step,
    order_people,
    share_at,
    share_grid,
)
from engine.errors import ConfigError
from engine.frames import LIKES, OVERLAP, PRODUCT, SHARE, TAGS
from engine.operations.targeting import (
    BASIS,
    BLEND,
    GOAL,
    LENGTH,
    PRODUCT_ROW,
    TARGETING,
)
from engine.settings import Scalar, Section
from engine.store.artefacts import Model
from engine.store.home import Home
from training.targeting_bench import panel_of
from training.targeting_choice import group_names
from training.targeting_problems import pooled_of

Array = NDArray[Any]
Kept = dict[str, Any]


def read_kept(home: Home) -> Kept | None:
    """What the home keeps of targeting; None where nothing was tuned.

    Raises:
        ConfigError: the file is not what tuning writes.
    """
    if not home.targeting.is_file():
        return None
    try:
        content = json.loads(home.targeting.read_text(encoding="utf-8"))
        datetime.fromisoformat(content["as_of"])
        found: Kept = {"edges": content["edges"], "goals": dict(content["goals"]), **content}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(str(home.targeting), "file", f"is not of targeting: {error}") from error
    return found


def is_due(kept: Kept | None, as_of: datetime, rules: Section) -> bool:
    """Whether what was tuned is so much older than the last event that it is tuned again."""
    if kept is None or not rules.days:
        return False
    return bool(as_of - datetime.fromisoformat(kept["as_of"]) >= timedelta(days=rules.days))


def aim_products(home: Home, model: Model, *, seed: int) -> pl.DataFrame | None:
    """Targeting of every product and goal of a model, as `TARGETING`, sorted by both.

    None where nothing was tuned, or nothing tuned was better than what holds anyway.
    """
    kept = read_kept(home)
    if kept is None or not any(
        part["kept"] for goal in kept["goals"].values() for part in goal.values()
    ):
        return None
    rules, audiences = configs.load("targeting", home.root), configs.load("audiences", home.root)
    panel = panel_of(model, audiences, most=rules["measure"].applied, seed=seed)
    likes = model.products[LIKES].to_numpy().astype(np.float64)
    groups = group_names(model.products[TAGS].to_list(), likes, np.array(kept["edges"]))
    frames = [
        _aim(model, panel, kept["goals"].get(name, {}), groups, (name, goal), rules)
        for name, goal in configs.load_rows("goals", home.root).items()
    ]
    return pl.concat(frames).sort(PRODUCT_ROW, GOAL)


def _aim(
    model: Model,
    panel: Panel,
    kept: Kept,
    groups: list[str],
    named: tuple[str, dict[str, Scalar]],
    rules: dict[str, Section],
) -> pl.DataFrame:
    name, goal = named
    default, count = rules["default"], model.products.height
    total = float(goal["interest"]) + float(goal["probability"])
    blend = np.full(count, float(goal["interest"]) / total if total else 0.5)
    share, length = np.full(count, default.share), np.full(count, default.segments)
    overlap = np.full(count, float(default.overlap))
    basis = ["default"] * count
    wide, long = kept.get("audience", {}), kept.get("segments", {})
    if wide.get("kept"):
        chosen, basis = _meant(wide, model, groups)
        blend = np.array([one["blend"] for one in chosen])
        factor = np.array([one["factor"] for one in chosen])
        share = _shares(model, panel, wide["values"], (blend, factor), goal, rules["measure"])
    if long.get("kept"):
        chosen, said = _meant(long, model, groups)
        length = np.array([int(one["segments"]) for one in chosen])
        overlap = np.array([one["overlap"] for one in chosen])
        basis = said if not wide.get("kept") else basis
    return pl.DataFrame(
        {
            PRODUCT_ROW: np.arange(count),
            GOAL: [name] * count,
            SHARE: share,
            BLEND: blend,
            LENGTH: length,
            OVERLAP: overlap,
            BASIS: basis,
        },
        schema_overrides=TARGETING,
    ).select(TARGETING.keys())


def _meant(part: Kept, model: Model, groups: list[str]) -> tuple[list[dict[str, float]], list[str]]:
    """For each product what it, its group or everybody chose, and which of them it was."""
    found, basis = [], []
    for id, group in zip(model.products[PRODUCT], groups, strict=True):
        own, ours = part["products"].get(id), part["groups"].get(group)
        found.append(own or ours or part["usual"])
        basis.append("product" if own else "group" if ours else "pooled")
    return found, basis


def _shares(
    model: Model,
    panel: Panel,
    values: dict[str, Any],
    chosen: tuple[Array, Array],
    goal: dict[str, Scalar],
    measuring: Section,
) -> Array:
    blend, factor = chosen
    pooled, shares = pooled_of(values), share_grid(panel.people, measuring.points)
    found = np.empty(blend.size)
    for ordered in order_people(
        panel,
        (model.interest, model.probability),
        np.arange(blend.size),
        blend=blend.astype(np.float32),
        shares=shares,
        goal=goal,
        block=measuring.block,
    ):
        places = choose_places(
            pooled, ordered.gains, ordered.people, price=float(goal["person"]), shares=shares
        )
        places = places + np.log(factor[ordered.products]) / grid_step(shares)
        found[ordered.products] = shares[share_at(places, shares, pooled.floor)]
    return found
