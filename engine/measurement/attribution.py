"""Which channel brought it: what paths of touches ended in, shared out among their channels.

In: paths, one touch in each row, and what each path brought. Out: one credit for each channel.
Never: a credit lost or made up: credits sum to what all paths brought.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import frames as f
from engine.errors import FrameError, InvalidValue, shown

Array = NDArray[Any]
PATH, CREDIT, CREDIT_SHARE = "path_id", "credit", "share"
PATHS = f.Schema("paths", {PATH: pl.String, f.CHANNEL: pl.String, f.AT: f.UTC, f.VALUE: pl.Float64})
"""One row is one touch; `value` is what the whole path brought, the same on each of its rows."""
MOST_CHANNELS = 20  # two to this power of coalitions are held in memory, not an opinion


def last_touch(paths: pl.DataFrame, *, by: Sequence[str] = (f.CHANNEL,)) -> pl.DataFrame:
    """All of what a path brought goes to its last touch.

    Of touches at the same moment the one in the lower row is the last. The answer has the columns
    `by`, as (channel, segment_id) for placements, `credit`, and `share` of all credit (null where
    paths brought nothing), sorted by `by`; what was never last has 0.

    Raises:
        FrameError: a column is missing or of another type, or holds nulls.
        InvalidValue: a path brought two different things, or one that is not finite.
    """
    ordered, starts = _ordered(paths, by)
    last = np.append(starts[1:], ordered.height) - 1
    credit = np.zeros(ordered.height)
    credit[last] = ordered[f.VALUE].to_numpy()[last]
    return _told(ordered, credit, by)


def linear(paths: pl.DataFrame, *, by: Sequence[str] = (f.CHANNEL,)) -> pl.DataFrame:
    """What a path brought goes to its touches in equal parts; answer and errors as `last_touch`."""
    ordered, starts = _ordered(paths, by)
    touches = np.diff(starts, append=ordered.height)
    return _told(ordered, ordered[f.VALUE].to_numpy() / np.repeat(touches, touches), by)


def shapley(paths: pl.DataFrame, *, prior: float) -> pl.DataFrame:
    """Data-driven credit: Shapley values of channels in the game that the paths describe.

    A coalition is worth what all paths would have brought, had only its channels been there: a
    path then brings the mean of paths whose channels are those of its own that are in the
    coalition (Zhao, Mahboobi & Bagheri 2018, with paths that brought nothing counted as well).
    Each channel gets the mean of what it adds over all orders of joining (Shapley 1953), exactly,
    from the dividends of all coalitions (Harsanyi 1963). Who adds nothing gets nothing, and a
    channel without which paths bring more is charged.

    Means of sets of channels seen in few paths are drawn towards sums of parts, one for each
    channel, as if `prior` further paths had brought those; the mean of a path's own set is taken
    as it is, and what that leaves over is shared by its channels in equal parts.

    Args:
        paths: frame of `PATHS`; order and repetition of touches do not count.
        prior: paths, at least 0; with 0 only sets never seen are filled.

    Raises:
        FrameError, InvalidValue: as `last_touch`; more than 20 channels, or a prior below 0.
    """
    if not 0 <= prior < np.inf:
        raise InvalidValue("prior", f"{prior:g} is no number of paths")
    ordered, starts = _ordered(paths, (f.CHANNEL,))
    channels = ordered[f.CHANNEL].unique().sort()
    if len(channels) > MOST_CHANNELS:
        raise InvalidValue(
            "channels", f"{len(channels)} have too many coalitions; join them to {MOST_CHANNELS}"
        )
    places = ordered[f.CHANNEL].cast(pl.Enum(channels)).to_physical().to_numpy()
    touched = np.bitwise_or.reduceat(np.left_shift(1, places, dtype=np.int64), starts)
    count = np.bincount(touched, minlength=1 << len(channels)).astype(np.float64)
    brought = np.bincount(touched, ordered[f.VALUE].to_numpy()[starts], len(count))
    return _shares(
        pl.DataFrame({f.CHANNEL: channels, CREDIT: shapley_values(count, brought, prior)})
    )


def spread(credit: pl.DataFrame, placements: pl.DataFrame) -> pl.DataFrame:
    """Shares each channel's credit out among its placements, in proportion to theirs.

    Placements are as `linear` gives them by channel and more; the answer is such a frame in the
    same order. Where those of a channel have nothing, each gets the same.

    Args:
        credit: of channels, as `shapley` gives it; each channel of the placements is among them.
    """
    theirs, whole = pl.col(CREDIT), pl.col(CREDIT).sum().over(f.CHANNEL)
    part = pl.when(whole != 0).then(theirs / whole).otherwise(1 / pl.len().over(f.CHANNEL))
    found = placements.with_columns(part.alias(CREDIT)).join(
        credit.select(f.CHANNEL, pl.col(CREDIT).alias("of_channel")),
        on=f.CHANNEL,
        how="left",
        maintain_order="left",
    )
    return _shares(found.with_columns(theirs * pl.col("of_channel")).drop("of_channel"))


def shapley_values(count: Array, brought: Array, prior: float) -> Array:
    """(channels,): the credit of each from sums over sets, see `shapley`.

    Args:
        count: (2 ** channels,), paths whose channels are exactly the bits of the place.
        brought: (2 ** channels,), what those paths brought together. Place 0 counts nothing.
    """
    size = len(count).bit_length() - 1
    members = _members(size)
    means = _means(count, brought, members, prior)
    dividends = _transformed(means, size, downwards=True, sign=-1)
    holding = _transformed(count * (members.any(axis=1)), size, downwards=False, sign=1)
    people = members.sum(axis=1)
    each = np.divide(dividends * holding, people, out=np.zeros(len(count)), where=people > 0)
    left = np.divide(brought - count * means, people, out=np.zeros(len(count)), where=people > 0)
    found: Array = (each + left) @ members
    return found


def _members(size: int) -> Array:
    """(2 ** size, size) of 0 and 1: which channels each set holds."""
    return (np.arange(1 << size)[:, None] >> np.arange(size)) & 1


def _means(count: Array, brought: Array, members: Array, prior: float) -> Array:
    """(2 ** channels,): what a path of each set brings, drawn towards a sum of parts."""
    seen = count > 0
    inside = members[seen]
    around = inside.T @ (inside * count[seen, None])
    # the least parts where several would do: channels that never part bring the same
    parts = np.linalg.pinv(around, rcond=1e-10, hermitian=True) @ (inside.T @ brought[seen])
    expected = members @ parts
    weight = count + prior
    drawn = np.divide(brought + prior * expected, weight, out=expected.copy(), where=weight > 0)
    drawn[0] = 0.0
    found: Array = drawn
    return found


def _transformed(values: Array, size: int, *, downwards: bool, sign: int) -> Array:
    """Sums over all subsets (downwards) or supersets of each set, signed: one bit after another."""
    found = np.array(values, np.float64)
    for bit in range(size):
        pairs = found.reshape(-1, 2, 1 << bit)
        if downwards:
            pairs[:, 1] += sign * pairs[:, 0]
        else:
            pairs[:, 0] += sign * pairs[:, 1]
    return found


def _ordered(paths: pl.DataFrame, by: Sequence[str]) -> tuple[pl.DataFrame, Array]:
    """Touches by path and moment, and the places where paths start."""
    f.check(paths, PATHS)
    used = list(dict.fromkeys([*PATHS.columns, *by]))
    for name in used:
        if name not in paths.columns:
            raise FrameError(PATHS.name, name, "missing")
        if paths[name].null_count():
            raise FrameError(PATHS.name, name, "holds nulls")
    if paths.is_empty():
        raise InvalidValue("paths", "there are none")
    if not paths[f.VALUE].is_finite().all():
        raise InvalidValue(f.VALUE, "must be finite on every row")
    found = paths.select(used).sort(PATH, f.AT, maintain_order=True)
    parts = (found[PATH] != found[PATH].shift(1)).fill_null(True)
    torn = found.filter(~parts & (found[f.VALUE] != found[f.VALUE].shift(1)))
    if torn.height:
        raise InvalidValue(f.VALUE, f"path {shown(torn[PATH][0])!r} brought two different things")
    return found, np.flatnonzero(parts.to_numpy())


def _told(ordered: pl.DataFrame, credit: Array, by: Sequence[str]) -> pl.DataFrame:
    parts = ordered.select(*by, pl.Series(CREDIT, credit))
    return _shares(parts.group_by(*by).agg(pl.col(CREDIT).sum()).sort(*by))


def _shares(credits: pl.DataFrame) -> pl.DataFrame:
    total = pl.col(CREDIT).sum()
    share = pl.when(total != 0).then(pl.col(CREDIT) / total)
    return credits.with_columns(share.alias(CREDIT_SHARE))
