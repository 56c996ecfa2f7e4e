"""When somebody should look at the word about a product: much of it is ill, or more than before.

In: people who spoke, by product and window, and settings. Out: a state for each product, and why.
Never: an alert that chance explains, by the level of the settings, however many are looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import betainc, gammaln

from engine.frames import PRODUCT
from engine.settings import Section
from engine.signals.word_health import EARLIER, NEGATIVE, PEOPLE, Settings, change_of, shares

Array = NDArray[Any]
ALERT, WATCH, CALM, SILENT = "alert", "watch", "calm", "silent"
STATES = (ALERT, WATCH, CALM, SILENT)
"""The worst first."""
MUCH, MORE, FEW, NOBODY, NOTHING = "much", "more", "few", "nobody", "nothing"
JUDGED: dict[str, pl.DataType | type[pl.DataType]] = {
    PRODUCT: pl.String,
    "state": pl.String,
    "why": pl.List(pl.String),
    "chance": pl.Float64,
}


def judge_word(tallied: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """A state for each product of `tally`: product_id, state, why, chance; in their order.

    A product is bad by `much` where more than `alert.share` of the people speak ill, and by `more`
    where their share rose by at least `alert.rise`. Both are tested against chance: `much` by the
    binomial law of a share of just that size, `more` by Fisher's exact test of the two windows
    (1935). Two rules look at each product, so the smaller of both chances is doubled.

    `alert` where that is at most `alert.chance`; of several products, moreover, where the rule of
    Benjamini & Hochberg (1995) keeps it: then at most the part `alert.false_share` of those that
    alert is expected to alert by chance, and where nothing is bad, that is the chance of any
    alert at all. `watch` up to `alert.watch_chance`. `silent` where nobody spoke, or nothing that
    was said could be read. Else `calm`.

    `why` names the rules that hold; or `few` where too few spoke to be judged, `nobody`, `nothing`.
    `chance` is null where nothing was judged.
    """
    chosen = settings["alert"]
    people, ill, people_before, ill_before = (
        tallied[name].to_numpy()
        for name in (PEOPLE, NEGATIVE, PEOPLE + EARLIER, NEGATIVE + EARLIER)
    )
    enough = people >= int(chosen.people)
    share, before = shares(tallied, settings), shares(tallied, settings, end=EARLIER)
    rise = change_of(share, before)[0]
    much = enough & (share[0] > float(chosen.share))
    more = enough & (people_before > 0) & (rise >= float(chosen.rise))
    chances = np.ones((2, people.size))
    chances[0, much] = at_least(ill[much], people[much], float(chosen.share))
    chances[1, more] = rose(ill[more], people[more], ill_before[more], people_before[more])
    chance = np.minimum(1.0, 2 * chances.min(axis=0))
    kept = enough & keep_discoveries(np.where(enough, chance, np.nan), float(chosen.false_share))
    alert = kept & (chance <= float(chosen.chance))
    watch = enough & (chance <= float(chosen.watch_chance))
    spoke = tallied["acts"].to_numpy() > 0
    state = np.select([people == 0, alert, watch], [SILENT, ALERT, WATCH], CALM)
    holds = 2 * chances <= float(chosen.watch_chance)
    why = [
        [rule for rule, one in ((MUCH, holds[0, at]), (MORE, holds[1, at])) if one]
        or _silence(int(people[at]), bool(spoke[at]), chosen)
        for at in range(people.size)
    ]
    told = np.where(enough, chance, np.nan)
    frame = pl.DataFrame(
        {PRODUCT: tallied[PRODUCT], "state": state.astype(str), "why": why, "chance": told},
        schema=JUDGED,
    )
    return frame.with_columns(pl.col("chance").fill_nan(None))


def _silence(people: int, spoke: bool, chosen: Section) -> list[str]:
    if not people:
        return [NOTHING if spoke else NOBODY]
    return [FEW] if people < int(chosen.people) else []


def at_least(some: Array, everybody: Array, share: float) -> Array:
    """(n,) the chance of so many or more of everybody, where each is one with this chance."""
    some, everybody = some.astype(float), everybody.astype(float)
    chance = betainc(np.maximum(some, 1.0), everybody - some + 1.0, share)
    found: Array = np.where(some > 0, chance, 1.0)
    return found


def rose(some: Array, everybody: Array, some_before: Array, everybody_before: Array) -> Array:
    """(n,) the chance of so many or more now, where both windows are alike (Fisher 1935).

    It is that of the hypergeometric law: of all who spoke in either window, those who spoke ill
    fall on the windows by chance.
    """
    rows = zip(some, everybody, some_before, everybody_before, strict=True)
    return np.array([_tail(*map(int, row)) for row in rows], float)


def _tail(some: int, everybody: int, some_before: int, everybody_before: int) -> float:
    ill, total = some + some_before, everybody + everybody_before
    k = np.arange(some, min(everybody, ill) + 1)
    logs = _choose(ill, k) + _choose(total - ill, everybody - k) - _choose(total, everybody)
    return min(1.0, float(np.exp(logs).sum()))


def _choose(of: Any, some: Any) -> Any:
    return gammaln(of + 1) - gammaln(some + 1) - gammaln(of - some + 1)


def keep_discoveries(chances: Array, share: float) -> NDArray[np.bool_]:
    """(n,) which hypotheses to reject, so that this share of them at most is expected false.

    Benjamini & Hochberg (1995): the largest k whose k-th smallest chance is at most k/m times the
    share, and all that are as small. Null chances are no hypotheses.
    """
    judged = np.flatnonzero(~np.isnan(chances))
    found = np.zeros(chances.size, bool)
    if judged.size:
        order = judged[np.argsort(chances[judged], kind="stable")]
        below = chances[order] <= share * np.arange(1, order.size + 1) / order.size
        found[order[: int(np.flatnonzero(below).max(initial=-1)) + 1]] = True
    return found
