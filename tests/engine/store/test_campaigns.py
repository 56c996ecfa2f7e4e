"""Campaigns as rows: the same comes back, of two writers one is told, and the log only grows."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from engine.errors import DuplicateEntity
from engine.store.campaign_audiences import forget_in_audiences, keep_audience, read_audience
from engine.store.campaigns import (
    Campaign,
    Deed,
    add_campaign,
    find_campaign,
    page_of_campaigns,
    read_audit,
    replace_campaign,
)
from engine.store.catalog import Catalog, catalog_url, open_catalog
from engine.store.forgotten import remember
from engine.store.home import Home
from tests.engine.store.test_catalog import postgresql  # noqa: F401 a fixture

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
MADE = Campaign(
    id="c1",
    name="بهارِ شعر",
    product_id="کتاب/۱",
    goal="sales",
    market="b2b",
    budget=Decimal("1234567890.10"),
    currency="EUR",
    start=date(2026, 12, 1),
    end=date(2026, 12, 14),
    author="mina",
    created_at=NOW,
    holdout_share=0.1,
    channels=("telegram",),
    team="books",
    segments=("s/1",),
    locks={"telegram/s/1": "10.00"},
    schedule=({"channel": "telegram", "weekday": 0, "hour": 9},),
    recommended={"team": {"budget": "mina"}},
    plan={"spent": 1.5, "allocation": []},
    warnings=("careful",),
)
EDITS = (
    "UPDATE campaign_audit SET who = 'x'",
    "DELETE FROM campaign_audit",
)
OF_SQLITE = (
    *EDITS,
    "INSERT OR REPLACE INTO campaign_audit SELECT number, campaign_id, version, at, 'x', what, "
    "before, after FROM campaign_audit",
    "REPLACE INTO campaign_audit SELECT * FROM campaign_audit",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("MOKHATAB_DATABASE_URL", raising=False)
    return Home(tmp_path / "home")


def deed(what: str, who: str = "mina") -> Deed:
    return Deed(who, what, NOW, {"a": 1}, {"a": 2})


def _use(home: Home, edits: tuple[str, ...]) -> None:
    with open_catalog(home) as catalog:
        add_campaign(catalog, MADE, deed("create"))
        assert find_campaign(catalog, "c1") == MADE
        assert find_campaign(catalog, "c2") is None
        with pytest.raises(DuplicateEntity):
            add_campaign(catalog, MADE, deed("create"))
        newer = replace_campaign(catalog, replace(MADE, status="planned"), deed("plan", "omid"))
        assert newer == find_campaign(catalog, "c1") == replace(MADE, status="planned", version=2)
        assert replace_campaign(catalog, replace(MADE, name="late"), deed("change")) is None
        first, second = read_audit(catalog, "c1")
        assert (first.what, first.version, first.at) == ("create", 1, NOW)
        assert (second.who, second.before, second.after) == ("omid", {"a": 1}, {"a": 2})
        assert [one.id for _, one in page_of_campaigns(catalog, before=None, most=5)] == ["c1"]
        _is_guarded(catalog, edits)
        assert list(read_audit(catalog, "c1")) == [first, second]
        _one_of_many_wins(catalog, newer)


def _is_guarded(catalog: Catalog, edits: tuple[str, ...]) -> None:
    for words in edits:
        with (
            pytest.raises(sa.exc.DBAPIError, match="never changed"),
            catalog.transaction() as open_,
        ):
            open_.execute(sa.text(words))


def _one_of_many_wins(catalog: Catalog, read: Campaign | None) -> None:
    assert read is not None

    def write(number: int) -> bool:
        changed = replace(read, name=f"writer {number}")
        return replace_campaign(catalog, changed, deed("change", str(number))) is not None

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(write, range(8)))
    assert sum(won) == 1
    last = read_audit(catalog, "c1")[-1]
    assert (last.version, last.who) == (3, str(won.index(True)))
    found = find_campaign(catalog, "c1")
    assert found is not None
    assert found.name == f"writer {won.index(True)}"


def test_campaigns_are_kept_and_their_log_only_grows(home: Home) -> None:
    _use(home, OF_SQLITE)


@pytest.mark.slow
def test_postgresql_keeps_and_guards_the_same(
    home: Home,
    postgresql: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOKHATAB_DATABASE_URL", postgresql)
    engine = sa.create_engine(catalog_url(home), poolclass=sa.NullPool)
    for _ in range(100):
        try:
            engine.connect().close()
            break
        except sa.exc.OperationalError:
            time.sleep(0.1)
    _use(home, (*EDITS, "TRUNCATE campaign_audit"))


def test_what_fails_beside_a_deed_undoes_it(home: Home) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError

    with open_catalog(home) as catalog:
        add_campaign(catalog, MADE, deed("create"))
        with pytest.raises(RuntimeError):
            replace_campaign(catalog, MADE, replace(deed("plan"), also=fails))
        assert find_campaign(catalog, "c1") == MADE
        assert len(read_audit(catalog, "c1")) == 1


def people(*ids: str) -> pl.DataFrame:
    return pl.DataFrame({"user_id": ids, "held_out": [False] * len(ids)})


def test_who_is_erased_is_in_no_audience_whichever_came_first(home: Home) -> None:
    keep_audience(home, "c1@a", people("b", "a", "canary"))
    keep_audience(home, "c2@a", people("b", "a"))
    assert forget_in_audiences(home, "canary") == 1
    assert forget_in_audiences(home, "canary") == 0
    with open_catalog(home) as catalog:
        remember(home, catalog, "canary", NOW)
    keep_audience(home, "c3@a", people("canary", "a"))
    for name in ("c1@a", "c2@a", "c3@a"):
        kept = read_audience(home, name)
        assert kept is not None
        assert "canary" not in kept["user_id"]
        assert kept["user_id"].is_sorted()
    assert read_audience(home, "c9@a") is None
    assert not [path for path in (home.root / "campaigns").iterdir()
                if b"canary" in path.read_bytes()]  # fmt: skip
