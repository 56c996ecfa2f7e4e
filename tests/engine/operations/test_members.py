"""Members: names are given once, there is always an owner, and who goes keeps their name."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DuplicateEntity, Forbidden, InvalidValue, UnknownEntity
from engine.operations.keys import actor_of_key, create_key, find_key, list_keys, prefix_of
from engine.operations.keys import digest as digest_of
from engine.operations.members import (
    LOCAL,
    Actor,
    Card,
    acting,
    actor_of,
    add_member,
    change_member,
    list_members,
    put_member,
    remove_member,
)
from engine.operations.permissions import (
    ROLES,
    SelfApproval,
    holds,
    may_approve,
    permitted,
    require,
)
from engine.store.catalog import open_catalog
from engine.store.home import Home


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("first"))
    add_member(home, LOCAL, "sara", Card("owner", "سارا", "sara@example.org"))
    return home


@pytest.fixture
def home(first: Home, tmp_path: Path) -> Home:
    """A copy that a test may change."""
    shutil.copytree(first.root, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def sara(home: Home) -> Actor:
    return actor_of(home, "sara")


def test_the_first_member_is_an_owner_and_whoever_came_before_is_nobody(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert acting(home, None) == LOCAL
    with pytest.raises(InvalidValue, match="first member is an owner"):
        add_member(home, LOCAL, "omid", Card("admin"))
    add_member(home, LOCAL, "omid", Card("owner"))
    with pytest.raises(InvalidValue, match="--as NAME"):
        acting(home, None)
    assert acting(home, "OMID") == Actor("omid", "owner", ())
    with pytest.raises(UnknownEntity, match="member"):
        acting(home, "local")


@pytest.mark.parametrize("alike", ["sara", "SARA", " sara ", "ｓａｒａ", "sa\u200cra"])
def test_names_that_look_the_same_are_the_same(home: Home, sara: Actor, alike: str) -> None:
    with pytest.raises(DuplicateEntity):
        add_member(home, sara, alike, Card("viewer"))
    assert actor_of(home, alike).name == "sara"


def test_arabic_and_persian_letters_make_no_second_person(home: Home, sara: Actor) -> None:
    add_member(home, sara, "علی", Card("viewer"))
    with pytest.raises(DuplicateEntity):
        add_member(home, sara, "علي", Card("viewer"))


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 65, "a\x00b", "local", "Local", "key:ads", "mk_12345678", "\u202ebob"]
)
def test_names_that_could_be_mistaken_are_refused(home: Home, sara: Actor, name: str) -> None:
    with pytest.raises(InvalidValue):
        add_member(home, sara, name, Card("viewer"))
    assert len(list_members(home, sara)) == 1


@pytest.mark.parametrize("email", ["a b@c", "nobody", "@x", "x@", "a@b\n", "x" * 260 + "@y"])
def test_an_address_that_is_none_is_refused_and_not_repeated(
    home: Home, sara: Actor, email: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        add_member(home, sara, "omid", Card("viewer", email=email))
    assert email not in str(caught.value)


def test_an_unknown_role_names_the_known_ones(home: Home, sara: Actor) -> None:
    with pytest.raises(InvalidValue, match="marketer"):
        add_member(home, sara, "omid", Card("boss"))
    with pytest.raises(InvalidValue, match="missing"):
        add_member(home, sara, "omid", Card())


def test_what_is_not_named_stays_and_an_empty_address_goes(home: Home, sara: Actor) -> None:
    changed = change_member(home, sara, "SARA", Card(display="Sara K."))
    assert (changed["name"], changed["display"]) == ("sara", "Sara K.")
    assert (changed["role"], changed["email"]) == ("owner", "sara@example.org")
    assert change_member(home, sara, "sara", Card(email=""))["email"] is None
    with pytest.raises(UnknownEntity):
        change_member(home, sara, "omid", Card(role="viewer"))


def test_a_member_who_is_put_is_all_that_was_said(home: Home, sara: Actor) -> None:
    first = put_member(home, sara, "omid", Card("viewer", "Omid", "o@example.org"))
    assert (first["role"], first["display"], first["email"]) == ("viewer", "Omid", "o@example.org")
    again = put_member(home, sara, "omid", Card("analyst"))
    assert (again["role"], again["display"], again["email"]) == ("analyst", "omid", None)
    assert len(list_members(home, sara)) == 2


def test_the_last_owner_can_neither_go_nor_be_less(home: Home, sara: Actor) -> None:
    for attempt in (
        lambda: remove_member(home, sara, "sara"),
        lambda: change_member(home, sara, "sara", Card("admin")),
        lambda: put_member(home, sara, "sara", Card("viewer")),
    ):
        with pytest.raises(InvalidValue, match="last owner"):
            attempt()
    add_member(home, sara, "omid", Card("owner"))
    change_member(home, sara, "sara", Card("viewer"))
    with pytest.raises(InvalidValue, match="last owner"):
        remove_member(home, actor_of(home, "omid"), "omid")


def test_of_two_owners_who_remove_each_other_at_once_one_stays(home: Home, sara: Actor) -> None:
    add_member(home, sara, "omid", Card("owner"))

    def remove(name: str) -> bool:
        try:
            remove_member(home, sara, name)
        except InvalidValue:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, ["sara", "omid"])) == [False, True]
    assert len(list_members(home, LOCAL)) == 1


def test_who_was_removed_keeps_the_name_and_loses_the_rest(home: Home, sara: Actor) -> None:
    add_member(home, sara, "omid", Card("marketer", "Omid", "omid@example.org"))
    key = create_key(home, name="omid's", scopes=["campaigns:write"], member="Omid")
    assert remove_member(home, sara, "omid") == {"removed": "omid", "keys_ended": 1}
    with open_catalog(home) as catalog:
        assert find_key(catalog, digest_of(home, key), prefix_of(key)) is None
    assert [row["name"] for row in list_members(home, sara)] == ["sara"]
    gone = list_members(home, sara, removed=True)[0]
    assert (gone["name"], gone["email"], gone["display"]) == ("omid", None, "omid")
    assert gone["removed_at"]
    with pytest.raises(InvalidValue, match="stays theirs in records"):
        add_member(home, sara, "OMID", Card("viewer"))
    for attempt in (
        lambda: actor_of(home, "omid"),
        lambda: remove_member(home, sara, "omid"),
        lambda: change_member(home, sara, "omid", Card("viewer")),
        lambda: create_key(home, name="new", scopes=["events:write"], member="omid"),
    ):
        with pytest.raises(UnknownEntity):
            attempt()


def test_only_owners_touch_owners(home: Home, sara: Actor) -> None:
    add_member(home, sara, "omid", Card("admin"))
    add_member(home, sara, "nima", Card("owner"))
    omid = actor_of(home, "omid")
    for attempt in (
        lambda: add_member(home, omid, "new", Card("owner")),
        lambda: change_member(home, omid, "omid", Card("owner")),
        lambda: change_member(home, omid, "nima", Card("viewer")),
        lambda: change_member(home, omid, "nima", Card(email="x@example.org")),
        lambda: remove_member(home, omid, "nima"),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert add_member(home, omid, "new", Card("viewer"))["role"] == "viewer"


@pytest.mark.parametrize("role", ["marketer", "analyst", "viewer"])
def test_who_may_not_write_members_sees_them_without_their_address(home: Home, role: str) -> None:
    actor = Actor("x", role, ())
    assert [row["email"] for row in list_members(home, actor)] == [None]
    with pytest.raises(Forbidden) as caught:
        add_member(home, actor, "new", Card("viewer"))
    assert (caught.value.permission, caught.value.role) == ("members.write", role)


def test_a_key_acts_as_its_member_or_as_a_platform_that_no_member_is_called(
    home: Home, sara: Actor
) -> None:
    create_key(home, name="sara", scopes=["campaigns:write"])
    create_key(home, name="hers", scopes=["campaigns:write"], member="SARA")
    program, hers = list_keys(home)
    assert actor_of_key(home, program) == Actor("key:sara", "platform", ())
    assert actor_of_key(home, hers) == sara
    assert hers.member == "sara"


def test_the_owner_may_all_and_who_has_no_role_nothing(home: Home) -> None:
    everything = permitted(home, "owner")
    assert {"campaign.approve", "members.write", "owners.write", "teams.all"} <= everything
    for role in ROLES:
        assert permitted(home, role) <= everything
    assert permitted(home, "boss") == frozenset()
    assert not holds(home, Actor("x", "boss", ()), "campaign.read")
    with pytest.raises(UnknownEntity, match=r"campaign\.delete"):
        require(LOCAL, "campaign.delete", home)


def test_a_home_gives_and_takes_permissions_but_none_of_the_owners(home: Home) -> None:
    (home.root / "configs").mkdir()
    override = home.root / "configs" / "roles.toml"
    override.write_text('[rows."campaign.approve"]\nmarketer = false\nanalyst = true\n')
    with pytest.raises(Forbidden):
        require(Actor("x", "marketer", ()), "campaign.approve", home)
    require(Actor("x", "analyst", ()), "campaign.approve", home)
    override.write_text('[rows."campaign.approve"]\nowner = false\n')
    with pytest.raises(Exception, match="owner"):
        require(LOCAL, "campaign.approve", home)


MONEY = st.decimals(0, 10**12, places=2)


@given(amount=MONEY, limit=MONEY, same=st.booleans())
def test_above_the_limit_somebody_else_approves(
    amount: Decimal, limit: Decimal, same: bool
) -> None:
    author = "SARA" if same else "omid"
    actor = Actor("sara", "marketer", ())
    if same and amount > limit:
        with pytest.raises(SelfApproval, match="somebody other than its author, SARA"):
            may_approve(actor, author, amount, limit)
    else:
        may_approve(actor, author, amount, limit)
        may_approve(actor, author, amount, None)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-1"])
def test_what_is_no_amount_is_not_approved(amount: str) -> None:
    with pytest.raises(InvalidValue):
        may_approve(LOCAL, "x", Decimal(amount), Decimal(5))
    with pytest.raises(InvalidValue):
        may_approve(LOCAL, "x", Decimal(5), Decimal(amount))
