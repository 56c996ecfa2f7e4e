"""Every number that may be disputed: read from `configs/`, checked, overridden per home.

In: `configs/<name>.toml` (value, range, sentence) and `<home>/configs/<name>.toml` (plain values).
Out: frozen objects with typed fields. Never: a default written in Python.

A file of settings holds tables `[group.key]` with `about` (one sentence), `default`, and `range`
(two numbers, ends included) or `choices`. A file of rows holds `[columns.<name>]` in the same
form, and `[rows.<id>]` with one value for each column; one with a `default` may be left out.
"""

from __future__ import annotations

import math
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engine.errors import ConfigError

Scalar = bool | int | float | str


def config_folder() -> Path:
    """The folder of shipped settings: beside the packages in a checkout, inside them in a wheel."""
    packaged = Path(__file__).parent / "_configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "configs"


def default_home() -> Path:
    """`MOKHATAB_HOME`, or `var` below the current folder."""
    return Path(os.environ.get("MOKHATAB_HOME", "var"))


@dataclass(frozen=True)
class Spec:
    """One setting as its file describes it."""

    file: str
    key: str
    about: str
    default: Scalar | None
    low: float | None = None
    high: float | None = None
    choices: tuple[Scalar, ...] = ()

    @property
    def allowed(self) -> str:
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        if self.low is not None:
            return f"{self.low:g} to {self.high:g}"
        return type(self.default).__name__

    def checked(self, value: Any, file: str | None = None) -> Scalar:
        """Returns the value in the setting's own type, integers given for floats made floats.

        Raises:
            ConfigError: another type, outside the range, not among the choices, or not finite.
        """
        where = file or self.file
        wanted = type(self.default) if self.default is not None else None
        if wanted is float and type(value) is int:
            value = float(value)
        kind_known = wanted is None or type(value) is wanted
        if not isinstance(value, Scalar) or not kind_known:
            raise ConfigError(
                where, self.key, f"{value!r} is no value here; allowed: {self.allowed}"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise self._refused(where, f"{value} is not finite")
        if self.choices and value not in self.choices:
            raise self._refused(where, f"{value!r} is not allowed")
        if not self._holds(value):
            raise self._refused(where, f"{value!r} is out of range")
        found: Scalar = value
        return found

    def _holds(self, value: Scalar) -> bool:
        if self.low is None or self.high is None:
            return True
        return not isinstance(value, str | bool) and self.low <= value <= self.high

    def _refused(self, where: str, detail: str) -> ConfigError:
        return ConfigError(where, self.key, f"{detail}; allowed: {self.allowed}")


@dataclass(frozen=True)
class Section:
    """Settings under one heading, read as attributes: `section.minimum_size`."""

    name: str
    values: dict[str, Scalar]

    def __getattr__(self, key: str) -> Any:
        if key == "values":  # not there yet, while another process unpacks it
            raise AttributeError(key)
        try:
            return self.values[key]
        except KeyError:
            raise AttributeError(f"{self.name} has no setting {key}") from None


def _spec(file: str, key: str, table: Any, *, needs_default: bool) -> Spec:
    if not isinstance(table, dict) or not isinstance(table.get("about"), str):
        raise ConfigError(file, key, "needs a table with `about`, one sentence")
    unknown = set(table) - {"about", "default", "range", "choices"}
    if unknown:
        raise ConfigError(file, key, f"unknown field {sorted(unknown)[0]!r}")
    if needs_default and "default" not in table:
        raise ConfigError(file, key, "needs a `default`")
    low, high = table.get("range", (None, None))
    spec = Spec(
        file, key, table["about"], table.get("default"), low, high, tuple(table.get("choices", ()))
    )
    if needs_default:
        spec.checked(table["default"])
    return spec


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "file", f"is not TOML: {error}") from error


@cache
def specs(name: str) -> dict[str, dict[str, Spec]]:
    """The settings of `configs/<name>.toml`, by section and key, each default checked."""
    file = f"configs/{name}.toml"
    content = _read(config_folder() / f"{name}.toml")
    found: dict[str, dict[str, Spec]] = {}
    for section, keys in content.items():
        if not isinstance(keys, dict):
            raise ConfigError(file, section, "must be a table")
        found[section] = {
            key: _spec(file, f"{section}.{key}", table, needs_default=True)
            for key, table in keys.items()
        }
    return found


def load(name: str, home: Path | None = None) -> dict[str, Section]:
    """Reads `configs/<name>.toml`, then `<home>/configs/<name>.toml` over it.

    Raises:
        ConfigError: an unknown key or a value that is not allowed, in either file.
    """
    known = specs(name)
    override = (home or default_home()) / "configs" / f"{name}.toml"
    chosen = _read(override) if override.is_file() else {}
    return apply(name, known, chosen, str(override))


def apply(
    name: str, known: dict[str, dict[str, Spec]], chosen: dict[str, Any], where: str
) -> dict[str, Section]:
    """Puts plain chosen values over the defaults of `known`; `where` names their origin."""
    for section, keys in chosen.items():
        if section not in known or not isinstance(keys, dict):
            raise ConfigError(where, section, f"unknown section; known: {', '.join(known)}")
        for key in keys:
            if key not in known[section]:
                raise ConfigError(
                    where, f"{section}.{key}", f"unknown key; known: {', '.join(known[section])}"
                )
    return {
        section: Section(
            f"{name}.{section}",
            {
                key: spec.checked(chosen.get(section, {}).get(key, spec.default), where)
                if key in chosen.get(section, {})
                else spec.default  # type: ignore[misc]
                for key, spec in keys.items()
            },
        )
        for section, keys in known.items()
    }


def load_rows(
    name: str, home: Path | None = None, *, over: Path | None = None
) -> dict[str, dict[str, Scalar]]:
    """Reads a file of rows: one dict for each id, in the file's order, every column present.

    A home may change values of known rows; it may not add columns. `over` is one more file of
    such changes, which win; it need not exist.

    Raises:
        ConfigError: an unknown row or column, a missing column, or a value that is not allowed.
    """
    file = f"configs/{name}.toml"
    content = _read(config_folder() / f"{name}.toml")
    columns = {
        column: _spec(file, f"columns.{column}", table, needs_default=False)
        for column, table in content.get("columns", {}).items()
    }
    usual = {name: spec.default for name, spec in columns.items() if spec.default is not None}
    rows: dict[str, dict[str, Scalar]] = {}
    for row, values in content.get("rows", {}).items():
        missing = set(columns) - set(values) - set(usual)
        if missing:
            raise ConfigError(file, f"rows.{row}", f"lacks {sorted(missing)[0]!r}")
        rows[row] = usual | _row(file, row, values, columns)
    own = (home or default_home()) / "configs" / f"{name}.toml"
    for override in (path for path in (own, over) if path is not None and path.is_file()):
        for row, values in _read(override).get("rows", {}).items():
            if row not in rows:
                raise ConfigError(
                    str(override), f"rows.{row}", f"unknown; known: {', '.join(rows)}"
                )
            rows[row] |= _row(str(override), row, values, columns)
    return rows


def _row(
    where: str, row: str, values: dict[str, Any], columns: dict[str, Spec]
) -> dict[str, Scalar]:
    unknown = set(values) - set(columns)
    if unknown:
        raise ConfigError(
            where, f"rows.{row}.{sorted(unknown)[0]}", f"unknown; known: {', '.join(columns)}"
        )
    return {column: columns[column].checked(value, where) for column, value in values.items()}


def check_all(home: Path | None = None) -> tuple[str, ...]:
    """Loads every shipped file and its override; returns the names that were read.

    Raises:
        ConfigError: the first file that does not hold.
    """
    folder, names = config_folder(), []
    for path in sorted(folder.rglob("*.toml")):
        name = str(path.relative_to(folder).with_suffix("")).replace(os.sep, "/")
        content = _read(path)
        if "rows" in content:
            load_rows(name, home)
        elif not name.endswith("-search"):
            load(name, home)
        names.append(name)
    overrides = (home or default_home()) / "configs"
    for path in sorted(overrides.rglob("*.toml")) if overrides.is_dir() else ():
        if str(path.relative_to(overrides).with_suffix("")).replace(os.sep, "/") not in names:
            raise ConfigError(str(path), "file", f"unknown; known: {', '.join(names)}")
    return tuple(names)
