"""Two acts under one id: the first stands, what agrees repeats it, what does not is against it."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.frames import EVENT, EVENTS
from engine.repeats import AGREES, FIRST, PLACE, later_acts, said

AT = datetime(2026, 1, 1, tzinfo=UTC)
texts = st.sampled_from([None, "a", "b", "a longer text than twelve bytes", "ی"])
acts = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": st.sampled_from(["1", "2", "3"]),
            "user_id": texts,
            "product_id": texts,
            "text": texts,
            "value": st.sampled_from([None, 0.0, 1.0]),
            "occurred_at": st.sampled_from([AT, AT.replace(microsecond=1)]),
        }
    ),
    max_size=12,
)


def frame(rows):
    columns = {name: [row.get(name) for row in rows] for name in EVENTS.columns}
    return pl.DataFrame(columns, schema=EVENTS.columns)


@given(acts)
@settings(max_examples=100, deadline=None)
def test_each_later_act_names_the_first_and_agrees_where_it_says_the_same(rows):
    found = later_acts(frame(rows).select(EVENT, said()))
    wanted, first = [], {}
    for place, row in enumerate(rows):
        before = first.setdefault(row["event_id"], place)
        if before != place:
            wanted.append((place, before, rows[before] == row))
    assert found.select(PLACE, FIRST, AGREES).rows() == wanted


@given(acts, st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_what_an_act_says_is_the_same_wherever_it_lies(tmp_path_factory, rows, size):
    whole = frame(rows)
    marks = whole.select(said()).to_series()
    parts = [part.select(said()).to_series() for part in whole.iter_slices(size)]
    assert marks.to_list() == [one for part in parts for one in part]
    path = tmp_path_factory.mktemp("said") / "acts.parquet"
    whole.write_parquet(path)
    assert pl.scan_parquet(path).select(said()).collect().to_series().equals(marks)


def test_what_moves_from_one_column_to_another_says_something_else():
    row = {"event_id": "1", "user_id": "a", "product_id": "b", "occurred_at": AT}
    turned = row | {"user_id": "b", "product_id": "a"}
    same = row | {"user_id": "a", "product_id": "a"}
    other = row | {"user_id": "b", "product_id": "b"}
    marks = frame([row, turned, same, other]).select(said()).to_series()
    assert marks.n_unique() == 4
