"""A campaign as it stands in the middle of its time, for tests of its report.

In: a home, a plan, days with results. Out: the campaign in the catalog and results in the log.
Never: a model; what was recommended is told, not computed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.operations.members import Actor
from engine.store.campaigns import Campaign, Deed, add_campaign, replace_campaign
from engine.store.catalog import open_catalog
from engine.store.home import Home
from engine.store.results import record_results
from tests.engine.measurement.running import START, plan_of, results_of

OWNER = Actor("local", "owner", ())
MORNING = datetime(2026, 1, 5, 9, tzinfo=UTC)


def steps_of(plan: dict[str, Any], *, amount: str) -> dict[str, Any]:
    channels = sorted({row["channel"] for row in plan["allocation"]})
    segments = sorted({row["segment_id"] for row in plan["allocation"]})
    told = {name: plan[name] for name in ("expected", "lower", "upper", "unit")}
    return {
        "channels": {"channels": channels, "why": []},
        "budget": {"amount": amount, "currency": "EUR"} | told,
        "team": {"channels": "mina", "budget": "mina", "results": "omid", "approval": "omid"},
        "audience": {"segments": segments, "exclusions": []},
        "promotion": {
            "schedule": [
                {"channel": channels[0], "weekday": 0, "hour": 20},
                {"channel": channels[0], "weekday": 3, "hour": 21},
            ]
        },
        "results": {"holdout_share": 0.1, "outcomes": ["click"], "until": "2026-02-07T00:00:00"},
    }


def open_campaign(
    home: Home, drawn: dict[str, Any] | None = None, *, id: str = "c", **changed: Any
) -> Campaign:
    """A running campaign of this plan, made and started; `changed` are fields of it as it is."""
    plan = drawn or plan_of()
    end = date.fromisoformat(plan["pacing"][-1]["date"])
    made = Campaign(
        **{
            "id": id,
            "name": "Spring poetry",
            "product_id": "product-7",
            "goal": plan["goal"],
            "market": "b2c",
            "budget": Decimal(str(plan["budget"])),
            "currency": "EUR",
            "start": START,
            "end": end,
            "author": "mina",
            "created_at": MORNING - timedelta(days=5),
            "holdout_share": 0.1,
            "status": "draft",
        }
    )
    usual, own = steps_of(plan, amount="9000.00"), steps_of(plan, amount=str(plan["budget"]))
    own["audience"]["exclusions"] = ["seg-9"]
    state = {"plan": plan, "recommended": usual, "chosen": own, "status": "running"}
    planned = replace(made, **(state | changed))
    before, after = {"status": "draft"}, {"status": "running"}
    with open_catalog(home) as catalog:
        add_campaign(
            catalog, made, Deed("mina", "create", made.created_at, {}, {"name": made.name})
        )
        found = replace_campaign(catalog, planned, Deed("omid", "start", MORNING, before, after))
    assert found is not None
    return found


def play(home: Home, plan: dict[str, Any] | None = None, days: int = 9, **truth: Any) -> None:
    """Results of the first days in the log, as of the morning after."""
    rows = results_of(plan or plan_of(), days, **truth)
    record_results(home, [rows], now=MORNING + timedelta(days=days))
