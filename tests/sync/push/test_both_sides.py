"""Random edits on both sides, syncs in between, answers lost: in the end both say the same, and nobody's edit is gone."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from finance.models import Party
from integrations.conflicts.models import Conflict
from integrations.mapping.models import FieldMapping
from integrations.mapping.services import save_field_rules
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState, SyncRun
from integrations.sync.push.models import OutboundWrite

from .conftest import sync, two_way

pytestmark = pytest.mark.services

# Ours -> theirs. None of them is a natural key.
FIELDS = {"phone": "phone", "given_name": "first"}
WHICH = st.integers(0, 5)
FIELD = st.sampled_from(sorted(FIELDS))


class TwoSides(RuleBasedStateMachine):
    """Subclassed with the connection, the vendor and the resource of a test."""

    ledger: Any
    shop: Any
    resource: str
    owner: str

    @initialize()
    def begin(self) -> None:
        forget(self.shop)
        self.count = 0
        # (key, our field) -> what was said since both last agreed; ours by our key, for what has no link yet is edited too
        self.said_here: dict[tuple[Any, str], str] = {}
        self.said_there: dict[tuple[str, str], str] = {}
        save_field_rules(self.ledger, self.resource, {field: {"owner": self.owner} for field in FIELDS})
        two_way(self.ledger, self.resource, creates=True)

    @rule()
    def somebody_new_here(self) -> None:
        Party.objects.create(name=self.fresh(), email=f"{self.count}@here.example")

    @rule()
    def somebody_new_there(self) -> None:
        name = self.fresh()
        self.shop.put(self.resource, f"t{self.count}", name=name, email=f"{self.count}@there.example")

    @rule(which=WHICH, field=FIELD)
    def an_edit_here(self, which: int, field: str) -> None:
        if party := chosen(Party.objects.order_by("pk"), which):
            value = self.fresh()
            Party.objects.filter(pk=party.pk).update(**{field: value})
            self.said_here[party.pk, field] = value

    @rule(which=WHICH, field=FIELD)
    def an_edit_there(self, which: int, field: str) -> None:
        if record := chosen(self.shop.of(self.resource), which):
            value = self.fresh()
            self.shop.put(self.resource, record["id"], **{FIELDS[field]: value})
            self.said_there[record["id"], field] = value

    @rule(drop=st.sampled_from([0, 0, 1, 2]), change=st.booleans())
    def a_sync(self, drop: int, change: bool) -> None:
        self.shop.drop = drop
        asked = {}
        if change:
            asked["run"] = SyncRun.objects.create(connection=self.ledger, resource=self.resource, trigger="change")
        run = sync(self.ledger, self.resource, **asked)
        self.shop.drop = 0
        if run.state == "succeeded" and not (change and self.resource == "clients"):
            self.check()

    def check(self) -> None:
        there = {one["id"]: one for one in self.shop.of(self.resource)}
        here = {link.external_id: Party.objects.get(pk=link.record_id) for link in RecordLink.objects.all()}
        assert set(here) == set(there)
        assert len({party.pk for party in here.values()}) == len(here) == Party.objects.count()
        for key, party in here.items():
            for ours, theirs in {"name": "name", "email": "email", **FIELDS}.items():
                assert getattr(party, ours) == (there[key].get(theirs) or ""), (key, ours)
            for field in FIELDS:
                said = {self.said_here.get((party.pk, field)), self.said_there.get((key, field))} - {None}
                assert not said or getattr(party, field) in said, (key, field)
        self.said_here.clear()
        self.said_there.clear()

    def teardown(self) -> None:
        for _ in range(2):
            sync(self.ledger, self.resource)
        self.check()
        assert sync(self.ledger, self.resource).sent == 0

    def fresh(self) -> str:
        self.count += 1
        return f"value {self.count}"


@pytest.mark.parametrize(("resource", "owner"), [("contacts", "theirs"), ("contacts", "newest"), ("clients", "ours")])
def test_both_sides_end_equal_and_what_one_side_alone_changed_survives(ledger, shop, resource, owner):
    parts = {"ledger": ledger, "shop": shop, "resource": resource, "owner": owner}
    machine = type("Machine", (TwoSides,), parts)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(os.environ.get("STORIES_OF_EDITS", "8")),
            stateful_step_count=14,
            deadline=None,
            phases=[Phase.generate],  # making the example smaller would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


def chosen(several: Any, which: int) -> Any:
    found = list(several)
    return found[which % len(found)] if found else None


def forget(shop: Any) -> None:
    for model in (FieldMapping, Conflict, OutboundWrite, SyncRun, RecordLink, QuarantinedRecord, ResourceState, Party):
        model.objects.all().delete()
    shop.records.clear()
    shop.replies.clear()
