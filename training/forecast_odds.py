"""Learns how far the odds of adopting are to be believed, from people whom no rule was learned on.

In: moments of past cascades, rules of the other folds. Out: a line on logit and shift, with limits.
Never: a shift beyond what past cascades justified, or another order of people.

What a rule says of people it has not seen is mostly too sure; a slope and a constant mend that
(Cox 1958; Platt 1999). The shift by how large a cascade is said to grow enters beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.reach.adopters import Knowing, figures, moment
from engine.reach.cascades import Past, Running
from engine.reach.forecast import Line, Odds, shift
from engine.settings import Section
from training.heads import Drawn, fit_head

Array = NDArray[Any]

ENDS = (0.05, 0.95)
"""Shifts are held between these parts of those that were seen."""
BEND = 0.75
"""Odds above those of so many who came are believed less still, where they are to be."""
RIDGE, LEAST = 1e-9, 1e-3


@dataclass(frozen=True)
class Stood:
    """A past cascade where the one that is asked about stands.

    `more` is how many were said to adopt later by a rule of growth of the other folds, `later`
    are rows of those who did, `fold` says which of the rules on people have not seen it.
    """

    begun: Running
    more: float
    later: Array
    fold: int


def learn_odds(
    past: Past, stood: list[Stood], knowing: Knowing, lines: list[Line], chosen: Section
) -> Odds:
    """Slope, weight of the shift, constant and limits of the shift.

    Args:
        past: cascades.
        stood: where the cascades of the past stood; the first `next.checked` are looked at.
        knowing: as it is to be applied with.
        lines: a rule on people for each fold, learned from the other folds.
        chosen: `next` of configs/forecast.toml.

    Returns:
        Where nobody who was known came later, the rule itself without any shift.
    """
    random = np.random.default_rng(75)
    tables, labels, offsets = [], [], []
    for one in stood[: int(chosen.checked)]:
        found = moment(past, one.begun, knowing)
        rows = found.candidates(past, one.begun)
        if rows.size == 0:
            continue
        comes = np.isin(rows, one.later)
        yes, no = rows[comes], rows[~comes]
        if no.size > int(chosen.beside):
            no = random.choice(no, int(chosen.beside), replace=False)
        drawn = np.concatenate([yes, no])
        weights = np.repeat([1.0, (rows.size - yes.size) / max(no.size, 1)], [yes.size, no.size])
        logits = lines[one.fold].of(figures(past, one.begun, found, drawn))
        moved = np.full(drawn.size, shift(logits, one.more, weights))
        tables.append(np.column_stack([logits, moved]))
        labels.append(np.repeat([1.0, 0.0], [yes.size, no.size]))
        offsets.append(-np.log(weights))
    if not tables or not np.concatenate(labels).any():
        return Odds(1.0, 0.0, 0.0, (0.0, 0.0), 0.0, 0.0)
    return _fit(np.vstack(tables), np.concatenate(labels), np.concatenate(offsets), tables)


def _fit(table: Array, label: Array, offset: Array, parts: list[Array]) -> Odds:
    """Limits first, so that what is beyond them teaches no weight."""
    low, high = np.quantile([part[0, 1] for part in parts], ENDS)
    table = np.column_stack([table[:, 0], np.clip(table[:, 1], low, high)])
    drawn = Drawn(label, label, label, offset)
    slope, weight = np.clip(fit_head(table, drawn, ridge=RIDGE).coefficients, 0.0, 1.0)
    sure = table @ np.array([slope, weight])
    bend = float(np.quantile(sure[label > 0], BEND))
    above = np.maximum(sure - bend, 0.0)
    bent = fit_head(np.column_stack([sure, above]), drawn, ridge=RIDGE).coefficients
    less = float(np.clip(-bent[1] / max(bent[0], LEAST), 0.0, 1.0))
    constant = shift(sure - less * above, float(label.sum()), np.exp(-offset))
    ends = float(low), float(high)
    return Odds(float(slope), float(weight), constant, ends, bend, less)
