"""Schemas: a frame that lacks a column or has another type is named, and no more is asked."""

from __future__ import annotations

import polars as pl
import pytest

from engine import frames
from engine.errors import FrameError
from engine.frames import EVENTS, EVIDENCE_PAIRS, SCORES, Schema, check

SCHEMAS = [value for value in vars(frames).values() if isinstance(value, Schema)]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_a_frame_of_the_schema_is_returned_as_it_is(schema):
    empty = pl.DataFrame(schema=schema.columns)
    assert check(empty, schema) is empty
    lazy = empty.lazy()
    assert check(lazy, schema) is lazy
    assert schema.optional < set(schema.columns) or not schema.optional


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_every_required_column_is_missed_by_name(schema):
    assert schema.required
    for column in schema.required:
        frame = pl.DataFrame(schema=schema.columns).drop(column)
        with pytest.raises(FrameError, match=rf"{schema.name}\.{column}: missing") as caught:
            check(frame, schema)
        assert (caught.value.frame, caught.value.column) == (schema.name, column)


def test_optional_columns_may_be_missing_and_others_may_come_along():
    frame = pl.DataFrame(schema={name: EVENTS.columns[name] for name in EVENTS.required})
    assert check(frame, EVENTS) is frame
    check(frame.with_columns(pl.lit("more").alias("mood")), EVENTS)


@pytest.mark.parametrize(
    ("schema", "column", "dtype"),
    [
        (EVENTS, "occurred_at", pl.Datetime("us")),
        (EVENTS, "occurred_at", pl.Datetime("ms", "UTC")),
        (EVENTS, "value", pl.Int64),
        (EVIDENCE_PAIRS, "polarity", pl.Int64),
        (SCORES, "score", pl.Float64),
    ],
)
def test_another_type_is_an_error_also_of_an_optional_column(schema, column, dtype):
    frame = pl.DataFrame(schema=schema.columns | {column: dtype})
    with pytest.raises(FrameError, match=f"{column}: is .*, must be"):
        check(frame, schema)
