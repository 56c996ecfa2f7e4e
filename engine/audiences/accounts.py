"""How interested each account is in a product, from what its contacts would like.

In: contacts with the chance that each likes it, and what their titles are worth; accounts with the
seats of their buying groups. Out: one interest for each account, and what it is made of.
Never: a contact who may not be addressed; who hands contacts in leaves them out.

A purchase is decided by a group of K people. Contact i has a seat with chance m_i, likes the
product with chance p_i, and then carries the group with chance v_i; what one of them does says
nothing of the others. So the account is interested with chance 1 - (1 - v u)^(K - sum m) times
the product of (1 - m_i v_i p_i): a noisy-or (Pearl 1988, section 4.3.2) in which seats that no
contact fills are taken by people like the account's other contacts, shrunk to everybody (u).
"""

from __future__ import annotations

import polars as pl

from engine.audiences.seniority import SEAT, VOICE
from engine.frames import ACCOUNT, INTEREST, PROBABILITY, SHARE
from engine.settings import Section

SEATS, CONTACTS, PEOPLE = "seats", "contacts", "people"
CHANCE, UNKNOWN_SHARE, USUAL = "chance", "unknown_share", "usual"
_LOSS, _TAKEN, _SURE, _NOTHING = "loss", "taken", 1 - 1e-9, 1e-9


def score_accounts(contacts: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The interest of each account in one product.

    Args:
        contacts: account_id, probability (that they like it when it is shown), seat, voice;
            no nulls, any order. Contacts of no known account are nobody's.
        accounts: account_id, each once, and seats (above 0).

    Returns:
        In the order of `accounts`: account_id, interest (0 to 1), contacts (UInt32), seats,
        usual (the chance of those in unknown seats), unknown_share (the part of the interest
        that comes from them, 0 to 1). Without any contact at all, interest is 0 everywhere.
    """
    return _summed(_weighed(contacts, accounts), accounts).drop(_LOSS)


def explain_accounts(contacts: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """What each contact does to their account's interest, as `score_accounts` counts it.

    Returns:
        The rows of `contacts` whose account is known, in their order, with seat (the chance of
        one after all seats are shared out), chance (that they have a seat, like it and carry
        the group) and share: their part of the account's interest. Shares of an account's
        contacts and its `unknown_share` add up to 1, or all are 0.
    """
    weighed = _weighed(contacts, accounts)
    whole = _summed(weighed, accounts).select(ACCOUNT, pl.col(_LOSS).alias("whole"))
    part = pl.when(pl.col("whole") > 0).then(_loss(pl.col(CHANCE)) / pl.col("whole")).otherwise(0.0)
    joined = weighed.join(whole, on=ACCOUNT, how="left", maintain_order="left")
    return joined.with_columns(part.alias(SHARE)).drop("whole", SEATS)


def _loss(chance: pl.Expr) -> pl.Expr:
    """Minus the logarithm of the chance that nothing comes of it."""
    return -(1 - chance.clip(0, _SURE)).log()


def _weighed(contacts: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Contacts with their seats shared out: all an account's seats are at most its group's."""
    known = contacts.join(
        accounts.select(ACCOUNT, SEATS), on=ACCOUNT, how="inner", maintain_order="left"
    )
    wanted = pl.col(SEAT).sum().over(ACCOUNT)
    fits = pl.when(wanted > pl.col(SEATS)).then(pl.col(SEATS) / wanted).otherwise(1.0)
    return known.with_columns((pl.col(SEAT) * fits).alias(SEAT)).with_columns(
        (pl.col(SEAT) * pl.col(VOICE) * pl.col(PROBABILITY)).alias(CHANCE)
    )


def _summed(weighed: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    everybody = _everybody(weighed)
    ties = min(likeness(weighed), _SURE)
    found = weighed.group_by(ACCOUNT, maintain_order=True).agg(
        pl.len().cast(pl.UInt32).alias(CONTACTS),
        pl.col(SEAT).sum().alias(_TAKEN),
        pl.col(PROBABILITY).sum().alias("liking"),
        _loss(pl.col(CHANCE)).sum().alias("known"),
    )
    joined = accounts.select(ACCOUNT, SEATS).join(
        found, on=ACCOUNT, how="left", maintain_order="left"
    )
    joined = joined.with_columns(pl.col(CONTACTS, _TAKEN, "liking", "known").fill_null(0))
    counted = pl.col(CONTACTS).cast(pl.Float64)
    # The best linear guess of a colleague: the account's mean, shrunk by how alike colleagues are.
    usual = (ties * pl.col("liking") + (1 - ties) * everybody[0]) / (ties * counted + 1 - ties)
    left = pl.col(SEATS) - pl.col(_TAKEN)
    free = pl.when(left > _NOTHING).then(left).otherwise(0.0)
    joined = joined.with_columns(usual.clip(0, 1).alias(USUAL))
    unknown = free * _loss(pl.col(USUAL) * everybody[1])
    joined = joined.with_columns(unknown.alias("unknown"))
    joined = joined.with_columns((pl.col("known") + pl.col("unknown")).alias(_LOSS))
    part = pl.when(pl.col(_LOSS) > 0).then(pl.col("unknown") / pl.col(_LOSS)).otherwise(0.0)
    return joined.select(
        ACCOUNT,
        (1 - (-pl.col(_LOSS)).exp()).alias(INTEREST),
        pl.col(CONTACTS).cast(pl.UInt32),
        SEATS,
        USUAL,
        part.alias(UNKNOWN_SHARE),
        _LOSS,
    )


def _everybody(weighed: pl.DataFrame) -> tuple[float, float]:
    """How probably any contact likes it, and how probably one with a seat carries a group."""
    seats = float(weighed[SEAT].sum())
    if not seats:
        return 0.0, 0.0
    voice = float((weighed[SEAT] * weighed[VOICE]).sum()) / seats
    return float(weighed[PROBABILITY].mean()), voice  # type: ignore[arg-type]


def likeness(contacts: pl.DataFrame) -> float:
    """How alike colleagues are in the chance that they like it: 0 as strangers, 1 as one person.

    The intraclass correlation by one-way analysis of variance for groups of unequal size (Donner
    1986): (B - W) / (B + (n0 - 1) W) with the mean squares between and within accounts. 0 where
    there are fewer than two accounts, no two colleagues, or nothing differs.
    """
    groups = contacts.group_by(ACCOUNT, maintain_order=True).agg(
        pl.len().cast(pl.Float64).alias("n"),
        pl.col(PROBABILITY).mean().alias("mean"),
        pl.col(PROBABILITY).var(ddof=0).alias("spread"),
    )
    people, teams = contacts.height, groups.height
    if teams < 2 or people <= teams:
        return 0.0
    n, mean, spread = (groups[name].cast(pl.Float64) for name in ("n", "mean", "spread"))
    middle = float((n * mean).sum()) / people
    between = float((n * (mean - middle) ** 2).sum()) / (teams - 1)
    within = float((n * spread).sum()) / (people - teams)
    size = (people - float((n**2).sum()) / people) / (teams - 1)
    whole = between + (size - 1) * within
    return min(max((between - within) / whole, 0.0), 1.0) if whole > 0 else 0.0


def people_at(sizes: pl.Series) -> pl.Series:
    """How many people work at each account, Float64, from numbers or bands; null where not said.

    `250`, `1,000`, `51-200` (the geometric mean of its ends), `10000+` and `500 people` are read;
    a text without a number, or of none, is not.
    """
    plain = sizes.cast(pl.String).str.replace_all(r"(\d)[,_ ](\d{3})\b", "${1}${2}")
    plain = plain.str.replace_all(r"(\d)[,_ ](\d{3})\b", "${1}${2}")
    numbers = plain.str.extract_all(r"\d+(?:\.\d+)?").cast(pl.List(pl.Float64), strict=False)
    least, most = numbers.list.get(0, null_on_oob=True), numbers.list.get(1, null_on_oob=True)
    middle = (least * most.fill_null(least)).sqrt()
    return middle.set(middle <= 0, None).alias(PEOPLE)


def seats_at(people: pl.Series, contacts: pl.Series, group: Section) -> pl.Series:
    """Seats of each account's buying group, Float64 (section `group` of the settings).

    They grow with the logarithm of the people who work there; where that is not known, or is
    fewer than the contacts, contacts are taken as `group.known_share` of them, or as all.
    """
    met = contacts.cast(pl.Float64).clip(1)
    guessed = people.fill_null(met / group.known_share)
    everybody = guessed.zip_with(guessed >= met, met)
    seats = group.first + group.doubling * everybody.log(2)
    found: pl.Series = seats.clip(0, group.most).alias(SEATS)
    return found
