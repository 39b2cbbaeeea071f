"""Both sides changed the same field, differently."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from finance.models import Invoice, InvoiceLine, Party
from integrations import hub
from integrations.changes import feed
from integrations.changes.origins import by
from integrations.conflicts.models import Conflict
from integrations.mapping.compile import Rule, compile_mapping
from integrations.mapping.overrides import Override, overrides_of
from integrations.mapping.services import save_field_rules
from integrations.sync import conflicts
from integrations.sync.apply import apply
from integrations.sync.batch import Route
from integrations.sync.engine import run_sync
from integrations.sync.models import RecordLink
from integrations.sync.threeway import Verdict, Winner, verdict, winner
from integrations.targets import get
from members.models import Member, MemberConsent

from .testbook import contact, invoice, person, provider

pytestmark = [pytest.mark.django_db, pytest.mark.services]


class Both:
    """One record on both sides: `theirs` is edited, `here` edits ours as a person, `read` reads everything again."""

    def __init__(self, ledger, vendor, resource, record, model):
        self.ledger, self.resource, self.theirs, self.model = ledger, resource, record, model
        vendor.lists(f"/{resource}", [record])
        self.read()

    def rule(self, **rules):
        """A field's rule; what a changed mapping reads again is read."""
        save_field_rules(self.ledger, self.resource, {name: dict(rule) for name, rule in rules.items()})
        self.read()

    def here(self, who="user:7", **values):
        with by(who):
            self.model.objects.update(**values)

    def read(self):
        run = run_sync(self.ledger, self.resource, full=True)
        assert run.state == "succeeded", run.message
        return run

    @property
    def ours(self):
        return self.model.objects.get()

    @property
    def link(self):
        return RecordLink.objects.get(connection=self.ledger, resource=self.resource)

    @property
    def open(self):
        return Conflict.objects.get(state="open")

    def overruled(self):
        return [
            (one.before, one.after)
            for one in feed.history(get_target(self.model), self.ours.pk)
            if one.op == "overruled"
        ]


def get_target(model):
    return f"{model._meta.app_label}.{model._meta.model_name}"


@pytest.fixture
def party(ledger, vendor):
    return Both(ledger, vendor, "contacts", contact(1, phone="1"), Party)


@pytest.fixture
def member(ledger, vendor):
    return Both(ledger, vendor, "staff", person(1, phone="1", list="a"), Member)


@pytest.fixture(autouse=True)
def _nothing_in_melbourne(melbourne, request):
    yield
    if "ledger" in request.fixturenames:
        with hub.enter(melbourne):
            assert not Conflict.objects.exists(), "Sydney's conflicts are in Melbourne"


# --- the rules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["ours", "theirs", "newest", "ask"])
@pytest.mark.parametrize("write", ["always", "if_empty", "never", "append"])
def test_a_change_made_on_our_side_only_stays_under_every_rule(owner, write):
    for ours in ("ours", "", None):
        found = verdict(Rule(owner, write), ours=ours, theirs="both", base="both", known=True)
        assert found is Verdict.KEEP


@pytest.mark.parametrize("owner", ["ours", "theirs", "newest", "ask"])
def test_a_change_made_on_their_side_only_is_taken_under_every_owner(owner):
    assert verdict(Rule(owner, "always"), ours="both", theirs="new", base="both", known=True) is Verdict.TAKE


def test_the_later_of_two_times_wins_and_without_a_later_one_theirs_does():
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    times = {
        (late, early): Winner.OURS,
        (early, late): Winner.THEIRS,
        (early, early): Winner.THEIRS_UNDATED,
        (None, early): Winner.THEIRS_UNDATED,
        (late, None): Winner.THEIRS_UNDATED,
    }
    for (ours_at, theirs_at), then in times.items():
        assert winner("newest", ours="x", ours_at=ours_at, theirs_at=theirs_at) is then


def test_what_only_we_changed_stays_where_the_rule_is_to_ask(party):
    party.rule(phone={"owner": "ask"}, email={"owner": "ours"})
    party.here(phone="", email="")
    party.theirs["first"] = "Changed"
    party.read()
    assert (party.ours.phone, party.ours.email, party.ours.given_name) == ("", "", "Changed")
    assert not Conflict.objects.exists()


# --- newest -----------------------------------------------------------------------------------------------------------


def test_the_newest_wins_by_the_feed_and_by_their_record(party):
    party.rule(phone={"owner": "newest"}, email={"owner": "newest"})
    party.here(phone="ours", email="ours@example.com")
    party.theirs.update(phone="theirs", updated="2026-01-05T00:00:00Z")
    party.read()
    assert party.ours.phone == "ours"
    assert party.overruled() == [({"phone": "theirs"}, {"phone": "ours"})]
    assert party.link.base["phone"] == "theirs", "so that ours is sent"
    party.theirs.update(email="theirs@example.com", updated="2999-01-05T00:00:00Z")
    run = party.read()
    assert party.ours.email == "theirs@example.com"
    assert "equal or not known" not in run.message


def test_a_change_of_the_connections_own_is_not_ours(party):
    """What it brought itself is no edit of ours: its time decides nothing."""
    party.rule(phone={"owner": "newest"})
    party.here(f"connection:{party.ledger.pk}", phone="brought by itself")
    party.theirs["phone"] = "theirs"
    assert "1 field changed on both sides at times that are equal or not known" in party.read().message
    assert party.ours.phone == "theirs"


def test_a_resource_without_times_is_as_new_as_its_reading(member):
    member.rule(phone={"owner": "newest"})
    member.here(phone="ours")
    member.theirs["phone"] = "theirs"
    member.read()
    assert member.ours.phone == "theirs"


# --- ask --------------------------------------------------------------------------------------------------------------


def test_asked_neither_side_is_written_and_the_base_stays(party):
    party.rule(phone={"owner": "ask"})
    party.here(phone="ours")
    party.theirs.update(phone="theirs", first="Changed", updated="2026-01-05T00:00:00Z")
    run = party.read()
    found = party.open
    assert (party.ours.phone, party.ours.given_name) == ("ours", "Changed")
    assert (party.link.base["phone"], party.link.base["given_name"]) == ("1", "Changed")
    assert (found.base, found.ours, found.theirs, found.agreed) == ("1", "ours", "theirs", True)
    assert (found.field, found.part, found.target, found.record_id) == ("phone", "", "finance.party", party.ours.pk)
    assert found.ours_by == "user:7"
    assert timezone.now().timestamp() - found.ours_at.timestamp() < 600
    assert found.theirs_at == datetime(2026, 1, 5, tzinfo=UTC)
    assert (found.run_id, run.conflicts, run.fetched) == (run.pk, 1, 1)
    assert "1 field changed on both sides and waits for a person." in run.message
    assert conflicts.open_fields([party.link.pk]) == {party.link.pk: {"phone"}}
    assert conflicts.open_fields_of(party.ledger, "contacts", [party.ours.pk]) == {party.ours.pk: {"phone"}}
    assert conflicts.open_fields_of(party.ledger, "staff", [party.ours.pk]) == {}


def test_a_newer_value_updates_the_open_conflict_and_the_same_one_does_not(party):
    party.rule(phone={"owner": "ask"})
    party.here(phone="ours")
    party.theirs["phone"] = "theirs"
    party.read()
    party.theirs["first"] = "Changed"
    assert party.read().conflicts == 0
    assert party.open.version == 1
    party.theirs["phone"] = "theirs again"
    assert party.read().conflicts == 1
    assert (party.open.version, party.open.theirs, party.open.base) == (2, "theirs again", "1")
    party.here("user:8", phone="ours again")
    party.theirs["first"] = "Changed again"
    party.read()
    assert (party.open.version, party.open.ours, party.open.ours_by) == (3, "ours again", "user:8")
    assert Conflict.objects.count() == 1


@pytest.mark.parametrize(
    ("here", "there", "then"),
    [("theirs", "theirs", "theirs"), ("1", "theirs", "theirs"), ("ours", "ours", "ours"), ("ours", "1", "ours")],
)
def test_what_is_no_conflict_any_more_ends_by_itself(party, here, there, then):
    """Agreed here or there, or taken back on one side: then the other one's change counts."""
    party.rule(phone={"owner": "ask"})
    party.here(phone="ours")
    party.theirs["phone"] = "theirs"
    party.read()
    if here != "ours":
        party.here(phone=here)
    party.theirs.update(phone=there, first="Changed")
    party.read()
    assert not Conflict.objects.filter(state="open").exists()
    assert Conflict.objects.get().state == "moot"
    assert (party.ours.phone, party.link.base["phone"]) == (then, there)


def test_a_blank_of_theirs_is_no_change_and_ends_the_conflict(party):
    party.rule(phone={"owner": "ask"})
    party.here(phone="ours")
    party.theirs["phone"] = "theirs"
    party.read()
    party.theirs.update(phone=None)
    party.read()
    assert Conflict.objects.get().state == "moot"
    assert party.ours.phone == "ours"


@pytest.mark.parametrize("blank", ["", "   ", None])
def test_a_blank_that_no_converter_has_read_erases_nothing_either(party, blank):
    party.theirs["last"] = "Lovelace"
    party.rule(family_name={"source": "last"})
    party.theirs.update(last=blank, first="Changed")
    party.read()
    assert (party.ours.family_name, party.ours.given_name) == ("Lovelace", "Changed")


def test_another_rule_settles_what_was_open(party):
    party.rule(phone={"owner": "ask"})
    party.here(phone="ours")
    party.theirs["phone"] = "theirs"
    party.read()
    party.rule(phone={"owner": "theirs"})
    assert (Conflict.objects.get().state, party.ours.phone) == ("moot", "theirs")


def test_records_just_matched_are_asked_about_where_both_say_something(ledger, vendor):
    with by("user:7"):
        Party.objects.create(number="7", name="Our name", phone="")
    record = contact(1, name="Their name", phone="2") | {"number": "7"}
    save_field_rules(ledger, "contacts", {"name": {"owner": "ask"}, "phone": {"owner": "ask"}})
    both = Both(ledger, vendor, "contacts", record, Party)
    assert (both.ours.name, both.ours.phone) == ("Our name", "2")
    assert (both.open.agreed, both.open.base, both.open.ours, both.open.theirs) == (
        False,
        None,
        "Our name",
        "Their name",
    )
    record["first"] = "Changed"
    both.read()
    assert (both.ours.name, both.ours.given_name) == ("Our name", "Changed")
    assert (both.open.field, both.open.version) == ("name", 1)
    with by("user:7"):
        Party.objects.update(name="Their name")
    record["first"] = "Changed again"
    both.read()
    assert Conflict.objects.get().state == "moot"


# --- ours -------------------------------------------------------------------------------------------------------------


def test_what_ours_won_over_is_in_the_feed_once(party):
    party.rule(phone={"owner": "ours"})
    party.here(phone="ours")
    party.theirs["phone"] = "theirs"
    party.read()
    party.theirs["first"] = "Changed"
    party.read()
    assert party.overruled() == [({"phone": "theirs"}, {"phone": "ours"})]
    assert (party.ours.phone, party.link.base["phone"]) == ("ours", "theirs")


def test_what_theirs_won_over_is_in_the_feed_too(party):
    party.here(phone="ours")
    party.theirs["phone"] = "theirs"
    party.read()
    newest = feed.history("finance.party", party.ours.pk)[0]
    assert (newest.op, newest.before["phone"], newest.after["phone"]) == ("update", "ours", "theirs")
    assert newest.origin == f"connection:{party.ledger.pk}"


# --- lists ------------------------------------------------------------------------------------------------------------


def test_keyed_children_are_merged_key_by_key(member, vendor):
    ours = Member.objects.get()
    with by("user:7"):
        MemberConsent.objects.create(member=ours, channel="sms", purpose="news", state="granted")
        MemberConsent.objects.filter(channel="email").update(state="denied")
    member.theirs["first"] = "Changed"
    member.read()
    assert set(MemberConsent.objects.values_list("channel", "state")) == {("email", "denied"), ("sms", "granted")}


def test_a_keyed_child_is_asked_about_by_its_key(member):
    member.rule(consents={"owner": "ask", "source": "list,state"})
    with by("user:7"):
        MemberConsent.objects.update(state="denied")
    member.theirs["state"] = "withdrawn"
    member.read()
    found = member.open
    assert (found.field, found.part) == ("consents", '["email","newsletter:a"]')
    assert (found.base["state"], found.ours["state"], found.theirs["state"]) == ("granted", "denied", "withdrawn")
    assert MemberConsent.objects.get().state == "denied"
    assert member.link.base["consents"] == [{"channel": "email", "purpose": "newsletter:a", "state": "granted"}]
    member.theirs["state"] = "denied"
    member.read()
    assert Conflict.objects.get().state == "moot"


def test_lines_are_asked_about_as_a_whole(ledger, vendor):
    both = Both(ledger, vendor, "invoices", invoice(1), Invoice)
    both.rule(lines={"owner": "ask"})
    with by("user:7"):
        InvoiceLine.objects.filter(description="Fee").update(account_code="200")
    both.theirs["lines"][1]["text"] = "Books"
    both.read()
    assert [line["description"] for line in both.open.theirs] == ["Fee", "Books"]
    assert both.open.ours[0]["account_code"] == "200"
    assert set(InvoiceLine.objects.values_list("description", flat=True)) == {"Fee", "Book"}


@pytest.mark.parametrize("rules", [{}, {"total": {"owner": "ours", "source": "total,currency"}}])
def test_amounts_of_two_currencies_are_never_mixed(ledger, vendor, rules):
    both = Both(ledger, vendor, "invoices", invoice(1), Invoice)
    both.rule(**rules)
    both.here(total_minor=2500)
    both.theirs["currency"] = "USD"
    both.read()
    assert (both.ours.currency, both.ours.total_minor, both.ours.due_minor) == ("USD", 2000, 2000)
    both.here(currency="NZD", total_minor=2500)
    both.theirs["number"] = "changed"
    both.read()
    assert (both.ours.currency, both.ours.total_minor, both.ours.number) == ("NZD", 2500, "changed")
    both.theirs.update(paid=1.00, due=19.00)
    both.read()
    assert (both.ours.currency, both.ours.total_minor, both.ours.paid_minor) == ("USD", 2000, 100)


def test_a_base_that_would_be_no_valid_record_is_none(ledger, vendor):
    """Their new sum beside the old payments adds up to nothing: the conflict goes on without a base, the rest with theirs."""
    both = Both(ledger, vendor, "invoices", invoice(1), Invoice)
    both.rule(total={"owner": "ask", "source": "total,currency"})
    both.here(total_minor=2500, number="OURS")
    both.theirs.update(total=30.00, due=30.00)
    both.read()
    assert (both.open.agreed, both.open.base) == (False, None)
    assert both.link.base["total"]["minor"] == 3000
    both.theirs["date"] = "2026-02-04"
    both.read()
    assert (both.ours.total_minor, both.ours.number, both.open.version) == (2500, "OURS", 1)


def test_a_reference_that_has_not_come_yet_is_asked_about_and_shown_when_it_has(ledger, vendor):
    people = [contact(1), contact(2)]
    vendor.lists("/contacts", people)
    run_sync(ledger, "contacts", full=True)
    both = Both(ledger, vendor, "invoices", invoice(1), Invoice)
    both.rule(party={"owner": "ask", "source": "contact.id"})
    first, second = Party.objects.order_by("name")
    both.here(party=second)
    both.theirs["contact"]["id"] = "c9"
    both.read()
    assert (both.open.base, both.open.ours, both.open.theirs) == (str(first.pk), str(second.pk), None)
    people.append(contact(9))
    run_sync(ledger, "contacts", full=True)
    third = Party.objects.get(name="Contact 9")
    assert (both.open.theirs, both.open.version) == (str(third.pk), 2)
    assert (both.ours.party, both.link.base["party"], both.link.refs) == (second, str(first.pk), None)


def test_what_refers_to_nobody_yet_is_not_written_past_an_open_conflict(ledger, vendor):
    """Ours was taken back meanwhile: it stays until its own resource is looked at again, and then theirs counts."""
    people = [contact(1), contact(2)]
    vendor.lists("/contacts", people)
    run_sync(ledger, "contacts", full=True)
    both = Both(ledger, vendor, "invoices", invoice(1), Invoice)
    both.rule(party={"owner": "ask", "source": "contact.id"})
    first, second = Party.objects.order_by("name")
    both.here(party=second)
    both.theirs["contact"]["id"] = "c9"
    both.read()
    both.here(party=first)
    people.append(contact(9))
    run_sync(ledger, "contacts", full=True)
    assert (both.ours.party, both.open.state) == (first, "open")
    both.read()
    assert both.ours.party == Party.objects.get(name="Contact 9")
    assert Conflict.objects.get().state == "moot"


def test_a_time_of_making_is_not_taken_for_one_of_changing(party):
    """As with a vendor whose cursor is when a record was made: then it is as new as its reading."""
    declared = provider.resource("contacts")
    made = replace(declared, cursor=replace(declared.cursor, creation=True))
    mapping = compile_mapping(declared, {"phone": Override(source="phone", owner="newest")})
    route = Route(connection=party.ledger, resource=made, target=get("finance.party"), mapping=mapping)
    party.here(phone="ours")
    apply(route, [party.theirs | {"phone": "theirs"}], timezone.now())
    assert party.ours.phone == "theirs"


# --- how much it costs ------------------------------------------------------------------------------------------------


def applied(ledger, rules, count, edited=True):
    """The statements of a batch whose records changed there, and here too where `edited`."""
    save_field_rules(ledger, "contacts", rules)
    declared = provider.resource("contacts")
    mapping = compile_mapping(declared, overrides_of(ledger, "contacts"))
    route = Route(connection=ledger, resource=declared, target=get("finance.party"), mapping=mapping)
    records = [contact(number, phone="1") for number in range(count)]
    with database.cursor():
        apply(route, records, timezone.now())
    if edited:
        with by("user:7"):
            Party.objects.update(phone="ours")
    for record in records:
        record["phone"] = "theirs"
    with CaptureQueriesContext(
        database,
    ) as captured:
        outcome = apply(route, records, timezone.now(), look_for_conflicts=False)
    return len(captured), outcome


def test_the_number_of_statements_does_not_depend_on_the_number_of_conflicts(ledger):
    few, first = applied(ledger, {"phone": {"owner": "ask"}}, 2)
    RecordLink.objects.all().delete()
    Party.objects.all().delete()
    many, second = applied(ledger, {"phone": {"owner": "ask"}}, 40)
    assert (few, first.counts.conflicts, second.counts.conflicts) == (many, 2, 40)


def test_a_batch_without_fields_that_both_changed_asks_for_nothing_more(ledger):
    plain, _ = applied(ledger, {}, 3, edited=False)
    RecordLink.objects.all().delete()
    Party.objects.all().delete()
    ruled, outcome = applied(ledger, {"phone": {"owner": "newest"}, "email": {"owner": "ask"}}, 3, edited=False)
    assert (ruled, outcome.counts.updated) == (plain, 3)
