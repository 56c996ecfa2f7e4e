"""Accounts: the organisations to address for a product, and whom there.

In: a product's id and how long a list is wanted. Out: the answer of engine/operations/accounts.py.
Never: a computation of its own.
"""

from __future__ import annotations

from flask import Response
from pydantic import Field

from api.http.contract import Asked, Noun, Strict
from api.http.desk import Desk
from api.http.schemas import Flag, Interval, ProductPath, Stamped
from engine.operations.accounts import product_accounts


class AccountsQuery(Asked):
    limit: int | None = Field(None, ge=1, le=10_000, description="At most so many accounts")
    min_contacts: int | None = Field(
        None, ge=1, le=1_000, description="Only accounts with so many contacts to address"
    )
    contacts: int | None = Field(
        None, ge=1, le=100, description="At most so many contacts of each account"
    )
    include_known: Flag = Field(
        False, description="Address also contacts who acted on the product; left out else"
    )


class AccountSegment(Strict):
    segment_id: str
    name: str
    kind: str
    size: int = Field(description="Accounts in it")
    interest: float = Field(description="Mean of its accounts")
    lift: Interval = Field(description="Over all accounts, in interest")
    reason: str


class Contact(Strict):
    user_id: str
    seniority: str | None
    probability: float = Field(description="P(like | shown)")
    seat: float = Field(description="Chance of a seat in the group that decides")
    share: float = Field(description="Part of the account's interest that comes from them")


class Account(Strict):
    account_id: str
    name: str | None
    industry: str | None
    size: str | None = Field(description="People who work there, as it was told")
    region: str | None
    interest: float = Field(description="Chance that its buying group is carried, 0 to 1")
    contacts: int = Field(description="Contacts who may be addressed")
    acted: int = Field(description="Contacts who acted on the product already")
    acted_share: float = Field(description="Part of the interest that comes from those")
    unknown_share: float = Field(description="Part that comes from seats that no contact fills")
    reason: str
    address: list[Contact] = Field(description="Whom to address, who carries it most first")


class ProductAccounts(Stamped):
    product_id: str
    size: int = Field(description="Accounts that could be listed")
    segments: list[AccountSegment]
    accounts: list[Account]


def routes(desk: Desk) -> Noun:
    """The route of accounts."""
    noun = Noun("accounts", "Organisations, and whom to address there", "/v1/products")

    @noun.read("/<id:product_id>/accounts", "audiences:read", {200: ProductAccounts})
    def accounts(path: ProductPath, query: AccountsQuery) -> Response:
        """The accounts to address for a product, the most interested first, and whom there.

        An account's interest is that of the group that decides for it, by its contacts' titles
        and by what they would like. Contacts who may not be addressed count nowhere.
        """
        return desk.answer(
            lambda model: product_accounts(
                model,
                path.product_id,
                limit=query.limit,
                min_contacts=query.min_contacts,
                contacts=query.contacts,
                include_known=query.include_known,
            ),
            keep=True,
        )

    return noun
