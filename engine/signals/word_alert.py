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

from engine.frames import ACTS, PRODUCT
from engine.settings import Section
from engine.signals.text import ASPECT
from engine.signals.word_health import EARLIER, NEGATIVE, PEOPLE, Settings, change_of, shares

Array = NDArray[Any]
ALERT, WATCH, CALM, SILENT = "alert", "watch", "calm", "silent"
STATES = (ALERT, WATCH, CALM, SILENT)
"""The worst first."""
MUCH, MORE, ONE = "much", "more", "aspect"
RULES = (MUCH, MORE, ONE)
FEW, NOBODY, NOTHING = "few", "nobody", "nothing"
JUDGED: dict[str, pl.DataType | type[pl.DataType]] = {
    PRODUCT: pl.String,
    "state": pl.String,
    "why": pl.List(pl.String),
    "chance": pl.Float64,
    ASPECT: pl.String,
}


def judge_word(
    tallied: pl.DataFrame, settings: Settings, blame: pl.DataFrame | None = None
) -> pl.DataFrame:
    """A state for each product of `tally`: product_id, state, why, chance, aspect; in their order.

    Three rules look at each product. It is bad by `much` where more than `alert.share` of the
    people speak ill; by `more` where their share rose by `alert.rise` or more; and by one `aspect`
    where the share that blames it rose by `alert.aspect_rise` or more. All are tested against
    chance: `much` by the binomial law of a share of just that size, the others by Fisher's exact
    test of the two windows (1935), the least chance of the aspects times their number. The least
    of the three chances is tripled, since one of three is taken.

    `alert` where that is at most `alert.chance`; of several products, moreover, where the rule of
    Benjamini & Hochberg (1995) keeps it: then at most the part `alert.false_share` of those that
    alert is expected to alert by chance, and where nothing is bad, that is the chance of any
    alert at all. `watch` up to `alert.watch_chance`. `silent` where nobody spoke, or nothing that
    was said could be read. Else `calm`.

    `why` names the rules that hold; or `few` where too few spoke to be judged, `nobody`, `nothing`.
    `chance` is null where nothing was judged, `aspect` where none rose so.

    Args:
        tallied: of `tally`.
        settings: of `configs/word.toml`.
        blame: of `blame_of`; without it no aspect is looked at.
    """
    chosen = settings["alert"]
    people = tallied[PEOPLE].to_numpy()
    enough = people >= int(chosen.people)
    one = _aspects(tallied, blame, chosen)
    chances = np.stack([*_whole(tallied, settings), one["chance"].to_numpy()])
    chances[:, ~enough] = 1.0
    chance = np.minimum(1.0, len(RULES) * chances.min(axis=0))
    told = np.where(enough, chance, np.nan)
    kept = keep_discoveries(told, float(chosen.false_share)) & (chance <= float(chosen.chance))
    watch = enough & (chance <= float(chosen.watch_chance))
    state = np.select([people == 0, kept, watch], [SILENT, ALERT, WATCH], CALM)
    holds = len(RULES) * chances <= float(chosen.watch_chance)
    spoke = tallied[ACTS].to_numpy() > 0
    why = [
        [rule for rule, found in zip(RULES, holds[:, at], strict=True) if found]
        or _silence(int(people[at]), bool(spoke[at]), chosen)
        for at in range(people.size)
    ]
    columns = (tallied[PRODUCT], state.astype(str), why, told, one[ASPECT])
    frame = pl.DataFrame(dict(zip(JUDGED, columns, strict=True)), schema=JUDGED)
    held = pl.when(pl.Series(holds[2])).then(ASPECT).alias(ASPECT)
    return frame.with_columns(pl.col("chance").fill_nan(None), held)


def _whole(tallied: pl.DataFrame, settings: Settings) -> tuple[Array, Array]:
    """(products,) the chances of `much` and of `more`; 1 where the share is not large enough."""
    chosen = settings["alert"]
    people, ill, people_before, ill_before = (
        tallied[name].to_numpy()
        for name in (PEOPLE, NEGATIVE, PEOPLE + EARLIER, NEGATIVE + EARLIER)
    )
    share, before = shares(tallied, settings), shares(tallied, settings, end=EARLIER)
    large = (people > 0) & (share[0] > float(chosen.share))
    rise = change_of(share, before)[0] >= float(chosen.rise)
    rise &= (people > 0) & (people_before > 0)
    much, more = np.ones(people.size), np.ones(people.size)
    much[large] = at_least(ill[large], people[large], float(chosen.share))
    more[rise] = rose(ill[rise], people[rise], ill_before[rise], people_before[rise])
    return much, more


def _aspects(tallied: pl.DataFrame, blame: pl.DataFrame | None, chosen: Section) -> pl.DataFrame:
    """The aspect of each product that rose least by chance, and that chance; null and 1 of none.

    Fisher's test holds for the sums of both windows as they are, and so does the number of aspects
    that anybody blames in either.
    """
    if blame is None:
        none = pl.lit(None, pl.String).alias(ASPECT)
        return tallied.select(PRODUCT, pl.lit(1.0).alias("chance"), none)
    both = blame.join(
        tallied.select(PRODUCT, pl.col(PEOPLE, PEOPLE + EARLIER).name.prefix("all_")), on=PRODUCT
    ).with_columns(pl.len().over(PRODUCT).alias("aspects"))
    all_now, all_before = pl.col(f"all_{PEOPLE}"), pl.col(f"all_{PEOPLE}{EARLIER}")
    rise = pl.col(PEOPLE) / all_now - pl.col("before") / all_before
    risen = both.filter((all_now > 0) & (all_before > 0) & (rise >= float(chosen.aspect_rise)))
    names = (PEOPLE, f"all_{PEOPLE}", "before", f"all_{PEOPLE}{EARLIER}")
    chance = rose(*(risen[name].to_numpy() for name in names)) * risen["aspects"].to_numpy()
    least = (
        risen.select(PRODUCT, ASPECT, pl.Series("chance", np.minimum(chance, 1.0), pl.Float64))
        .sort("chance", ASPECT)
        .unique(PRODUCT, keep="first", maintain_order=True)
    )
    return (
        tallied.select(PRODUCT)
        .join(least, on=PRODUCT, how="left", maintain_order="left")
        .with_columns(pl.col("chance").fill_null(1.0))
    )


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
