"""Numbers of ids: one for each, whatever the batches, also where hashes meet."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.signals.numbering import Numbering


def shuffled(count, seed=0):
    """Each of so many ids two or three times, some of them too long to be kept inline."""
    ids = [f"user {'long ' * (at % 7)}{at * 7919 % 100_003}" for at in range(count)]
    given = np.random.default_rng(seed).permutation(np.arange(count * 5 // 2) % count)
    return pl.Series("user_id", ids).gather(given)


def numbered(ids, size):
    known = Numbering("user_id")
    numbers = [known.number(part["user_id"]) for part in ids.to_frame().iter_slices(size)]
    return np.concatenate(numbers), *known.ranked()


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 5), (300, 7), (30_000, 4_000)])
def test_every_id_is_found_at_its_place_in_the_order(count, size):
    ids = shuffled(count)
    numbers, names, places = numbered(ids, size)
    assert names.name == "user_id"
    assert names.to_list() == sorted(set(ids))
    assert names.gather(places[numbers]).to_list() == ids.to_list()


def test_batches_change_no_place():
    ids = shuffled(9_000)
    numbers, names, places = numbered(ids, 100_000)
    others, same_names, other_places = numbered(ids.reverse(), 333)
    assert names.equals(same_names)
    assert np.array_equal(places[numbers], other_places[others][::-1])


def test_ids_that_are_looked_for_at_one_slot_stay_apart(monkeypatch):
    monkeypatch.setattr(
        Numbering, "_first_slots", lambda self, homes: np.full(homes.size, self._slots.size - 2)
    )
    ids = shuffled(60)
    numbers, names, places = numbered(ids, 40)
    assert names.gather(places[numbers]).to_list() == ids.to_list()


def test_no_ids_have_no_places():
    names, places = Numbering("user_id").ranked()
    assert names.is_empty()
    assert places.tolist() == [0]


def resident():
    """MiB of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def test_an_id_does_not_hold_the_batch_that_it_came_in():
    known = Numbering("user_id")

    def read(number):
        text = "an id of which the text is so long that it " + "never " * 10 + "stands inline {}"
        numbers = pl.int_range(20_000) - pl.int_range(20_000).eq(0) * number
        known.number(pl.select(pl.format(text, numbers).alias("user_id")).to_series())

    for number in range(3):
        read(number)
    before = resident()
    for number in range(3, 60):
        read(number)
    assert known.ranked()[0].len() == 20_059
    assert resident() - before < 50  # of 130 in all batches
