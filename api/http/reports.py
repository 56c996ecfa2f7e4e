"""The report of a campaign: planned beside actual, where it goes, and what needs a look.

In: a campaign's id. Out: one answer, as the command and the page show it.
Never: a campaign of another team.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response
from pydantic import Field

from api.http.access import asking
from api.http.campaign_schemas import CampaignPath
from api.http.contract import Asked, Noun, Strict, json_of
from engine.operations.reports import Wish, report
from engine.store.home import Home

SCOPE = "campaigns:write"


class ReportQuery(Asked):
    detail: bool = Field(False, description="Also every placement and day")


class Alert(Strict):
    kind: str
    channel: str | None = Field(description="None: the whole campaign")
    segment_id: str | None
    value: float
    against: float
    says: str


class Report(Strict):
    campaign: dict[str, Any]
    made_at: str
    steps: list[dict[str, Any]] = Field(description="Recommended and chosen, side by side")
    plan: dict[str, Any] | None = Field(description="What was promised; none before it is planned")
    results: dict[str, Any] | None = Field(
        description="Planned and actual by day, by placement and in all, with intervals"
    )
    pacing: dict[str, Any] | None = Field(
        description="Money and goal: ahead, behind or on track, and what both come to in the end"
    )
    alerts: list[Alert]
    lift: dict[str, Any] | None = Field(
        description="Once it runs, for whom it is meant; or the `reason` why there is none"
    )
    audit: list[dict[str, Any]] = Field(description="Who did what, the last first")


def routes(home: Home) -> Noun:
    """The route of reports."""
    noun = Noun("reports", "How a campaign does against its plan", "/v1", asks_model=False)

    @noun.read("/campaigns/<id:campaign_id>/report", SCOPE, {200: Report}, (404,))
    def reported(path: CampaignPath, query: ReportQuery) -> Response:
        """How a campaign does: results so far, where they lead, and what needs a look."""
        wish = Wish(datetime.now(UTC), detail=query.detail)
        return json_of(report(home, asking(home), path.campaign_id, wish))

    return noun
