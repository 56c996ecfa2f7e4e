"""The recipe of a model: what `configs/models/` says, over it what tuning found for a home.

In: settings files and plain overrides. Out: a frozen `Recipe`, and where a search may look.
Never: a default in code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from engine import settings
from engine.errors import ConfigError
from engine.settings import Scalar, Section
from engine.store.home import Home

NAME = "models/stack"


@dataclass(frozen=True)
class Recipe:
    """All settings of one fit, by section."""

    sections: dict[str, Section]

    def __getitem__(self, section: str) -> Section:
        return self.sections[section]

    def plain(self) -> dict[str, dict[str, Scalar]]:
        """Sections as plain values: what a manifest and a tuned recipe hold."""
        return {name: dict(section.values) for name, section in self.sections.items()}

    def changed(self, values: dict[str, Scalar], where: str = "trial") -> Recipe:
        """The recipe with some values replaced, given as `section.key`.

        Raises:
            ConfigError: an unknown key, or a value outside its range.
        """
        chosen = self.plain()
        for dotted, value in values.items():
            section, _, key = dotted.partition(".")
            chosen.setdefault(section, {})[key] = value
        return Recipe(settings.apply(NAME, settings.specs(NAME), chosen, where))


@dataclass(frozen=True)
class Range:
    """Where one value may be searched."""

    key: str
    low: float
    high: float
    log: bool
    whole: bool


def load_recipe(home: Home) -> Recipe:
    """The shipped recipe, over it the home's `configs/models/stack.toml`, over it what `tune` kept.

    Raises:
        ConfigError: an unknown key or a value outside its range in any of them.
    """
    recipe = Recipe(settings.load(NAME, home.root))
    if not home.recipe.is_file():
        return recipe
    try:
        found: dict[str, Any] = tomllib.loads(home.recipe.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(home.recipe), "file", f"is not TOML: {error}") from error
    settings.apply(NAME, settings.specs(NAME), found, str(home.recipe))
    flat = {
        f"{section}.{key}": value for section, keys in found.items() for key, value in keys.items()
    }
    return recipe.changed(flat, str(home.recipe))


def as_toml(values: dict[str, Scalar]) -> str:
    """Dotted values as the text of a TOML file, sections in the order they come."""
    sections: dict[str, list[str]] = {}
    for dotted, value in values.items():
        section, _, key = dotted.partition(".")
        text = str(value).lower() if isinstance(value, bool) else repr(value)
        sections.setdefault(section, []).append(f"{key} = {text}")
    return "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())


def load_search() -> dict[str, list[Range]]:
    """The search space of `configs/models/stack-search.toml`, by section.

    Raises:
        ConfigError: a key the recipe does not know, or bounds outside the recipe's own range.
    """
    file = settings.config_folder() / f"{NAME}-search.toml"
    known = settings.specs(NAME)
    space: dict[str, list[Range]] = {}
    for section, keys in tomllib.loads(file.read_text(encoding="utf-8")).items():
        for key, bounds in keys.items():
            spec = known.get(section, {}).get(key)
            if spec is None:
                raise ConfigError(str(file), f"{section}.{key}", "is not in the recipe")
            whole = isinstance(spec.default, int)
            kind = int if whole else float
            for end in ("low", "high"):
                spec.checked(kind(bounds[end]), str(file))
            space.setdefault(section, []).append(
                Range(f"{section}.{key}", bounds["low"], bounds["high"], bounds["log"], whole)
            )
    return space
