"""Accounts made to one pattern: popular products for cover, and one product that all of them push.

In: events, which actions are opinions, settings, a seed. Out: suspects with a reason, or scores.
Never: a verdict; and never more accounts side by side than the settings allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from engine.frames import ACTION, ACTS, AT, POLARITY, PRODUCT, REASON, SCORE, USER
from engine.settings import Section

Array = NDArray[Any]

BLOCK = 512
"""Accounts compared with all others at once: 512 rows of similarities."""
CROWD = 8
"""An opinion is never taken to be more common, in its time, than one in so many."""
NOBODY = {USER: pl.String, REASON: pl.String}


@dataclass(frozen=True)
class _Sample:
    """Accounts that are compared. `rows` and `columns` run along their opinions.

    A column of `said` is a product with a polarity, row c of `thoughts`: products are pushed down
    as well as up. `places` (accounts, products) are rows of unit length: opinions with their sign,
    weighed by how rare it is to have one on that product; `said @ turn` before it got its length.
    `around` (columns,) are the compared accounts that were there while the product was, or
    `CROWD` times those who hold the opinion, where that is more.
    """

    users: pl.Series
    thoughts: pl.DataFrame
    said: sparse.csr_array
    turn: sparse.csr_array
    places: sparse.csr_array
    around: Array


@dataclass(frozen=True)
class _Shared:
    """One entry for each opinion of an account: how far its neighbours share it.

    `surprise` is n KL(share || rate) in nats, n the neighbours and rate that among the accounts
    around: what the share says against drawing neighbours at random from these (Chernoff's
    exponent). `lead` is how far that stands out from what is next among the account's opinions.
    `likeness` runs along the accounts.
    """

    row: Array
    column: Array
    share: Array
    surprise: Array
    lead: Array
    likeness: Array


def find_profiles(
    events: pl.LazyFrame,
    actions: Mapping[str, Mapping[str, Any]],
    rules: Section,
    *,
    seed: int = 0,
) -> pl.DataFrame:
    """Accounts of a pattern that pushes a product: user_id, reason, each once, by user_id.

    An account is compared with its nearest neighbours (degree of similarity: Chirita, Nejdl and
    Zamfir 2005, *Preventing shilling attacks in online recommender systems*), over opinions
    weighed by their rarity. Alike alone is no crime: where newcomers are shown one page, honest
    accounts are copies of each other. What honest neighbours do not have is one rare opinion that
    nearly all of them share while the rest of what they share is what everybody likes. Rare is an
    opinion that few hold of the compared accounts that were there in its time, between the first
    and the last opinion on its product: what was shown for an hour is no secret of those who came
    then. So an opinion is held to be pushed where most neighbours share it, where it says far more
    against chance than whatever else they share, and where a good part of all who hold it are such
    accounts (target item analysis: Zhou et al. 2015, *Shilling attacks detection in recommender
    systems based on target item analysis*). PCA-based selection (Mehta and Nejdl 2009) takes
    those who vary least along the main components; it is left out because in planted worlds many
    honest people vary as little as profiles of the usual length, and less than longer ones.

    At most `rules.sample` accounts, drawn with the seed, are compared with each other; where that
    finds a pattern, suspects are all who hold the pushed opinion, drawn or not, and are about as
    near the middle of the group as its usual member.

    Args:
        events: in the schema of events, in any order.
        actions: polarity of every action.
        rules: section `profiles` of the settings.
    """
    opinions = _opinions(events, actions)
    sample = _draw(opinions, rules, seed)
    if sample is None:
        return pl.DataFrame(schema=NOBODY)
    shared = _share(sample, int(rules.neighbours))
    alike = _alike(shared, rules)
    found = [pl.DataFrame(schema=NOBODY)]
    for column in _pushed(sample, shared, alike, rules):
        middle, nearness = _middle(sample, shared.row[alike & (shared.column == column)])
        thought = sample.thoughts.row(int(column), named=True)
        users, near = _nearness(_holders(opinions, thought, rules), sample, middle)
        found.append(_name(users.filter(pl.Series(near >= rules.near * nearness)), thought))
    return pl.concat(found).unique(USER, keep="first", maintain_order=True).sort(USER)


def score_profiles(
    events: pl.LazyFrame,
    actions: Mapping[str, Mapping[str, Any]],
    rules: Section,
    *,
    seed: int = 0,
) -> pl.DataFrame:
    """How much each compared account looks made to a pattern: user_id, score, by user_id.

    The largest, over its opinions, of the mean lead that the opinion has with all who hold it,
    times the part of the account's neighbours that share it, times the likeness to these. Only
    the order of scores means something.
    """
    opinions = _opinions(events, actions)
    sample = _draw(opinions, rules, seed)
    if sample is None:
        return pl.DataFrame(schema={USER: pl.String, SCORE: pl.Float64})
    shared = _share(sample, int(rules.neighbours))
    holders = np.bincount(shared.column, minlength=sample.thoughts.height)
    lead = np.bincount(shared.column, np.maximum(shared.lead, 0), len(holders))
    score = np.zeros(sample.users.len())
    each = (lead / np.maximum(holders, 1))[shared.column] * shared.share
    each = each * shared.likeness[shared.row]
    np.maximum.at(score, shared.row, each)
    return pl.DataFrame({USER: sample.users, SCORE: score})


def _opinions(events: pl.LazyFrame, actions: Mapping[str, Mapping[str, Any]]) -> pl.LazyFrame:
    signs = {name: row[POLARITY] for name, row in actions.items() if row[POLARITY]}
    said = pl.col(ACTION).replace_strict(signs, return_dtype=pl.Int8).alias(POLARITY)
    chosen = pl.col(ACTION).is_in(list(signs)) & pl.col(PRODUCT).is_not_null()
    return events.filter(chosen).select(USER, PRODUCT, said, AT)


def _enough(opinions: pl.LazyFrame, rules: Section) -> pl.DataFrame:
    """Each opinion once, when first held, of accounts with enough of them to show a pattern."""
    several = pl.len().over(USER) >= rules.opinions
    return (
        opinions.group_by(USER, PRODUCT, POLARITY).agg(pl.col(AT).min()).collect().filter(several)
    )


def _draw(opinions: pl.LazyFrame, rules: Section, seed: int) -> _Sample | None:
    """Accounts that are compared, by id; None where there are too few for neighbours."""
    acts = opinions.group_by(USER).agg(pl.len().alias(ACTS))
    active = acts.filter(pl.col(ACTS) >= rules.opinions).select(USER).collect()[USER].sort()
    if active.len() > rules.sample:
        drawn = np.random.default_rng([seed, 9]).choice(active.len(), int(rules.sample), False)
        active = active.gather(np.sort(drawn))
    here = _enough(opinions.filter(pl.col(USER).is_in(active.implode())), rules)
    users = here[USER].unique().sort()
    if users.len() <= rules.neighbours:
        return None
    thoughts = here.select(PRODUCT, POLARITY).unique().sort(PRODUCT, POLARITY)
    said = _matrix(here, users, thoughts)
    turn = _turn(said, thoughts)
    return _Sample(users, thoughts, said, turn, _unit(said @ turn), _around(here, thoughts, said))


def _around(opinions: pl.DataFrame, thoughts: pl.DataFrame, said: sparse.csr_array) -> Array:
    """Of each thought the accounts whose first to last opinion meets that of its product.

    Those who push a product when hardly anybody else is there would make it look common: they
    count as no more than one in `CROWD` of those around.
    """
    ends = (pl.col(AT).min().alias("first"), pl.col(AT).max().alias("last"))
    accounts = opinions.group_by(USER).agg(ends)
    times = thoughts.join(
        opinions.group_by(PRODUCT).agg(ends), on=PRODUCT, how="left", maintain_order="left"
    )
    came = accounts["first"].sort().search_sorted(times["last"], side="right").to_numpy()
    gone = accounts["last"].sort().search_sorted(times["first"], side="left").to_numpy()
    around = came.astype(np.int64) - gone.astype(np.int64)
    least: Array = np.maximum(around, CROWD * np.asarray(said.astype(bool).sum(0)).ravel())
    return least


def _matrix(opinions: pl.DataFrame, users: pl.Series, thoughts: pl.DataFrame) -> sparse.csr_array:
    """1 where an account holds an opinion; opinions that are not among the thoughts are left."""
    numbered = thoughts.with_row_index("column")
    joined = opinions.join(numbered, on=[PRODUCT, POLARITY], how="inner")
    rows = users.search_sorted(joined[USER]).to_numpy()
    entries = (np.ones(joined.height, np.float32), (rows, joined["column"].to_numpy()))
    return sparse.csr_array(entries, shape=(users.len(), thoughts.height))


def _turn(said: sparse.csr_array, thoughts: pl.DataFrame) -> sparse.csr_array:
    """(columns, products): the sign of each thought times log(accounts / opinions there)."""
    product = thoughts[PRODUCT].rank("dense").to_numpy().astype(np.int64) - 1
    opinions = np.bincount(product[said.indices], minlength=int(product.max()) + 1)
    rarity = np.log(said.shape[0] / np.minimum(opinions, said.shape[0]))
    values = (thoughts[POLARITY].to_numpy() * rarity[product]).astype(np.float32)
    shape = (thoughts.height, opinions.size)
    return sparse.csr_array((values, (np.arange(thoughts.height), product)), shape=shape)


def _unit(rows: sparse.csr_array) -> sparse.csr_array:
    length = np.sqrt(rows.multiply(rows).sum(axis=1))
    scale = 1 / np.where(length > 0, length, 1.0)
    return sparse.csr_array(rows.multiply(scale[:, None]))


def _blocks(sample: _Sample, neighbours: int) -> Iterator[tuple[Array, Array]]:
    """Numbers of the nearest accounts and their cosines, block by block; never itself."""
    others = sample.places.T.tocsc()
    for start in range(0, sample.users.len(), BLOCK):
        cosines = (sample.places[start : start + BLOCK] @ others).toarray()
        here = np.arange(len(cosines))
        cosines[here, start + here] = -1.0
        near = np.argpartition(-cosines, neighbours - 1, axis=1)[:, :neighbours]
        yield near, np.take_along_axis(cosines, near, axis=1)


def _share(sample: _Sample, neighbours: int) -> _Shared:
    likeness, counts = [], []
    for number, (near, cosines) in enumerate(_blocks(sample, neighbours)):
        likeness.append(cosines.mean(axis=1))
        begins = np.arange(0, near.size + 1, neighbours)
        shape = (len(near), sample.users.len())
        ties = sparse.csr_array((np.ones(near.size, np.float32), near.ravel(), begins), shape=shape)
        own = sample.said[number * BLOCK : number * BLOCK + len(near)]
        # plus 1 keeps an entry for opinions that no neighbour shares
        counts.append(own.multiply(ties @ sample.said) + own)
    found = sparse.csr_array(sparse.vstack(counts))
    row = np.repeat(np.arange(sample.users.len()), np.diff(found.indptr))
    share = (found.data - 1).astype(np.float64) / neighbours
    rate = np.bincount(sample.said.indices, minlength=found.shape[1]) / sample.around
    surprise = neighbours * _divergence(share, rate[found.indices])
    lead = _lead(row, surprise, sample.users.len())
    return _Shared(row, found.indices, share, surprise, lead, np.concatenate(likeness))


def _divergence(share: Array, rate: Array) -> Array:
    """KL(share || rate) of two coins, 0 where the share is no more than the rate."""
    tiny = 1e-12
    part = share * np.log(np.maximum(share, tiny) / rate)
    rest = (1 - share) * np.log(np.maximum(1 - share, tiny) / np.maximum(1 - rate, tiny))
    return np.where(share > rate, part + rest, 0.0)


def _lead(row: Array, surprise: Array, accounts: int) -> Array:
    """How far each entry stands above the largest other one of its account."""
    order = np.lexsort((-surprise, row))
    first = np.searchsorted(row[order], np.arange(accounts))
    best = surprise[order[first]]
    second = np.zeros(accounts)
    has_two = np.append(first[1:], row.size) - first > 1
    second[has_two] = surprise[order[first[has_two] + 1]]
    lead: Array = surprise - best[row]
    lead[order[first]] = best - second
    return lead


def _alike(shared: _Shared, rules: Section) -> Array:
    close = shared.likeness[shared.row] >= rules.likeness
    mask: Array = close & (shared.share >= rules.share) & (shared.lead >= rules.lead)
    return mask


def _pushed(sample: _Sample, shared: _Shared, alike: Array, rules: Section) -> Array:
    """Columns that enough accounts of a pattern hold, being a good part of all who hold them."""
    size = np.bincount(shared.column[alike], minlength=sample.thoughts.height)
    holders = np.bincount(shared.column, minlength=sample.thoughts.height)
    mask = (size >= rules.least) & (size >= rules.part * holders)
    found: Array = np.flatnonzero(mask)
    return found


def _middle(sample: _Sample, rows: Array) -> tuple[Array, float]:
    """The direction of a group's mean, and the cosine to it of its usual member."""
    places = sample.places[rows]
    middle = np.asarray(places.sum(axis=0)).ravel()
    middle = middle / np.sqrt((middle**2).sum())
    return middle, float(np.median(places @ middle))


def _holders(opinions: pl.LazyFrame, thought: dict[str, Any], rules: Section) -> pl.DataFrame:
    """All that those think who are of this opinion, in the sample or not."""
    same = (pl.col(PRODUCT) == thought[PRODUCT]) & (pl.col(POLARITY) == thought[POLARITY])
    return _enough(opinions.join(opinions.filter(same).select(USER), on=USER, how="semi"), rules)


def _nearness(opinions: pl.DataFrame, sample: _Sample, middle: Array) -> tuple[pl.Series, Array]:
    """Accounts and their cosines to the middle; what the sample has no opinion on is left out."""
    users = opinions[USER].unique().sort()
    places = _unit(_matrix(opinions, users, sample.thoughts) @ sample.turn)
    near: Array = places @ middle
    return users, near


def _name(users: pl.Series, thought: dict[str, Any]) -> pl.DataFrame:
    what = "likes" if thought[POLARITY] > 0 else "dislikes"
    reason = f"one of many alike that share little but {what} of {thought[PRODUCT]}"
    return users.to_frame().select(pl.col(USER), pl.lit(reason).alias(REASON))
