"""What ads for a segment reach and earn: consent, learned delays and sharing, too few people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.audiences.scores import pair_logits, rates
from engine.errors import InvalidValue, SegmentTooSmall, UnknownEntity
from engine.frames import EVENTS
from engine.operations.consent import record_consent
from engine.operations.journey import Journey
from engine.operations.paid_reach import Paid, spread_of_paid
from engine.operations.permits import members_among, permitted_now
from engine.store.artefacts import Model
from engine.store.eventlog import add_events
from engine.store.home import Home
from engine.store.withheld import Withheld
from tests.api.planted import AS_OF, carriers_of_ties, planted

PRODUCT, SEGMENT, FANS = "product-003", "tier-active", 40
FEW = "[sets]\nfirst = 16384\nmost = 16384\ntouch = 8192\n[delays]\nshape = 0.0\n"
ADS = Paid(PRODUCT, SEGMENT, 0.5)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Each step takes an hour there."""
    home = Home(tmp_path / "home")
    (home.root / "configs").mkdir(parents=True)
    (home.root / "configs/spread.toml").write_text(FEW)
    return home


def members(model: Model) -> np.ndarray:
    at = model.segments.table["segment_id"].index_of(SEGMENT)
    return model.segments.members[slice(*model.segments.offsets[[at, at + 1]])]


@pytest.fixture(scope="module")
def model() -> Model:
    """Forty people outside the segment take the word of its first member; others have no ties."""
    bare = planted("v")
    ids, inside = bare.users["user_id"], members(bare)
    others = np.setdiff1d(np.arange(ids.len()), inside)[:FANS]
    ties = [(ids[int(fan)], ids[int(inside[0])]) for fan in others]
    return replace(bare, carriers=carriers_of_ties(ties, bare, chance=0.5))


def acts(model: Model, share_after: float, number: int = 200) -> pl.DataFrame:
    """People post, and others like the product and share those posts after so many hours."""
    ids, rows = model.users["user_id"].to_list(), []
    for at in range(number):
        moment = AS_OF - timedelta(days=100) + timedelta(minutes=at)
        like = {"user_id": ids[at], "product_id": PRODUCT, "channel": "x"}
        rows += [
            like | {"event_id": f"l{at}", "action": "like", "occurred_at": moment},
            like | {"event_id": f"p{at}", "action": "post", "occurred_at": moment},
            like
            | {
                "event_id": f"s{at}",
                "user_id": ids[at + 1],
                "action": "share",
                "object_id": f"p{at}",
                "occurred_at": moment + timedelta(hours=share_after),
            },
        ]
    rows.append(rows[0] | {"event_id": "end", "action": "view", "occurred_at": AS_OF})
    return pl.DataFrame(rows, schema=dict(EVENTS.columns))


def test_ads_earn_those_who_hear_of_it_from_somebody_who_took_it_up(
    home: Home, model: Model
) -> None:
    told = spread_of_paid(home, model, ADS, Journey())
    size = members(model).size
    assert told["segment"] == {
        "segment_id": SEGMENT,
        "name": told["segment"]["name"],
        "kind": "tier",
        "size": size,
        "in_network": 1,
    }
    assert told["paid"] == pytest.approx(0.5 * size)
    uptake = told["earned"]["expected"] / (0.5 * FANS * 0.5)
    assert 0 < uptake < 0.05
    assert told["earned"]["lower"] < told["earned"]["expected"] < told["earned"]["upper"]
    assert told["per_touch"]["expected"] == pytest.approx(uptake * FANS * 0.5 / size, rel=0.2)
    assert spread_of_paid(home, model, ADS, Journey()) | {"seconds": 0} == told | {"seconds": 0}


def test_who_may_not_be_addressed_is_not_touched(home: Home, model: Model) -> None:
    first = model.users["user_id"][int(members(model)[0])]
    record_consent(home, first, source="test", now=AS_OF, gpc=True)
    told = spread_of_paid(home, permitted_now(home, model), ADS, Journey())
    assert told["paid"] == pytest.approx(0.5 * (members(model).size - 1))
    assert (told["earned"]["expected"], told["segment"]["in_network"]) == (0, 0)


def test_delays_and_sharing_are_learned_from_the_log(home: Home, model: Model) -> None:
    soon = Journey(horizon=4.0)
    before = spread_of_paid(home, model, ADS, soon)
    assert before["delay"] == {"median_hours": 1.0, "shape": 0.0, "shares": 0}
    assert before["uptake"]["shares_per_like"] == pytest.approx(0.05)
    assert before["earned"]["expected"] > 0
    add_events(home, acts(model, share_after=24))
    after = spread_of_paid(home, model, ADS, soon)
    assert after["delay"]["shares"] == 200
    assert 8 < after["delay"]["median_hours"] < 24
    assert after["uptake"]["likes"] == 201
    assert after["uptake"]["shares_per_like"] > 0.8
    late = spread_of_paid(home, model, ADS, Journey())
    assert after["earned"]["expected"] < 0.5 * late["earned"]["expected"]
    assert late["earned"]["expected"] > 4 * before["earned"]["expected"]
    assert late["earned"]["expected"] == pytest.approx(
        0.5 * 0.5 * FANS * late["uptake"]["shares_per_like"] * like(model), rel=0.1
    )


def like(model: Model) -> float:
    """P(like | shown) of the first member."""
    product = model.products["product_id"].index_of(PRODUCT)
    head, first = model.probability, members(model)[:1]
    return float(rates(pair_logits(model.embeddings, head, first, product), head.knots)[0])


def test_what_is_not_there_is_told(home: Home, model: Model) -> None:
    with pytest.raises(UnknownEntity, match="no segment 'tier-activ'; known and near: tier-active"):
        spread_of_paid(home, model, replace(ADS, segment_id="tier-activ"), Journey())
    with pytest.raises(UnknownEntity, match="no product"):
        spread_of_paid(home, model, replace(ADS, product_id="nothing"), Journey())
    with pytest.raises(InvalidValue, match="graph: is missing"):
        spread_of_paid(home, replace(model, carriers=None), ADS, Journey())
    for share in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(InvalidValue, match="of a segment is not above 0, up to 1"):
            spread_of_paid(home, model, replace(ADS, share=share), Journey())


def test_too_few_people_are_not_told_of(home: Home, model: Model) -> None:
    rows = members(model)[:-2].astype(np.uint32)
    mask = np.isin(np.arange(model.users.height), rows)
    gone = Withheld(rows, members_among(model.segments, mask, rows), (0, 0))
    with pytest.raises(SegmentTooSmall):
        spread_of_paid(home, replace(model, withheld=gone), ADS, Journey())
