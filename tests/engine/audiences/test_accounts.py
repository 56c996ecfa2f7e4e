"""The interest of accounts is the noisy-or that is promised, and every part of it can be told."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import settings as configs
from engine.audiences.accounts import (
    explain_accounts,
    likeness,
    people_at,
    score_accounts,
    seats_at,
)
from engine.audiences.seniority import read_seniority
from engine.errors import ConfigError

CHANCE = st.floats(0, 1, allow_nan=False)
CONTACT = st.tuples(st.sampled_from("abcz"), CHANCE, CHANCE, CHANCE)


def contacts_of(*rows: tuple[str, float, float, float]) -> pl.DataFrame:
    names = {"account_id": pl.String, "probability": pl.Float64}
    names |= {"seat": pl.Float64, "voice": pl.Float64}
    return pl.DataFrame(rows, schema=names, orient="row")


def accounts_of(**seats: float) -> pl.DataFrame:
    return pl.DataFrame({"account_id": list(seats), "seats": list(seats.values())})


def interest(contacts: pl.DataFrame, accounts: pl.DataFrame) -> dict[str, float]:
    found = score_accounts(contacts, accounts).select("account_id", "interest")
    return dict(found.iter_rows())


def test_with_all_seats_filled_it_is_a_noisy_or():
    found = interest(
        contacts_of(("a", 0.5, 0.8, 0.6), ("a", 0.2, 0.4, 0.3), ("b", 1.0, 1.0, 1.0)),
        accounts_of(a=1.2, b=1.0),
    )
    assert found["a"] == pytest.approx(1 - (1 - 0.5 * 0.8 * 0.6) * (1 - 0.2 * 0.4 * 0.3))
    assert found["b"] == pytest.approx(1, abs=1e-8)


def test_more_contacts_than_seats_share_the_seats():
    crowd = contacts_of(*[("a", 0.5, 1.0, 0.4)] * 40)
    found = interest(crowd, accounts_of(a=4.0))["a"]
    assert found == pytest.approx(1 - (1 - 0.1 * 0.4 * 0.5) ** 40)
    assert found < 1 - (1 - 0.4 * 0.5) ** 5


def test_an_unfilled_seat_is_somebody_usual():
    """Strangers are no likelier than everybody; here colleagues have nothing in common."""
    known = contacts_of(
        ("a", 0.9, 0.5, 0.5), ("a", 0.1, 0.5, 0.5), ("b", 0.1, 0.5, 0.5), ("b", 0.9, 0.5, 0.5)
    )
    assert likeness(known) == 0
    found = interest(known, accounts_of(a=1.0, b=1.0, c=2.0, d=4.0))
    assert found["c"] == pytest.approx(1 - (1 - 0.5 * 0.5) ** 2)
    assert found["d"] > found["c"]


def test_strangers_at_an_account_are_like_the_colleagues_that_are_known():
    rows = [(account, chance, 0.1, 0.5) for account, chance in (("a", 0.9), ("b", 0.1))] * 5
    found = score_accounts(contacts_of(*rows), accounts_of(a=3.0, b=3.0))
    assert found["usual"].to_list() == pytest.approx([0.9, 0.1])


def test_one_contact_says_less_of_colleagues_than_ten():
    random = np.random.default_rng(4)
    rows = []
    for account in range(60):
        middle = random.uniform(0.2, 0.8)
        people = 1 if account % 2 else 10
        chances = np.clip(random.normal(middle, 0.2, people), 0, 1)
        rows += [(f"a{account}", float(chance), 0.1, 0.5) for chance in chances]
    contacts = contacts_of(*rows)
    seats = accounts_of(**{f"a{account}": 5.0 for account in range(60)})
    means = contacts.group_by("account_id").agg(pl.col("probability").mean().alias("mean"))
    found = score_accounts(contacts, seats).join(means, on="account_id")
    pulled = found.with_columns(
        pulled=(pl.col("usual") - contacts["probability"].mean())
        / (pl.col("mean") - contacts["probability"].mean())
    )
    of_one = pulled.filter(pl.col("contacts") == 1)["pulled"].mean()
    of_ten = pulled.filter(pl.col("contacts") == 10)["pulled"].mean()
    assert 0 < of_one < of_ten < 1


@given(st.lists(CONTACT, max_size=12), st.floats(0.1, 20))
def test_it_is_a_chance_and_its_parts_add_up(rows, seats):
    contacts, accounts = contacts_of(*rows), accounts_of(a=seats, b=1.0, c=seats)
    scored, parts = score_accounts(contacts, accounts), explain_accounts(contacts, accounts)
    assert scored["account_id"].to_list() == ["a", "b", "c"]
    assert scored["interest"].is_between(0, 1).all()
    assert parts.height == sum(row[0] != "z" for row in rows)
    of_contacts = dict(parts.group_by("account_id").agg(pl.col("share").sum()).iter_rows())
    for account, found, unknown in scored.select(
        "account_id", "interest", "unknown_share"
    ).iter_rows():
        whole = of_contacts.get(account, 0.0) + unknown
        assert whole == pytest.approx(1 if found > 1e-12 else 0, abs=1e-6) or found < 1e-12


@given(st.lists(CONTACT, min_size=1, max_size=12), st.randoms())
@settings(max_examples=50)
def test_the_order_of_contacts_does_not_matter(rows, random):
    accounts = accounts_of(a=2.0, b=1.0, c=3.0)
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (interest(contacts_of(*each), accounts) for each in (rows, shuffled))
    assert one == pytest.approx(other, abs=1e-9)


@given(CHANCE, CHANCE, st.floats(0.01, 1), st.floats(0.01, 1))
def test_who_likes_it_more_makes_the_account_more_interested(low, high, seat, voice):
    low, high = sorted((low, high))
    accounts = accounts_of(a=seat)
    less, more = (
        interest(contacts_of(("a", chance, seat, voice)), accounts)["a"] for chance in (low, high)
    )
    assert less <= more


def test_a_senior_contact_counts_for_more_than_a_junior_one():
    titles = pl.Series(["CEO", "Director", "manager", "senior engineer", "staff", "intern"])
    worth = read_seniority(titles, configs.load_rows("seniority"))
    found = [
        interest(contacts_of(("a", 0.5, *row)), accounts_of(a=0.01))["a"]
        for row in worth.select("seat", "voice").iter_rows()
    ]
    weights = (worth["seat"] * worth["voice"]).to_list()
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == 6
    assert all(0 < value < 0.02 for value in found)


def test_without_contacts_there_is_no_interest():
    found = score_accounts(contacts_of(), accounts_of(a=3.0))
    assert found.select("interest", "contacts", "unknown_share").row(0) == (0.0, 0, 0.0)


def test_colleagues_are_strangers_or_one_person():
    random = np.random.default_rng(1)
    accounts = [f"a{row}" for row in np.repeat(np.arange(200), 5)]
    alone = pl.DataFrame({"account_id": accounts, "probability": random.random(1000)})
    assert likeness(alone) < 0.08
    shared = np.repeat(random.random(200), 5)
    assert likeness(alone.with_columns(pl.Series("probability", shared))) == pytest.approx(1)
    half = alone.with_columns(
        pl.Series("probability", np.repeat(random.normal(size=200), 5) + random.normal(size=1000))
    )
    assert likeness(half) == pytest.approx(0.5, abs=0.1)
    assert likeness(alone.head(1)) == 0


@pytest.mark.parametrize(
    ("told", "people"),
    [
        ("250", 250),
        ("1,000", 1000),
        ("51-200", math.sqrt(51 * 200)),
        ("5,001–10,000 employees", math.sqrt(5001 * 10000)),
        ("10000+", 10000),
        ("1 000 000", 1_000_000),
        (None, None),
        ("large", None),
        ("0", None),
    ],
)
def test_sizes_are_read_as_people_write_them(told, people):
    found = people_at(pl.Series([told], dtype=pl.String)).item()
    assert found == (people if people is None else pytest.approx(people))


def test_larger_accounts_have_more_seats_up_to_a_limit():
    group = configs.load("accounts")["group"]
    people = pl.Series([1.0, 10.0, 1000.0, 1e9, None, 2.0])
    seats = seats_at(people, pl.Series([1, 1, 1, 1, 8, 64]), group).to_list()
    assert seats[0] == group.first
    assert seats[0] < seats[1] < seats[2] <= seats[3] == group.most
    assert seats[4] > group.first + 3 * group.doubling
    assert seats[5] == pytest.approx(group.first + 6 * group.doubling)


def test_titles_are_read_by_whole_words():
    titles = ["VP, Marketing", "C-Suite", "headless", "Senior Manager", None, "3", "مدیر عامل", ""]
    found = read_seniority(pl.Series(titles), configs.load_rows("seniority"))["level"].to_list()
    assert found == [
        *("director", "executive", "unknown", "manager", "unknown", "unknown"),
        *("executive", "unknown"),
    ]


def test_rows_without_unknown_are_no_rows():
    rows = {name: row for name, row in configs.load_rows("seniority").items() if name != "unknown"}
    with pytest.raises(ConfigError, match="unknown"):
        read_seniority(pl.Series(["CEO"]), rows)
