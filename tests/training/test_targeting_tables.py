"""Tables of targeting hold what counting by hand finds, for widths and for lists of segments."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from engine import settings
from engine.operations.audiences import audience
from engine.settings import load
from tests.api.planted import planted
from training.targeting_bench import panel_of
from training.targeting_lists import OVERLAPS, measure_lists
from training.targeting_tables import BLENDS, Later, measure_widths

GOAL = {**settings.load_rows("goals")["traffic"], "dislike": 0.25, "person": 0.1}
PRODUCTS = np.array([0, 3, 7])


@pytest.fixture(scope="module")
def setting():
    model = planted("tables")
    random = np.random.default_rng(0)
    said = random.choice([0, 0, 0, 1, -1], (600, 12))
    later = Later(sparse.csc_array(said), random.integers(0, 3, 600))
    return model, panel_of(model, load("audiences"), most=10_000, seed=0), later, said


def worth_of(inside: np.ndarray, said: np.ndarray) -> float:
    return float((said[inside] > 0).sum() - 0.25 * (said[inside] < 0).sum() - 0.1 * inside.size)


def test_widths_are_those_of_audiences(setting):
    model, panel, later, said = setting
    tables = measure_widths(model, panel, later, products=PRODUCTS, goal=GOAL, points=9, block=2)
    interest = BLENDS - 1
    for row, product in enumerate(PRODUCTS):
        for at in range(9):
            size = int(tables.people[row, at])
            rows = audience(model, model.products["product_id"][int(product)], size=size).rows
            for fold in range(3):
                mine = rows[later.fold[rows] == fold]
                found = tables.worth[fold, row, interest, at]
                # people cost the same whoever they are: a fold bears its part of all
                borne = 0.1 * (mine.size - size * (later.fold == fold).mean())
                assert found == pytest.approx(worth_of(mine, said[:, product]) + borne, abs=1e-3)
            assert tables.likes[row, interest, at] == (said[rows, product] > 0).sum()
            assert tables.dislikes[row, interest, at] == (said[rows, product] < 0).sum()


def test_lists_are_unions_of_the_first_segments_that_overlap_no_more(setting):
    model, panel, later, said = setting
    lists = measure_lists(model, panel, later, products=PRODUCTS, goal=("sales", GOAL), most=5)
    places = {id: at for at, id in enumerate(model.segments.table["segment_id"])}
    seen = 0
    for row, product in enumerate(PRODUCTS):
        best = model.segments.best.filter(
            (pl.col("product") == int(product)) & (pl.col("goal") == "sales")
        ).sort("rank")
        acted = set(model.seen.of(int(product)).tolist())
        for bound in (2, OVERLAPS - 1):
            kept = best.filter(pl.col("overlap") <= bound / 10 + 1e-6)
            people: set[int] = set()
            for at, id in enumerate(kept["segment_id"][:5]):
                if id in places:
                    part = slice(*model.segments.offsets[places[id] : places[id] + 2])
                    people |= set(model.segments.members[part].tolist()) - acted
                else:
                    share = float(id.removeprefix("top-")) / 100
                    name = model.products["product_id"][int(product)]
                    people |= set(audience(model, name, share=share).rows.tolist())
                    seen += 1
                assert lists.people[row, bound, at] == len(people)
                inside = np.array(sorted(people))
                assert lists.worth[:, row, bound, at].sum() == pytest.approx(
                    worth_of(inside, said[:, product]), abs=1e-3
                )
    assert seen  # best shares are among the segments that were looked at


def test_a_list_that_ends_stays_as_it_is(setting):
    model, panel, later, _ = setting
    lists = measure_lists(model, panel, later, products=PRODUCTS, goal=("traffic", GOAL), most=60)
    assert (lists.people[..., -1] == lists.people[..., 30]).all()
    assert (np.diff(lists.people, axis=2) >= 0).all()
