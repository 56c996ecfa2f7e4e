"""Files that people already have: named once in `configs/sources.toml`, read without flags.

In: a name. Out: the `Mapping` that its row describes. Never: a look at the file itself.
"""

from __future__ import annotations

from pathlib import Path

from engine import settings
from engine.errors import ConfigError, UnknownEntity
from engine.frames import ACTION, CHANNEL
from training.layouts import Mapping, change_mapping, load_mapping


def choose_mapping(home: Path, *, source: str | None, mapping: Path | None) -> Mapping:
    """The mapping of a file, that of a named source, or one that changes nothing.

    Raises:
        ConfigError: both are given, or one of them does not hold.
        UnknownEntity: no source is called so.
    """
    if source and mapping:
        raise ConfigError("flags", "--source", "and --mapping exclude each other")
    if source:
        return source_mapping(source, home)
    return load_mapping(mapping) if mapping else Mapping()


def source_mapping(name: str, home: Path | None = None) -> Mapping:
    """How a file of this source maps onto events.

    Raises:
        UnknownEntity: no source is called so.
        ConfigError: the home's own `configs/sources.toml` does not hold.
    """
    rows = settings.load_rows("sources", home)
    if name not in rows:
        raise UnknownEntity("source", name, tuple(rows))
    row = rows[name]
    scale = ("like_at", "dislike_at", "low", "high") if row["rated"] else ()
    return change_mapping(
        Mapping(),
        rename=[pair for pair in str(row["rename"]).split(",") if pair],
        columns=str(row["columns"]),
        defaults=[f"{column}={row[column]}" for column in (ACTION, CHANNEL) if row[column]],
        **{key: row[key] for key in scale},
        **{key: row[key] for key in ("separator", "header") if row[key]},
    )
