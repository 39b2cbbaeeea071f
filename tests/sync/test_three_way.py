"""The merge under any edits in any order: as a pure rule, and through `apply` against PostgreSQL beside a model of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from finance.models import Party
from integrations import hub
from integrations.changes import feed
from integrations.changes.origins import by, of_connection, speak
from integrations.conflicts import resolve
from integrations.conflicts.models import Conflict
from integrations.conflicts.ours import load
from integrations.conflicts.review import review
from integrations.mapping.compile import Rule, compile_mapping
from integrations.mapping.overrides import Override
from integrations.sync import conflicts
from integrations.sync.apply import apply
from integrations.sync.batch import Route
from integrations.sync.models import RecordLink
from integrations.sync.threeway import EMPTY, Verdict, verdict
from integrations.targets import get

from .testbook import contact, provider

OWNERS = ("ours", "theirs", "newest", "ask")
VALUES = st.sampled_from(["", "a", "b", "c"])


@given(st.sampled_from(OWNERS), VALUES, VALUES, VALUES)
def test_an_edit_on_one_side_only_always_survives(owner, ours, theirs, base):
    found = verdict(Rule(owner, "always"), ours=ours, theirs=theirs, base=base, known=True)
    then = theirs if found is Verdict.TAKE else ours
    if theirs == base:
        assert then == ours
    elif ours == base:
        assert then == theirs
    elif ours == theirs:
        assert found is Verdict.KEEP
    else:
        assert found is Verdict.CONTEST


@given(st.sampled_from(OWNERS), st.sampled_from(["always", "if_empty", "never", "append"]), VALUES, VALUES, VALUES)
def test_a_write_mode_never_writes_more_than_it_says(owner, write, ours, theirs, base):
    found = verdict(Rule(owner, write), ours=ours, theirs=theirs, base=base, known=True)
    if write == "never":
        assert found is Verdict.KEEP
    if write == "if_empty" and ours not in EMPTY:
        assert found is Verdict.KEEP
    assert (found is Verdict.APPEND) == (write == "append" and theirs not in (ours, base))


@given(st.sampled_from(OWNERS), VALUES, VALUES)
def test_records_just_matched_fill_their_gaps_and_contest_the_rest(owner, ours, theirs):
    found = verdict(Rule(owner, "always"), ours=ours, theirs=theirs, base=None, known=False)
    wanted = Verdict.KEEP if ours == theirs else Verdict.TAKE if ours == "" else Verdict.CONTEST
    assert found is wanted


# --- through apply ----------------------------------------------------------------------------------------------------

# Canonical field -> what the vendor calls it, and who owns it.
FIELDS = {"phone": ("phone", "ours"), "email": ("email", "ask"), "given_name": ("first", "newest"), "number": ("number", "theirs"),
          "family_name": ("last", "ask"), "tax_number": ("abn", "newest")}  # fmt: skip
LATER, EARLIER = "2999-01-01T00:00:00Z", "2000-01-01T00:00:00Z"


def value_of(field: str, letter: str) -> str:
    return f"{letter}@example.com" if field == "email" and letter else letter


@dataclass
class Side:
    """The model of one field: three values, whether it waits for a person, and what was lost under whom."""

    owner: str
    base: str
    ours: str
    theirs: str
    waits: bool = False

    def read(self, *, theirs_is_later: bool) -> tuple[str, str] | None:
        """What the sentence of docs/sync.md says. Returns (their value, ours) where ours won over theirs."""
        said = self.theirs or self.base  # a blank of theirs says nothing
        ours, self.waits = self.ours, False
        if said == self.base:
            return None
        if self.ours in (self.base, said):
            self.ours = self.base = said
            return None
        if self.owner == "ask":
            self.waits = True
            return None
        keeps = (self.owner == "ours" and ours != "") or (self.owner == "newest" and not theirs_is_later)
        self.base, self.ours = said, ours if keeps else said
        return (said, ours) if keeps else None


class TwoSides(RuleBasedStateMachine):
    ledger: Any

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        declared = provider.resource("contacts")
        paths = {field: Override(source=theirs, owner=owner) for field, (theirs, owner) in FIELDS.items()}
        mapping = compile_mapping(declared, paths)
        self.route = Route(connection=self.ledger, resource=declared, target=get("finance.party"), mapping=mapping)
        self.lost_by_rule: list[tuple[str, str, str]] = []

    @initialize(letter=VALUES)
    def both_begin_alike(self, letter):
        start = {field: value_of(field, letter) for field in FIELDS}
        self.record = contact(1, updated=EARLIER) | {FIELDS[field][0]: value for field, value in start.items()}
        self.model = {field: Side(FIELDS[field][1], value, value, value) for field, value in start.items()}
        self.apply()

    def apply(self):
        with transaction.atomic():
            speak(of_connection(self.ledger.pk))
            outcome = apply(self.route, [self.record], timezone.now())
            assert outcome.counts.quarantined == 0
            review(self.ledger, "contacts")

    @rule(field=st.sampled_from(sorted(FIELDS)), letter=VALUES)
    def somebody_edits_here(self, field, letter):
        self.model[field].ours = value_of(field, letter)
        with by("user:7"):
            Party.objects.update(**{field: value_of(field, letter)})

    @rule(field=st.sampled_from(sorted(FIELDS)), letter=VALUES, updated=st.sampled_from([LATER, EARLIER]))
    def somebody_edits_there(self, field, letter, updated):
        self.model[field].theirs = value_of(field, letter)
        self.record |= {FIELDS[field][0]: value_of(field, letter), "updated": updated}

    @rule()
    def read(self):
        later = self.record["updated"] == LATER
        for field, side in self.model.items():
            if lost := side.read(theirs_is_later=later):
                self.lost_by_rule.append((field, *lost))
        self.apply()

    @rule(side=st.sampled_from(["ours", "theirs"]))
    def a_person_decides(self, side):
        """About what they were shown: of the last read, and of ours as it is now."""
        found = Conflict.objects.filter(state="open").order_by("field").first()
        assume(found is not None)
        ours = load(self.route.target, [found.record_id])[found.record_id].value((found.field, ""))
        seen = {found.pk: resolve.stamp(found, ours)}
        decided = resolve.resolve_seen(Conflict.objects.all(), seen, side, origin="user:8")
        assert decided.resolved
        model = self.model[found.field]
        model.waits, model.base = False, found.theirs
        if side == "theirs":
            model.ours = found.theirs
        else:
            self.lost_by_rule.append((found.field, found.theirs, ours or ""))

    @invariant()
    def ours_is_what_the_model_says(self):
        if not hasattr(self, "model"):
            return
        party = Party.objects.get()
        assert {field: getattr(party, field) for field in FIELDS} == {
            field: side.ours for field, side in self.model.items()
        }

    @invariant()
    def the_base_is_theirs_but_where_a_person_is_asked(self):
        if not hasattr(self, "model"):
            return
        link = RecordLink.objects.get()
        assert {field: link.base.get(field, "") for field in FIELDS} == {
            field: side.base for field, side in self.model.items()
        }
        waiting = {field for field, side in self.model.items() if side.waits}
        assert conflicts.open_fields([link.pk]).get(link.pk, set()) == waiting

    @invariant()
    def what_a_rule_overruled_is_in_the_feed(self):
        if not hasattr(self, "model"):
            return
        history = feed.history("finance.party", Party.objects.get().pk, limit=500)
        told = [
            (field, entry.before[field] or "", entry.after[field] or "")
            for entry in history
            if entry.op == "overruled"
            for field in entry.before
        ]
        assert sorted(told) == sorted(self.lost_by_rule)

    def teardown(self):
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)


@pytest.mark.django_db
@pytest.mark.services
def test_any_edits_on_both_sides_in_any_order(ledger, melbourne):
    class Here(TwoSides):
        pass

    Here.ledger = ledger
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert database.connection is not None
    here = hub.current()
    assert here.slug == "sydney"
