"""How somebody else's files map onto our tables: from flags, or from a small TOML file.

In: a TOML file or the flags of the command. Out: a `Mapping`. Never: the data itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from engine.errors import ConfigError
from engine.frames import ACTION, AT, CHANNEL, LANGUAGE, USER, VALUE
from engine.signals.events import STARS
from training.lines import Layout

TABLES = ("events", "users", "products", "accounts", "follows", "results")
_LAYOUT = {"columns": list, "separator": str, "encoding": str, "header": str, "rename": dict}
_RATING = ("like_at", "dislike_at", "low", "high")
_DEFAULTS = (USER, ACTION, AT, CHANNEL, LANGUAGE)


@dataclass(frozen=True)
class Mapping:
    """Layouts by table, values for columns that a file lacks, and what a rating says.

    Where `like_at` is given, an event without an action becomes one by its value: from `like_at`
    on a like, up to `dislike_at` a dislike, between them a view. Where `low` and `high` say how
    far the ratings reach, those of reviews become stars from one to five, and what lies outside
    is no rating of this source.
    """

    layouts: dict[str, Layout] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    like_at: float | None = None
    dislike_at: float | None = None
    low: float | None = None
    high: float | None = None

    def layout(self, table: str) -> Layout:
        return self.layouts.get(table, Layout())

    def rename(self, frame: pl.DataFrame, table: str) -> pl.DataFrame:
        """Gives columns our names; a column of ours that another takes the name of is dropped."""
        chosen = {
            theirs: ours
            for theirs, ours in self.layout(table).rename.items()
            if theirs in frame.columns and theirs != ours
        }
        covered = [ours for ours in chosen.values() if ours in frame.columns and ours not in chosen]
        return frame.drop(covered).rename(chosen)

    def complete(self, frame: pl.DataFrame, rated: Iterable[str] = ()) -> pl.DataFrame:
        """Puts actions in by rating and defaults in where a file of events has nothing.

        Values of the actions in `rated` become stars.
        """
        if VALUE in frame.columns and ACTION in frame.columns and self.low is not None:
            frame = frame.with_columns(self._stars(frame.schema[VALUE], tuple(rated)))
        if self.like_at is not None and VALUE in frame.columns:
            frame = _fill(frame, ACTION, self._rated(pl.col(VALUE)))
        for column, value in self.defaults.items():
            given = column not in frame.columns or frame.schema[column] == pl.String
            if given:
                frame = _fill(frame, column, pl.lit(value))
        return frame

    def off_scale(self, frame: pl.DataFrame, rated: Iterable[str] = ()) -> pl.Series:
        """Which rows hold a rating that its scale, where one is known, does not reach.

        A value is a rating where the action is one of `rated`, or none and read off the value.
        """
        if self.low is None or VALUE not in frame.columns:
            return pl.repeat(False, frame.height, eager=True)
        value = pl.col(VALUE).cast(pl.Float64, strict=False)
        outside = value.is_finite() & ~value.is_between(float(self.low), float(self.high or 0.0))
        rating = pl.lit(self.like_at is not None)
        if ACTION in frame.columns:
            action = pl.col(ACTION).cast(pl.String).str.to_lowercase().replace("", None)
            rating = action.is_in(tuple(rated)) | (action.is_null() & rating)
        return frame.select((outside & rating).fill_null(False)).to_series()

    def _stars(self, dtype: pl.DataType, rated: tuple[str, ...]) -> pl.Expr:
        low, high = float(self.low or 0.0), float(self.high or 0.0)
        value = pl.col(VALUE).cast(pl.Float64, strict=False)
        stars = STARS[0] + (value - low) * (STARS[1] - STARS[0]) / (high - low)
        reviewed = pl.col(ACTION).cast(pl.String).str.to_lowercase().is_in(rated)
        # what is no number stays as it came, to be refused by its reason
        kept, found = pl.col(VALUE), pl.lit(True)
        if dtype == pl.String:
            stars, found = stars.cast(pl.String), value.is_not_null()
        return pl.when(reviewed & found).then(stars).otherwise(kept).alias(VALUE)

    def _rated(self, value: pl.Expr) -> pl.Expr:
        rating = value.cast(pl.Float64, strict=False)
        low = self.dislike_at if self.dislike_at is not None else float("-inf")
        return (
            pl.when(rating.is_null() | ~rating.is_finite())
            .then(None)
            .when(rating >= self.like_at)
            .then(pl.lit("like"))
            .when(rating <= low)
            .then(pl.lit("dislike"))
            .otherwise(pl.lit("view"))
        )


def _fill(frame: pl.DataFrame, column: str, value: pl.Expr) -> pl.DataFrame:
    if column not in frame.columns:
        return frame.with_columns(value.alias(column))
    known = pl.col(column).cast(pl.String).replace("", None)
    return frame.with_columns(pl.coalesce(known, value).alias(column))


def load_mapping(path: Path) -> Mapping:
    """Reads a mapping.

    It holds `[events]`, `[users]` and so on with `rename`, `columns`, `separator`, `encoding`,
    `header` (how the line of names begins, where others come before it); `[rating]` with
    `like_at`, `dislike_at`, `low` and `high`; `[defaults]` with values of missing columns.

    Raises:
        ConfigError: no TOML, an unknown key, or a value of another type.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(path), "file", f"is not readable as TOML: {error}") from error
    known = (*TABLES, "rating", "defaults")
    for section, table in content.items():
        if section not in known or not isinstance(table, dict):
            raise ConfigError(str(path), section, f"unknown section; known: {', '.join(known)}")
    layouts = {name: _layout(path, name, content[name]) for name in TABLES if name in content}
    rating = _checked(path, "rating", content, dict.fromkeys(_RATING, (int, float)))
    defaults = _checked(path, "defaults", content, dict.fromkeys(_DEFAULTS, str))
    return _sensible(str(path), Mapping(layouts, defaults, **rating))


def change_mapping(
    mapping: Mapping,
    *,
    rename: Iterable[str] = (),
    columns: str = "",
    defaults: Iterable[str] = (),
    **settings: Any,
) -> Mapping:
    """Puts the flags of the command over a mapping, for its events.

    Args:
        mapping: where to begin; `Mapping()` for flags alone.
        rename: `theirs=ours` each.
        columns: names of a file without a header, comma between.
        defaults: `column=value` each.
        settings: like_at, dislike_at, low, high, separator, encoding or header; None leaves it
            as it is.

    Raises:
        ConfigError: a flag that is no pair, or thresholds that cross.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    layout = mapping.layout("events")
    layout = replace(
        layout,
        rename=layout.rename | _pairs("--rename", rename),
        columns=tuple(columns.split(",")) if columns else layout.columns,
        **{name: given[name] for name in ("separator", "encoding", "header") if name in given},
    )
    changed = replace(
        mapping,
        layouts=mapping.layouts | {"events": layout},
        defaults=mapping.defaults | _pairs("--default", defaults),
        **{name: float(given[name]) for name in _RATING if name in given},
    )
    return _sensible("flags", changed)


def _pairs(flag: str, texts: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        left, equals, right = text.partition("=")
        if not (left and equals and right):
            raise ConfigError("flags", flag, f"{text!r} is not of the form a=b")
        pairs[left] = right
    return pairs


def _layout(path: Path, section: str, table: dict[str, Any]) -> Layout:
    for key, value in table.items():
        if key not in _LAYOUT:
            raise ConfigError(
                str(path), f"{section}.{key}", f"unknown key; known: {', '.join(_LAYOUT)}"
            )
        items = value.values() if isinstance(value, dict) else value
        if not isinstance(value, _LAYOUT[key]) or not all(isinstance(item, str) for item in items):
            raise ConfigError(str(path), f"{section}.{key}", f"{value!r} is no value here")
    return Layout.of(table)


def _checked(
    path: Path, section: str, content: dict[str, Any], kinds: dict[str, Any]
) -> dict[str, Any]:
    table: dict[str, Any] = content.get(section, {})
    for key, value in table.items():
        if key not in kinds:
            raise ConfigError(
                str(path), f"{section}.{key}", f"unknown key; known: {', '.join(kinds)}"
            )
        if not isinstance(value, kinds[key]) or isinstance(value, bool):
            raise ConfigError(str(path), f"{section}.{key}", f"{value!r} is no value here")
    return table


def _sensible(where: str, mapping: Mapping) -> Mapping:
    like, dislike = mapping.like_at, mapping.dislike_at
    if dislike is not None and (like is None or dislike >= like):
        raise ConfigError(where, "dislike_at", "must lie below like_at")
    low, high = mapping.low, mapping.high
    if (low is None) != (high is None) or (low is not None and high is not None and low >= high):
        raise ConfigError(where, "low", "needs `high` above it: the two ends of the scale")
    for layout in mapping.layouts.values():
        if not _decodes(layout.encoding):
            raise ConfigError(where, "encoding", f"{layout.encoding!r} is not known; try utf-8")
    for column in mapping.defaults:
        if column not in _DEFAULTS:
            raise ConfigError(where, column, f"has no default; known: {', '.join(_DEFAULTS)}")
    return mapping


def _decodes(encoding: str) -> bool:
    try:
        b"a".decode(encoding)
    except UnicodeError:
        return True  # wider than a byte
    except (LookupError, ValueError):
        return False
    return True
