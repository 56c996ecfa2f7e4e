"""Campaigns at any point of their life, put where they are kept, for tests of how they are told.

In: a home, an id, a state. Out: the campaign. Never: a plan that is right; that is tested inside.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from secrets import token_hex
from typing import Any

import polars as pl

from engine.operations.campaign_fields import STEPS
from engine.operations.keys import SCOPES, create_key
from engine.operations.members import LOCAL, Card, put_member
from engine.store.campaign_audiences import keep_audience
from engine.store.campaigns import Campaign, Deed, add_campaign
from engine.store.catalog import open_catalog
from engine.store.home import Home
from tests.api.planned import an_answer

MADE = datetime(2026, 11, 20, tzinfo=UTC)
AHEAD = datetime.now(UTC).date() + timedelta(days=100)
"""A campaign that is still to be approved or started must not be over by the clock."""
PEOPLE = pl.DataFrame(
    {
        "user_id": [f"user-{n:05d}" for n in range(400)],
        "held_out": [n % 10 == 0 for n in range(400)],
    }
)
FORESEEN = {
    "people": 400,
    "holdout_share": 0.1,
    "outcomes": ["purchase"],
    "rate": 0.1,
    "expected_effect": 0.2,
    "detectable": 0.15,
    "measurable": True,
    "level": 0.95,
    "power": 0.8,
}

CAMPAIGNS = "/v1/campaigns"
CAMPAIGN = {
    "name": "Spring",
    "product_id": "product-003",
    "goal": "sales",
    "budget": "2000.00",
    "currency": "EUR",
    "start": AHEAD.isoformat(),
    "end": (AHEAD + timedelta(days=13)).isoformat(),
}
BEFORE = {
    "/plan": "again",
    "/cancel": "again",
    "/approve": "planned",
    "/start": "approved",
    "/finish": "running",
    "/lift": "finished",
    "/report": "finished",
}
"""What a campaign must be for a verb; it is a draft for the others."""


def put_campaign(
    home: Home,
    id: str,
    status: str = "draft",
    *,
    people: pl.DataFrame = PEOPLE,
    **fields: Any,
) -> Campaign:
    """Keeps a campaign that came to a state without its verbs; from approved on with its people."""
    told: dict[str, Any] = {}
    if status not in ("draft", "cancelled"):
        side: dict[str, Any] = {step: {"why": []} for step in STEPS}
        chosen = side | {"audience": {"segments": ["top-5"], "exclusions": []}}
        money = {"budget": "2000.00", "spent": "2000.00", "unit": "0.01"}
        plan = an_answer(budget=2000.0) | {"money": money, "outcomes": 400.0}
        told = {"plan": plan, "chosen": chosen, "audience": FORESEEN}
    if status in ("approved", "running", "finished"):
        keep_audience(home, f"{id}@0", people)
        held = int(people["held_out"].sum())
        split = {"assigned": people.height - held, "held_out": held, "file": f"{id}@0"}
        told["audience"] = FORESEEN | {"people": people.height} | split
    start = date(2026, 11, 1) if status in ("running", "finished") else AHEAD
    usual = {
        "name": "Spring",
        "product_id": "product-003",
        "goal": "sales",
        "market": "b2c",
        "budget": Decimal("2000.00"),
        "currency": "EUR",
        "start": start,
        "end": start + timedelta(days=9),
        "author": "local",
        "created_at": MADE,
        "holdout_share": 0.1,
    }
    made = Campaign(id=id, status=status, **(usual | told | fields))
    with open_catalog(home) as catalog:
        add_campaign(catalog, made, Deed("local", "create", MADE, {}, {"id": id}))
    return made


def owners_key(home: Home, name: str = "mina", role: str = "owner") -> str:
    """A key of a member of this name and role, who is added where they are not there yet."""
    put_member(home, LOCAL, name, Card(role=role))
    return create_key(home, name=f"{name} {token_hex(4)}", scopes=SCOPES, member=name)
