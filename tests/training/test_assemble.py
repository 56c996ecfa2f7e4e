"""The arrays that serve say what the heads say, for any parts, scales and coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.assemble import assemble
from training.heads import LogisticHead, Scale, Sides, Stack
from training.parts import Part


def random_stack(seed: int, widths: list[int], by_activity: bool) -> Stack:
    random = np.random.default_rng(seed)
    users, products = 30, 20
    parts = [
        Part(
            f"part {at}",
            random.normal(0, 10.0 ** random.integers(-2, 3), (users, width)).astype(np.float32),
            random.normal(0, 10.0 ** random.integers(-2, 3), (products, width)).astype(np.float32),
        )
        for at, width in enumerate(widths)
    ]
    sides = Sides(
        random.normal(size=users),
        random.normal(size=products),
        random.normal(size=(users, 4)),
        random.normal(size=(products, 3)),
    )
    every = [(part.users @ part.products.T).ravel() for part in parts]
    scale = Scale(
        np.array([scores.mean() for scores in every]), np.array([scores.std() for scores in every])
    )
    return Stack(parts, sides, scale, by_activity)


def random_head(seed: int, width: int) -> LogisticHead:
    random = np.random.default_rng(seed)
    return LogisticHead(random.normal(size=width), random.normal(), 0.8, -0.1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 6), min_size=1, max_size=5), st.booleans())
def test_the_arrays_give_the_logits_of_the_heads(seed, widths, by_activity):
    stack = random_stack(seed, widths, by_activity)
    rows, columns = (each.ravel() for each in np.indices((30, 20)))
    design = stack.design(rows, columns)
    heads = [random_head(seed + at, design.shape[1]) for at in (1, 2)]
    scorer = assemble(stack, *heads)
    for head, arrays in zip(heads, (scorer.interest, scorer.probability), strict=True):
        found = (
            np.vecdot(scorer.embeddings[rows], arrays.products[columns])
            + arrays.user_terms[rows]
            + arrays.product_terms[columns]
        )
        assert found == pytest.approx(head.logit(design), abs=1e-3)
        assert arrays.knots == pytest.approx(head.knots())
        kinds = {array.dtype for array in (arrays.products, arrays.user_terms, scorer.embeddings)}
        assert kinds == {np.dtype(np.float32)}


def test_a_part_that_no_head_uses_is_not_divided_by_zero():
    stack = random_stack(0, [3, 2], by_activity=False)
    width = stack.design(np.array([0]), np.array([0])).shape[1]
    silent = LogisticHead(np.zeros(width), -1.0)
    scorer = assemble(stack, silent, silent)
    assert np.isfinite(scorer.embeddings).all()
    assert not scorer.interest.products.any()
    assert (scorer.interest.product_terms == -1).all()


def test_balance_makes_columns_as_long_as_what_they_answer():
    """An embedding column counts by the answers it moves, however its part was coded."""
    stack = random_stack(3, [3], by_activity=False)
    head = random_head(1, stack.design(np.array([0]), np.array([0])).shape[1])
    plain = assemble(stack, head, head)
    part = stack.parts[0]
    recoded = Part("part 0", part.users * 100, part.products / 100)
    other = assemble(Stack([recoded], stack.sides, stack.scale, False), head, head)
    assert other.embeddings == pytest.approx(plain.embeddings, rel=1e-4)
