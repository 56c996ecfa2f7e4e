"""Conditions on attributes: what a marketer can say about a person.

In: the users table. Out: named conditions, each an expression that any users table answers.
Never: a condition on an id, on activity, or on what is missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from engine import frames as f
from engine.errors import ConfigError
from engine.settings import Section

NOT_ATTRIBUTES = frozenset(
    {f.USER, f.ACCOUNT, f.LIKES, f.DISLIKES, f.ACTS, f.FIRST_AT, f.LAST_AT, "channels"}
)


@dataclass(frozen=True)
class Condition:
    """One condition: a name for people, a rule for machines, and its expression."""

    attribute: str
    name: str
    rule: str
    expression: pl.Expr

    def holds(self, users: pl.DataFrame) -> pl.Series:
        """True where the condition holds; what is missing does not."""
        return users.select(self.expression.fill_null(False).alias("holds")).to_series()


def find_conditions(users: pl.DataFrame, settings: Section) -> list[Condition]:
    """All conditions worth a look, attribute by attribute in the order of the table.

    Numbers fall into bins that people would name (ages like 25–34; otherwise bins of as many
    people each), or are taken value by value where they are few. Of texts and flags the most
    frequent values are taken. Columns of other types say nothing.
    """
    found: list[Condition] = []
    for attribute, dtype in users.schema.items():
        column = users[attribute]
        if attribute in NOT_ATTRIBUTES or dtype.is_temporal() or dtype.is_nested():
            continue
        if dtype.is_float():
            column = column.filter(column.is_finite().fill_null(False))
        column = column.drop_nulls()
        if column.n_unique() < 2:
            continue
        if dtype.is_numeric() and column.n_unique() > settings.bins:
            found += _bins(attribute, column, _edges(attribute, column, settings))
        else:
            found += _values(attribute, column, settings.frequent)
    return found


def _values(attribute: str, column: pl.Series, most: int) -> list[Condition]:
    counts = column.alias("value").value_counts(name="people")
    counts = counts.sort("people", "value", descending=[True, False])
    return [
        Condition(
            attribute,
            f"{attribute}={_text(value)}",
            f"{attribute} = {json.dumps(value, ensure_ascii=False)}",
            pl.col(attribute) == value,
        )
        for value in counts["value"].head(most).to_list()
    ]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def numbers(text: str, key: str) -> list[float]:
    """Reads numbers parted by spaces from a setting; rising and each once.

    Raises:
        ConfigError: a word is no number.
    """
    try:
        return sorted({float(word) for word in text.split()})
    except ValueError:
        raise ConfigError("audiences.toml", key, f"{text!r} is no list of numbers") from None


def _edges(attribute: str, column: pl.Series, settings: Section) -> list[float]:
    if attribute.lower() == "age" or attribute.lower().endswith("_age"):
        return numbers(settings.age_edges, "attributes.age_edges")
    quantiles = (column.quantile(step / settings.bins) for step in range(1, settings.bins))
    return sorted({float(f"{edge:.2g}") for edge in quantiles if edge is not None})


def _bins(attribute: str, column: pl.Series, edges: list[float]) -> list[Condition]:
    whole, at = column.dtype.is_integer(), pl.col(attribute)
    bounds = [None, *edges, None]
    found = []
    for low, high in pairwise(bounds):
        if low is None and high is None:
            continue
        if low is None:
            name, rule, expression = f"under {high:g}", f"{attribute} < {high:g}", at < high
        elif high is None:
            name, rule, expression = f"{low:g} or more", f"{attribute} >= {low:g}", at >= low
        else:
            name = f"{low:g}–{high - 1:g}" if whole else f"{low:g} to {high:g}"
            rule = f"{attribute} >= {low:g} and {attribute} < {high:g}"
            expression = (at >= low) & (at < high)
        if column.dtype.is_float():
            expression = expression & at.is_finite()
        found.append(Condition(attribute, f"{attribute} {name}", rule, expression))
    return found
