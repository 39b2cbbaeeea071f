"""Change sets are taken back: exactly, and with an honest list of what has moved on since."""

from __future__ import annotations

import random
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from finance.models import Invoice, InvoiceLine, Party
from integrations import hub
from integrations.changes import origins
from integrations.changes.models import Change, ChangeSet
from integrations.changes.revert import Moved, Reverted, revert
from members.models import Member, MemberConsent

pytestmark = [pytest.mark.django_db, pytest.mark.services]
TABLES = ("finance_party", "finance_invoice", "finance_invoiceline", "members_member", "members_memberconsent")


@pytest.fixture
def inside(sydney, melbourne):
    with hub.enter(melbourne):
        Member.objects.create(display_name="Somebody of Melbourne")
    with hub.enter(sydney):
        yield sydney
    with hub.enter(melbourne):
        assert list(Member.objects.values_list("display_name", "version")) == [("Somebody of Melbourne", 1)]


@contextmanager
def change_set(origin="connection:x"):
    """Everything inside is one change set; its id is put into what is given."""
    made: list[int] = []
    run = uuid4()
    with transaction.atomic(), origins.by(origin, run):
        yield made
    made += ChangeSet.objects.filter(run_id=run).values_list("pk", flat=True)


def taken_back(made, **more) -> Reverted:
    with transaction.atomic():
        origins.speak("undo:x", uuid4())
        return revert(made, **more)


def state():
    """Every row of the tables, as text, but for version and times of writing."""
    found = {}
    with database.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT (to_jsonb(t) - 'version' - 'updated_at')::text FROM {table} t ORDER BY 1")
            found[table] = cursor.fetchall()
    return found


def invoice(party=None, **more):
    amounts = dict.fromkeys(("subtotal_minor", "tax_minor", "total_minor"), 2000)
    return Invoice.objects.create(
        type="receivable",
        issued_on=date(2026, 2, 3),
        status="authorised",
        currency="AUD",
        party=party,
        **amounts,
        **more,
    )


def line(of, position, **more):
    return InvoiceLine.objects.create(
        invoice=of, position=position, quantity=Decimal("1.1000000000"), unit_amount=Decimal("123456789012345.0123456789"),
        amount_minor=9_007_199_254_740_993, **more,
    )  # fmt: skip


def test_a_changed_column_gets_its_old_value_and_the_others_stay(inside):
    ada = Member.objects.create(display_name="Ada", email="ada@example.org", phone="1")
    with change_set() as made:
        Member.objects.filter(pk=ada.pk).update(email="new@example.org", tags=["a"], birth_date=date(1970, 1, 1))
    Member.objects.filter(pk=ada.pk).update(phone="2")
    before = ada.updated_at
    done = taken_back(made)
    ada.refresh_from_db()
    assert (done.changed, done.deleted, done.restored, done.moved) == (1, 0, 0, [])
    assert (ada.email, ada.tags, ada.birth_date, ada.phone, ada.version) == ("ada@example.org", [], None, "2", 2)
    assert ada.updated_at > before


def test_what_was_changed_since_is_left_and_named_column_by_column(inside):
    ada = Member.objects.create(display_name="Ada", email="ada@example.org")
    with change_set() as made:
        Member.objects.filter(pk=ada.pk).update(email="theirs@example.org", phone="1")
    with change_set("user:7"):
        Member.objects.filter(pk=ada.pk).update(email="person@example.org")
    done = taken_back(made)
    ada.refresh_from_db()
    assert (ada.email, ada.phone) == ("person@example.org", "")
    assert done.moved == [Moved("members.member", ada.pk, "", ("email",), "changed", "user:7")]
    assert done.changed == 1


def test_a_value_that_somebody_has_set_back_already_is_no_conflict(inside):
    ada = Member.objects.create(display_name="Ada", phone="1")
    with change_set() as made:
        Member.objects.filter(pk=ada.pk).update(phone="2")
    Member.objects.filter(pk=ada.pk).update(phone="1")
    assert taken_back(made) == Reverted()


def test_a_made_record_is_deleted_with_its_parts(inside):
    before = state()
    with change_set() as made:
        one = invoice(Party.objects.create(name="Ada"))
        line(one, 1)
    done = taken_back(made)
    assert (done.deleted, done.moved) == (2, [])
    assert state() == before


def test_a_made_record_stays_when_somebody_changed_it_or_needs_it(inside):
    with change_set() as made:
        changed, needed, linked = (Party.objects.create(name=name) for name in ("Changed", "Needed", "Linked"))
        plain = Party.objects.create(name="Plain")
    with change_set("user:7"):
        Party.objects.filter(pk=changed.pk).update(phone="1")
    invoice(needed), invoice(needed)
    done = taken_back(
        made, users=lambda target, ids: {linked.pk: "also linked"} if target.name == "finance.party" else {}
    )
    assert {(one.record_id, one.why, one.what) for one in done.moved} == {
        (changed.pk, "changed", "user:7"), (needed.pk, "used", "2 invoices"), (linked.pk, "used", "also linked"),
    }  # fmt: skip
    assert done.deleted == 1
    assert not Party.objects.filter(pk=plain.pk).exists()


def test_a_part_added_since_keeps_a_made_record(inside):
    with change_set() as made:
        ada = Member.objects.create(display_name="Ada")
    with change_set("connection:y"):
        MemberConsent.objects.create(member=ada, channel="email", purpose="newsletter:x", state="granted")
    done = taken_back(made)
    assert [(one.why, one.what) for one in done.moved] == [("changed", "connection:y")]
    assert Member.objects.filter(pk=ada.pk).exists()


def test_deleted_records_come_back_with_all_their_parts_to_the_last_digit(inside):
    one = invoice(Party.objects.create(name="Ada"), fx_rate=Decimal("0.1234567890"))
    line(one, 1, description="ü “x” \\ \n")
    line(one, 2)
    ada = Member.objects.create(
        display_name="Ada", address={"lines": ["1 High St"], "country": None}, tags=["a,b", '"']
    )
    MemberConsent.objects.create(
        member=ada,
        channel="email",
        purpose="x",
        state="granted",
        captured_at=datetime(2026, 1, 1, 1, 1, 1, 123456, UTC),
    )
    before = state()
    with change_set() as made:
        one.lines.all().delete()
        Invoice.objects.all().delete()
        Member.objects.all().delete()
    done = taken_back(made)
    assert (done.restored, done.changed, done.moved) == (2, 0, [])
    assert state() == before


def test_a_record_made_again_since_is_left(inside):
    ada = Member.objects.create(display_name="Ada")
    with change_set() as made:
        Member.objects.filter(pk=ada.pk).delete()
    Member.objects.create(pk=ada.pk, display_name="Ada again")
    done = taken_back(made)
    assert [(one.why, one.record_id) for one in done.moved] == [("there", ada.pk)]
    assert Member.objects.get().display_name == "Ada again"


def test_a_changed_record_that_is_gone_is_said_to_be(inside):
    ada = Member.objects.create(display_name="Ada")
    with change_set() as made:
        Member.objects.filter(pk=ada.pk).update(phone="1")
    Member.objects.all().delete()
    assert [(one.why, one.record_id) for one in taken_back(made).moved] == [("gone", ada.pk)]


def test_the_rows_of_a_part_are_exchanged_all_together_or_not_at_all(inside):
    one, other = invoice(), invoice()
    line(one, 1, description="old"), line(other, 1, description="old")
    before = state()
    with change_set() as made:
        for each in (one, other):
            each.lines.all().delete()
            line(each, 1, description="new"), line(each, 2, description="new")
    assert taken_back(made).changed == 2
    assert state() == before
    with change_set() as made:
        for each in (one, other):
            each.lines.all().delete()
            line(each, 1, description="new")
    with change_set("user:7"):
        line(other, 2, description="by hand")
    done = taken_back(made)
    assert done.moved == [Moved("finance.invoice", other.pk, "lines", (), "changed", "user:7")]
    assert list(one.lines.values_list("description", flat=True)) == ["old"]
    assert list(other.lines.values_list("description", flat=True)) == ["new", "by hand"]


def test_a_number_that_is_somebody_elses_by_now_costs_only_its_record(inside):
    people = [Member.objects.create(display_name=f"P{n}", member_number=f"A{n}") for n in range(7)]
    with change_set() as made:
        for one in people:
            Member.objects.filter(pk=one.pk).update(member_number=f"B-{one.member_number}")
    Member.objects.create(display_name="New", member_number="A3")
    done = taken_back(made)
    assert done.changed == 6
    ((target, record_id, _, _, why, what),) = done.moved
    assert (target, record_id, why) == ("members.member", people[3].pk, "refused")
    assert "already exists" in what


def test_several_sets_are_taken_back_newest_first(inside):
    before = state()
    sets = []
    with change_set() as made:
        ada = Member.objects.create(display_name="Ada", phone="1")
    sets += made
    for phone in ("2", "3"):
        with change_set() as made:
            Member.objects.filter(pk=ada.pk).update(phone=phone)
        sets += made
    done = taken_back(sets)
    assert (done.deleted, done.moved) == (1, [])
    assert state() == before


def test_what_changed_twice_in_one_set_goes_back_to_the_first(inside):
    ada = Member.objects.create(display_name="Ada", phone="1")
    before = state()
    with change_set() as made:
        Member.objects.filter(pk=ada.pk).update(phone="2")
        Member.objects.filter(pk=ada.pk).update(phone="3", email="a@example.org")
        bob = Member.objects.create(display_name="Bob")
        Member.objects.filter(pk=bob.pk).update(phone="9")
        Member.objects.create(display_name="Carl").delete()
    assert taken_back(made).moved == []
    assert state() == before


def test_the_number_of_statements_does_not_grow_with_the_records(inside):
    def statements(count):
        with change_set() as made:
            for n in range(count):
                line(invoice(Party.objects.create(name=str(n))), 1)
            Member.objects.update(phone=str(count))
        with CaptureQueriesContext(database) as found:
            taken_back(made)
        return len(found)

    Member.objects.bulk_create(Member(display_name=str(n)) for n in range(30))
    assert statements(2) == statements(25)


@pytest.mark.parametrize("seed", range(12))
def test_any_set_taken_back_leaves_exactly_what_was_before_and_can_be_put_forward_again(inside, seed):
    dice = random.Random(seed)
    for _ in range(40):
        _anything(dice)
    before = state()
    with change_set() as made:
        for _ in range(30):
            _anything(dice)
    after = state()
    with change_set("undo:x") as undone, transaction.atomic():
        assert revert(made).moved == []
    assert state() == before
    with change_set("undo:y") as redone, transaction.atomic():
        assert revert(undone).moved == []
    assert state() == after
    with change_set("undo:z"), transaction.atomic():
        assert revert(redone).moved == []
    assert state() == before


def _anything(dice):
    """One random write, as a sync, a person or SQL might do it."""
    act = dice.randrange(9)
    text = dice.choice(["", "x", "ü", "a'b", "50%", "\\", "{}", '"']) + str(dice.randrange(5))
    parties, invoices, people = (list(model.objects.order_by("pk")) for model in (Party, Invoice, Member))
    if act == 0 or not people:
        Member.objects.create(display_name=text or "n", tags=[text], address=dice.choice([None, {"lines": [text]}]))
    elif act == 1 or not parties:
        Party.objects.create(name=text or "n")
    elif act == 2 or not invoices:
        line(invoice(dice.choice([None, *parties]), fx_rate=dice.choice([None, Decimal("1.10")])), 1, description=text)
    elif act == 3:
        Member.objects.filter(pk=dice.choice(people).pk).update(
            phone=text, birth_date=dice.choice([None, date(1970, 1, 2)])
        )
    elif act == 4:
        one = dice.choice(invoices)
        one.lines.all().delete()
        for position in range(dice.randrange(3)):
            line(one, position, description=text)
    elif act == 5:
        Invoice.objects.filter(pk=dice.choice(invoices).pk).update(
            party=dice.choice([None, *parties]), total_minor=dice.randrange(10**15), reference=text
        )
    elif act == 6:
        dice.choice(people).delete()
    elif act == 7:
        one = dice.choice(invoices)
        one.lines.all().delete()
        one.delete()
    else:
        who = dice.choice(people)
        MemberConsent.objects.filter(member=who, purpose=text).delete()
        MemberConsent.objects.create(member=who, channel="email", purpose=text, state="granted")
        MemberConsent.objects.filter(member=who).update(state=dice.choice(["granted", "denied"]))


def test_what_a_revert_does_stands_in_the_feed_as_the_undos(inside):
    with change_set() as made:
        ada = Member.objects.create(display_name="Ada")
    taken_back(made)
    entry = Change.objects.select_related("changeset").filter(aggregate_id=ada.pk).latest("pk")
    assert (entry.op, entry.changeset.origin) == ("delete", "undo:x")
    assert entry.before["display_name"] == "Ada"


def test_outside_a_transaction_nothing_is_taken_back(committed):
    with hub.enter(committed["sydney"]), pytest.raises(RuntimeError, match="belongs in a transaction"):
        revert([1])
