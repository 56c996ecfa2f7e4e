"""Is it alive, can it answer, how does it do.

In: the holder's state and the figures. Out: `/healthz`, `/readyz`, `/metrics`.
Never: a check that loads a model or asks the database.
"""

from __future__ import annotations

from flask import Response

from api.http import schemas
from api.http.contract import Noun, json_of
from api.http.desk import Desk
from api.http.metrics import MEDIA_TYPE, Metrics

FIGURES = {
    "description": "Figures of all processes",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


def routes(desk: Desk, metrics: Metrics) -> Noun:
    """Open to everybody: what watches a process has no key."""
    noun = Noun("health", "For those who operate", "")

    @noun.read("/healthz", None, {200: schemas.Healthy})
    def alive() -> Response:
        """The process answers."""
        return json_of({"status": "ok"})

    @noun.read("/readyz", None, {200: schemas.Ready}, (503,))
    def ready() -> Response:
        """A model answers; 503 with the command to run where there is none.

        `degraded`: the champion failed its manifest, so the version before it answers.
        """
        model = desk.holder.model()
        held = desk.holder.held
        state = {
            "status": "degraded" if held.degraded else "ready",
            "model_version": model.version,
            "champion": held.champion,
            "refused": held.refused,
        }
        return json_of(state)

    @noun.read("/metrics", None, {200: FIGURES})
    def figures() -> Response:
        """Requests, times and refused models in Prometheus's words."""
        text = metrics.text(degraded=desk.holder.held.degraded)
        return Response(text, content_type=MEDIA_TYPE)

    return noun
