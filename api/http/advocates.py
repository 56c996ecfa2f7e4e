"""Advocates: whom to ask to carry the word about a product, and how far it would go.

In: a product's id, how many, for how much. Out: the answer of engine/operations/advocates.py.
Never: somebody by name who may not be addressed.
"""

from __future__ import annotations

from flask import Response

from api.http import schemas
from api.http.contract import Noun
from api.http.desk import Desk
from engine.operations.asking import Ask
from engine.operations.product_advocates import product_advocates
from engine.settings import load
from engine.store.home import Home


def routes(desk: Desk, home: Home) -> Noun:
    """The route of advocates."""
    noun = Noun("advocates", "Who carries the word", "/v1/products")
    online = int(load("reach", home.root)["advocates"].online_sets)

    @noun.read("/<id:product_id>/advocates", "audiences:read", {200: schemas.Advocates})
    def advocates(path: schemas.ProductPath, query: schemas.AdvocatesQuery) -> Response:
        """Whom to ask to carry the word among the product's audience, and how far it would go.

        Nobody is named who may not be addressed, or would rather dislike the product.
        """
        ask = Ask(
            query.limit, query.cost, None, query.budget, query.proof, query.seed, most_sets=online
        )
        return desk.answer(
            lambda model: product_advocates(
                home,
                model,
                path.product_id,
                ask,
                goal=query.goal,
                share=query.share,
                channel=query.channel,
            ),
            keep=True,
        )

    return noun
