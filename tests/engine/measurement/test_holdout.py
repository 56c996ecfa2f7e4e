"""Holdouts: the same for ever, the promised share, nobody's place depends on the others."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidValue
from engine.measurement.holdout import assign, mismatch, places

SALT = b"a salt of a home"
CROWD = [f"user-{each}" for each in range(40_000)]
WRITTEN = [0, 8, 9, 10, 13, 15, 19, 23, 24, 25, 29, 30, 34]
REFERENCE = {0: "310e0edd47db6f72", 1: "fd67dc93c539f874", 8: "6224939a79f5f593"} | {
    15: "e545be4961ca29a1"
}
"""Published with SipHash-2-4: of the bytes 0, 1, ... under the key 0, 1, ..., 15."""


@pytest.mark.parametrize("length", sorted(REFERENCE))
def test_places_are_those_of_the_published_hash(length):
    ids = pl.Series([bytes(range(length))], dtype=pl.Binary)
    wanted = int.from_bytes(bytes.fromhex(REFERENCE[length]), "little") >> 11
    assert places(ids, bytes(range(16)))[0] == wanted * 2.0**-53


def test_a_holdout_never_changes():
    """Written down once: another answer would mix up campaigns that run."""
    held = assign(CROWD[:40], "spring", salt=SALT, share=0.25)
    assert np.flatnonzero(held).tolist() == WRITTEN


def test_the_share_is_held_out_and_campaigns_are_independent():
    one, other = (assign(CROWD, name, salt=SALT, share=0.3) for name in ("spring", "summer"))
    assert one.mean() == pytest.approx(0.3, abs=0.01)
    assert (one & other).mean() == pytest.approx(0.09, abs=0.006)


def test_another_salt_holds_out_others():
    one, other = (assign(CROWD, "spring", salt=s, share=0.5) for s in (SALT, SALT[::-1]))
    assert (one == other).mean() == pytest.approx(0.5, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.text(max_size=40), min_size=1, max_size=6),
    st.floats(0.01, 0.99),
    st.floats(0.01, 0.99),
)
def test_a_place_depends_on_the_user_alone_and_larger_shares_hold_smaller_ones(users, one, other):
    small, large = sorted((one, other))
    held = assign(users, "c", salt=SALT, share=small)
    assert (held <= assign(users, "c", salt=SALT, share=large)).all()
    alone = [assign([user], "c", salt=SALT, share=small)[0] for user in users]
    assert held.tolist() == alone


def test_ids_that_differ_by_a_byte_of_nothing_are_told_apart():
    ids = pl.Series([b"a", b"a\0", b"a\0\0", b"", b"\0" * 7, b"\0" * 8], dtype=pl.Binary)
    assert len(set(places(ids, bytes(16)))) == 6


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_share_of_nobody_or_of_everybody_is_refused(share):
    with pytest.raises(InvalidValue, match="nobody to compare"):
        assign(CROWD[:10], "spring", salt=SALT, share=share)


@pytest.mark.parametrize("salt", [b"", b"short", b"x" * 65])
def test_a_salt_that_could_be_guessed_is_refused(salt):
    with pytest.raises(InvalidValue, match="salt"):
        assign(CROWD[:10], "spring", salt=salt, share=0.1)


def test_a_user_without_an_id_is_refused():
    with pytest.raises(InvalidValue, match="no id"):
        assign(pl.Series(["a", None]), "spring", salt=SALT, share=0.1)


def test_nobody_is_asked_about_and_nobody_is_held_out():
    assert assign([], "spring", salt=SALT, share=0.1).tolist() == []


def test_a_broken_split_is_told_from_chance():
    assert mismatch(10_000, 1_020, 0.1) > 0.1
    assert mismatch(10_000, 1_200, 0.1) < 1e-6
