"""Who sees what: what is one's team's or nobody's, of campaigns and of products.

In: a home, an actor, a team or a product. Out: whether it is for their eyes.
Never: a difference between what does not exist and what somebody may not see.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.operations.permissions import KEYED, Actor, holds
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.members import find_owned, find_owners, folded

ALL_TEAMS = "teams.all"


@dataclass(frozen=True)
class Bounds:
    """The products that are for somebody's eyes: those of their teams, or those of nobody."""

    own: frozenset[str]
    others: frozenset[str]

    def hold(self, product_id: str) -> bool:
        """Whether a product is among them, whether or not it exists."""
        return product_id in self.own if self.own else product_id not in self.others

    def outside(self, product_ids: Iterable[str]) -> list[int]:
        """Places of those that are not among them."""
        return [at for at, id in enumerate(product_ids) if not self.hold(id)]


def sees(home: Home, actor: Actor, team: str | None) -> bool:
    """Whether what belongs to a team is for the actor's eyes; what is no team's is everybody's."""
    if team is None or holds(home, actor, ALL_TEAMS):
        return True
    return folded(team) in {folded(own) for own in actor.teams}


def owners_of(home: Home, product_id: str) -> tuple[str, ...]:
    """Names of the teams that own a product, in their order; none where nobody does."""
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        return find_owners(connection, product_id)


def bounds_of(home: Home, actor: Actor) -> Bounds | None:
    """What a member sees of the products; None: all, as who may see all teams does.

    Where the member's teams own products these are all that they see; else what no team owns.
    """
    if holds(home, actor, ALL_TEAMS):
        return None
    own = {folded(team) for team in actor.teams}
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        owned = find_owned(connection)
    theirs = frozenset(product for team, product in owned if folded(team) in own)
    return Bounds(theirs, frozenset(product for _, product in owned) - theirs)


def sees_product(home: Home, actor: Actor, product_id: str) -> bool:
    """Whether a product is for the actor's eyes; a key that is no member's sees all."""
    if actor.name.startswith(KEYED):
        return True
    bounds = bounds_of(home, actor)
    return bounds is None or bounds.hold(product_id)
