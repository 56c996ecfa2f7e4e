"""Users: which segments a person belongs to.

In: ids of users. Out: their segments, best first. Never: an id in a log or a kept answer.
"""

from __future__ import annotations

from flask import Response

from api.http import schemas
from api.http.access import bounds_here
from api.http.contract import Noun
from api.http.desk import Desk
from engine.operations import audiences
from engine.store.home import Home


def routes(desk: Desk, home: Home | None) -> Noun:
    """The routes of users; with a home, people who came after training are folded in."""
    noun = Noun("users", "People, pseudonymous", "/v1")

    @noun.read("/users/<id:user_id>/segments", "segments:read", {200: schemas.UserSegments})
    def segments_of_user(path: schemas.UserPath, query: schemas.UserQuery) -> Response:
        """The segments of one user."""
        return desk.answer(
            lambda model: audiences.user_segments(
                model, [path.user_id], limit=query.limit, home=home, bounds=bounds_here()
            ),
            keep=False,
        )

    @noun.ask("/users:segments", "segments:read", {200: schemas.UserSegments})
    def segments_of_users(body: schemas.UsersBody) -> Response:
        """The segments of up to a thousand users at once; those not known are listed apart."""
        return desk.answer(
            lambda model: audiences.user_segments(
                model, body.user_ids, limit=body.limit, home=home, bounds=bounds_here()
            ),
            keep=False,
        )

    return noun
