"""Teams: who sees what, because it is theirs or nobody's.

In: a home, an actor, a team or a product. Out: whether it is for their eyes.
Never: a difference between what does not exist and what somebody may not see.
"""

from __future__ import annotations

from engine.operations.permissions import Actor, holds
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.members import find_owners, folded

ALL_TEAMS = "teams.all"


def sees(home: Home, actor: Actor, team: str | None) -> bool:
    """Whether what belongs to a team is for the actor's eyes; what is no team's is everybody's."""
    if team is None or holds(home, actor, ALL_TEAMS):
        return True
    return folded(team) in {folded(own) for own in actor.teams}


def owners_of(home: Home, product_id: str) -> tuple[str, ...]:
    """Names of the teams that own a product, in their order; none where nobody does."""
    with open_catalog(home) as catalog, catalog.transaction() as connection:
        return find_owners(connection, product_id)
