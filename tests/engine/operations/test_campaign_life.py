"""Whatever is said in whatever order: no step is skipped, no money is lost, no line is changed."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.errors import Forbidden
from engine.operations import campaigns
from engine.operations.campaign_life import Outdated, OutOfStep, Settled
from engine.operations.campaign_money import total_of
from engine.operations.campaigns import Campaign, Occasion
from engine.operations.permissions import Actor
from engine.store.home import Home
from tests.engine.operations.campaigned import FIELDS, NOW, ROLES, copy_home, make_home

MAY_FOLLOW = {
    ("draft", "plan"): "planned",
    ("draft", "cancel"): "cancelled",
    ("planned", "plan"): "planned",
    ("planned", "approve"): "approved",
    ("planned", "cancel"): "cancelled",
    ("approved", "start"): "running",
    ("approved", "cancel"): "cancelled",
    ("running", "finish"): "finished",
    ("running", "cancel"): "cancelled",
}
"""Written down a second time on purpose: the table that is tested must not test itself."""
NATURAL = {"draft": "plan", "planned": "approve", "approved": "start", "running": "finish"}
VERBS = ("plan", "approve", "start", "finish", "cancel")
TEMPLATE: list[Home] = []


def by(name: str) -> Actor:
    """As the home knows them, without asking it each time."""
    return Actor(name, ROLES[name])


def template() -> Home:
    """A home with a draft, made once."""
    if not TEMPLATE:
        home = make_home(Path(tempfile.mkdtemp(prefix="mokhatab-life-")) / "home")
        campaigns.create(home, by("mina"), FIELDS, Occasion(NOW))
        TEMPLATE.append(home)
    return TEMPLATE[0]


class Life(RuleBasedStateMachine):
    """A campaign of mina's, which she and others lead through its life in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="mokhatab-life-"))
        self.home = copy_home(template(), self.folder / "home")
        self.status, self.version, self.budget = "draft", 1, Decimal("2000.00")
        self.by = "mina"
        self.lines: list[Any] = []
        self.told: set[str] | None = None

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def now(self) -> Campaign:
        return campaigns.show(self.home, by("mina"), "c1")

    @rule(verb=st.sampled_from(VERBS), name=st.sampled_from(["mina", "omid", "ada"]))
    def say_anything(self, verb: str, name: str) -> None:
        self.say(verb, name)

    def say(self, verb: str, name: str) -> None:
        occasion = Occasion(NOW, accept_undetectable=True)
        wanted = MAY_FOLLOW.get((self.status, verb))
        alone = verb == "approve" and name in ("mina", self.by) and self.budget > 5000
        try:
            found = getattr(campaigns, verb)(self.home, by(name), "c1", occasion)
        except OutOfStep as error:
            assert wanted is None
            self.told = set(error.allowed)
        except Forbidden:
            assert alone
            assert wanted
        else:
            assert found.status == wanted
            assert not alone
            self.status, self.version = found.status, self.version + 1

    @precondition(lambda self: self.status in NATURAL)
    @rule()
    def go_on(self) -> None:
        self.say(NATURAL[self.status], "ada")

    @rule(budget=st.sampled_from(["1500.00", "2000.01", "9000.00"]))
    def move_money(self, budget: str) -> None:
        changes = Decimal(budget) != self.budget
        try:
            campaigns.change(self.home, by("omid"), "c1", {"budget": budget}, Occasion(NOW))
        except Settled:
            assert changes
            assert self.status in ("running", "finished", "cancelled")
        else:
            if changes:
                assert self.status in ("draft", "planned", "approved")
                self.status, self.budget, self.by = "draft", Decimal(budget), "omid"
                self.version += 1

    @rule(name=st.text(st.characters(categories=["L"]), min_size=1, max_size=5))
    def rename(self, name: str) -> None:
        before = self.now()
        try:
            after = campaigns.change(self.home, by("mina"), "c1", {"name": name}, Occasion(NOW))
        except Settled:
            assert self.status in ("finished", "cancelled")
        else:
            assert after.status == before.status
            assert after.plan == before.plan
            self.version += name != before.name

    @precondition(lambda self: self.version > 1)
    @rule(verb=st.sampled_from(VERBS))
    def say_what_was_read_before(self, verb: str) -> None:
        with pytest.raises(Outdated):
            getattr(campaigns, verb)(
                self.home, by("omid"), "c1", Occasion(NOW, version=self.version - 1)
            )

    @rule(
        words=st.sampled_from(["UPDATE campaign_audit SET who = 'x'", "DELETE FROM campaign_audit"])
    )
    def edit_the_log(self, words: str) -> None:
        with (
            closing(sqlite3.connect(self.home.catalog)) as records,
            pytest.raises(sqlite3.IntegrityError, match="never changed"),
        ):
            records.execute(words)

    @invariant()
    def an_error_named_what_may_follow(self) -> None:
        may = {said for state, said in MAY_FOLLOW if state == self.status}
        assert self.told in (None, may)
        self.told = None

    @invariant()
    def it_stands_where_the_verbs_led(self) -> None:
        found = self.now()
        assert (found.status, found.version) == (self.status, self.version)
        assert found.budget == self.budget

    @invariant()
    def the_log_only_grows(self) -> None:
        lines = list(campaigns.audit(self.home, by("sara"), "c1"))
        assert lines[: len(self.lines)] == self.lines
        assert [line.version for line in lines] == list(range(1, self.version + 1))
        self.lines = lines

    @invariant()
    def money_is_all_there(self) -> None:
        found = self.now()
        planned = found.status in ("planned", "approved", "running", "finished")
        if found.plan is not None:
            assert total_of(found.plan) == Decimal(found.plan["money"]["spent"]) <= found.budget
            assert Decimal(found.plan["money"]["budget"]) == found.budget
        assert not planned or found.plan is not None
        if found.status in ("approved", "running", "finished") and found.budget > 5000:
            assert found.approved_by == "ada"

    @invariant()
    def people_are_kept_while_they_are_addressed(self) -> None:
        kept = list((self.home.root / "campaigns").glob("*.parquet"))
        assert len(kept) <= 1
        if self.status in ("approved", "running", "finished"):
            assert len(kept) == 1
        if self.status in ("draft", "planned"):
            assert not kept


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]
TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=4,
    stateful_step_count=10,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=QUIET,
)


@pytest.mark.slow
class TestLongLives(Life.TestCase):  # type: ignore[name-defined, misc]
    settings = settings(
        max_examples=80,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=QUIET,
    )
