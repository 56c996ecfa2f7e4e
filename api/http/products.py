"""Products: their best segments, their audience, their curve.

In: a product's id and what the campaign wants. Out: the answers of engine/operations/audiences.py.
Never: a computation of its own.
"""

from __future__ import annotations

from flask import Response

from api.http import schemas, tables
from api.http.contract import Noun
from api.http.desk import Desk
from engine.operations import audiences


def routes(desk: Desk, *, block_rows: int) -> Noun:
    """The routes of products."""
    noun = Noun("products", "What is promoted, and to whom", "/v1/products")

    @noun.read("/<id:product_id>/segments", "segments:read", {200: schemas.BestSegments})
    def segments(path: schemas.ProductPath, query: schemas.SegmentsQuery) -> Response:
        """The best segments to address for a product, best first."""
        return desk.answer(
            lambda model: audiences.best_segments(
                model, path.product_id, goal=query.goal, channel=query.channel, limit=query.limit
            ),
            keep=True,
        )

    @noun.read("/<id:product_id>/curve", "audiences:read", {200: schemas.Curve})
    def curve(path: schemas.ProductPath) -> Response:
        """What to expect of the best share of all people, for each share."""
        return desk.answer(lambda model: audiences.curve(model, path.product_id), keep=True)

    @noun.read("/<id:product_id>/audience", "audiences:read", {200: tables.DESCRIBED}, (406,))
    def audience(path: schemas.ProductPath, query: schemas.AudienceQuery) -> Response:
        """The people to address, best first, streamed as NDJSON, CSV or Parquet.

        Without share or size they are as many as the product's targeting says, ranked as it says.
        Who acted on the product already, as far as the model knows, is left out unless
        `include_known` is true; of a share, everybody is the whole all the same.
        In CSV a text that a spreadsheet would run as a formula is led by an apostrophe.
        """
        form = tables.wanted(query.format)
        used = desk.holder.in_use()
        found = audiences.audience(
            used.model,
            path.product_id,
            share=query.share,
            size=query.size,
            goal=query.goal,
            include_known=query.include_known,
        )
        return tables.streamed(found.blocks(block_rows), form, headers=desk.headers(used))

    return noun
