"""What people allow, and what follows."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidValue
from engine.frames import USER
from engine.privacy.consent import (
    NEEDS,
    PURPOSES,
    holds,
    in_force,
    keep_consented,
    object_by_gpc,
    read_purposes,
    refuse_tc_string,
)

SAID = st.fixed_dictionaries(dict.fromkeys(PURPOSES, st.booleans()))


@given(SAID)
def test_nothing_is_in_force_that_was_not_allowed(said):
    found = in_force(said)
    assert all(said[purpose] for purpose in PURPOSES if found[purpose])
    if not said["store"]:
        assert not any(found.values())
    assert found["select"] <= found["profile"]


@given(SAID)
def test_a_frame_says_the_same_as_one_person(said):
    frame = pl.DataFrame([said])
    for purpose in PURPOSES:
        assert frame.select(holds(purpose)).item() == in_force(said)[purpose]


@given(SAID, st.sampled_from(list(PURPOSES)))
def test_allowing_more_never_allows_less(said, purpose):
    more = in_force(said | {purpose: True})
    assert all(more[one] >= held for one, held in in_force(said).items())


@given(SAID)
def test_gpc_ends_profiles_and_selection_and_gives_nothing(said):
    after = object_by_gpc(said)
    assert not after["profile"]
    assert not after["select"]
    assert after["store"] == said["store"]
    assert after["measure"] == said["measure"]


@given(
    st.dictionaries(st.sampled_from("abcdef"), SAID),
    st.lists(st.sampled_from("abcdef")),
    st.sampled_from(list(NEEDS)),
    st.booleans(),
)
def test_rows_stay_of_exactly_those_who_agreed(records, users, purpose, default):
    table = pl.DataFrame(
        [{USER: user, **said} for user, said in records.items()],
        schema={USER: pl.String, **dict.fromkeys(PURPOSES, pl.Boolean)},
    )
    rows = pl.LazyFrame({USER: users}, schema={USER: pl.String})
    kept = keep_consented(rows, table, purpose=purpose, default=default).collect()
    wanted = [
        user for user in users if (in_force(records[user])[purpose] if user in records else default)
    ]
    assert sorted(kept[USER]) == sorted(wanted)


def test_every_purpose_has_to_be_spoken_of():
    with pytest.raises(InvalidValue, match="measure: is missing"):
        read_purposes({"store": True, "profile": True, "select": True})
    with pytest.raises(InvalidValue, match="neither true nor false"):
        read_purposes(dict.fromkeys(PURPOSES, "yes"))
    with pytest.raises(InvalidValue, match="no purpose"):
        read_purposes(dict.fromkeys(PURPOSES, True) | {"sell": True})


def test_a_tc_string_is_refused_in_words():
    with pytest.raises(InvalidValue, match="not read here"):
        refuse_tc_string()
