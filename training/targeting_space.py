"""Where a study of targeting looks: `configs/targeting-search.toml`.

In: the name of a problem. Out: ranges of its values. Never: a bound in code.
"""

from __future__ import annotations

import tomllib

from engine import settings as configs
from engine.errors import ConfigError
from training.recipe import Range


def load_space(problem: str) -> list[Range]:
    """The ranges of a problem's values, in the order of the file.

    Raises:
        ConfigError: a value lacks a bound, or its bounds are out of order.
    """
    file = configs.config_folder() / "targeting-search.toml"
    space = []
    for key, bounds in tomllib.loads(file.read_text(encoding="utf-8"))[problem].items():
        if {"low", "high", "log"} - set(bounds) or not bounds["low"] < bounds["high"]:
            raise ConfigError(str(file), f"{problem}.{key}", "needs low < high, and log")
        whole = isinstance(bounds["low"], int)
        space.append(Range(key, bounds["low"], bounds["high"], bounds["log"], whole))
    return space
