"""The change feed tells what changed, from what to what, because of whom; and its readers lose nothing."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from finance.models import Invoice, InvoiceLine, Party
from integrations import hub
from integrations.changes import feed, origins, overruled
from integrations.changes.feed import START, Entry, Position
from integrations.changes.models import Change, ChangeSet
from integrations.hub.models import Chapter
from members.models import Member, MemberConsent

pytestmark = pytest.mark.services


@pytest.fixture
def sydney_members(committed: dict[str, Chapter]) -> Any:
    with hub.enter("sydney"):
        yield


def all_of(target: str | None = None, **asked: Any) -> list[Entry]:
    return feed.read(START, target=target, **asked)


def member(**fields: Any) -> Member:
    return Member.objects.create(**{"display_name": "Jane Citizen", "email": "jane@example.org", **fields})


class TestWhatATriggerTells:
    def test_a_new_row_is_told_without_what_is_in_it(self, sydney_members: None) -> None:
        jane = member()
        (told,) = all_of()
        assert (told.target, told.aggregate, told.op, told.part) == ("members.member", jane.pk, "insert", "")
        assert told.before is None
        assert told.after is None

    def test_a_change_tells_only_the_columns_that_changed(self, sydney_members: None) -> None:
        jane = member(tags=["board"])
        jane.email, jane.tags = "jane@new.example", ["board", "choir"]
        jane.save()
        told = all_of()[-1]
        assert told.op == "update"
        assert told.before == {"email": "jane@example.org", "tags": ["board"]}
        assert told.after == {"email": "jane@new.example", "tags": ["board", "choir"]}

    def test_a_value_that_becomes_nothing_is_a_change(self, sydney_members: None) -> None:
        jane = member(member_number="A1")
        Member.objects.filter(pk=jane.pk).update(member_number=None)
        assert (all_of()[-1].before, all_of()[-1].after) == ({"member_number": "A1"}, {"member_number": None})

    def test_a_save_that_changes_nothing_is_no_change(self, sydney_members: None) -> None:
        jane = member()
        jane.version += 1
        jane.save()
        assert [told.op for told in all_of()] == ["insert"]

    def test_a_deleted_row_is_told_whole(self, sydney_members: None) -> None:
        jane = member()
        key = jane.pk
        jane.delete()
        told = all_of()[-1]
        assert told.op == "delete"
        assert told.aggregate == key
        assert told.before is not None
        assert told.before["email"] == "jane@example.org"
        assert told.before["id"] == str(key)

    def test_a_part_names_the_record_it_belongs_to(self, sydney_members: None) -> None:
        jane = member()
        consent = MemberConsent.objects.create(member=jane, channel="email", purpose="news", state="granted")
        MemberConsent.objects.filter(pk=consent.pk).update(state="withdrawn")
        MemberConsent.objects.filter(pk=consent.pk).delete()
        told = all_of()[1:]
        assert {(one.target, one.aggregate, one.part, one.row_key) for one in told} == {
            ("members.member", jane.pk, "consents", str(consent.pk))
        }
        assert [one.op for one in told] == ["insert", "update", "delete"]
        assert told[1].after == {"state": "withdrawn"}

    def test_plain_sql_is_seen_one_entry_for_each_row(self, sydney_members: None) -> None:
        for number in range(3):
            member(email=f"{number}@example.org")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE members_member SET phone = '0' || email")
        changed = [told for told in all_of() if told.op == "update"]
        assert sorted(told.after["phone"] for told in changed if told.after) == [
            "00@example.org",
            "01@example.org",
            "02@example.org",
        ]
        assert {told.origin for told in changed} == {""}

    def test_copy_is_seen(self, sydney_members: None) -> None:
        key, now = uuid4(), timezone.now().isoformat()
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY finance_party (id, version, created_at, updated_at, kind, number, name, given_name, family_name, email,"
                " phone, tax_number, currency, country, status) FROM STDIN"
            ) as copy,
        ):
            copy.write_row((str(key), 1, now, now, "person", "", "Jo", "", "", "", "", "", "", "", "active"))
        assert [(told.target, told.aggregate, told.op) for told in all_of()] == [("finance.party", key, "insert")]

    def test_an_upsert_tells_what_was_made_and_what_was_changed(self, sydney_members: None) -> None:
        here = Party.objects.create(name="Here")
        with connection.cursor() as cursor:
            cursor.execute(
                'INSERT INTO finance_party SELECT (jsonb_populate_record(p, \'{"name": "Changed"}\')).* FROM finance_party p'
                " UNION ALL SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid()))).*"
                " FROM finance_party p ON CONFLICT (id) DO UPDATE SET name = excluded.name"
            )
        told = all_of()[1:]
        assert sorted(one.op for one in told) == ["insert", "update"]
        (changed,) = [one for one in told if one.op == "update"]
        assert (changed.aggregate, changed.after) == (here.pk, {"name": "Changed"})

    def test_a_row_whose_key_changes_is_one_row_less_and_one_more(self, sydney_members: None) -> None:
        old, new = member().pk, uuid4()
        Member.objects.filter(pk=old).update(id=new)
        assert [(told.op, told.aggregate) for told in all_of()[1:]] in (
            [("delete", old), ("insert", new)],
            [("insert", new), ("delete", old)],
        )

    def test_a_plan_made_for_one_row_serves_thousands(self, sydney_members: None) -> None:
        """A nested loop over the transition tables would take minutes, and the statement's own time limit is seconds."""
        party = Party.objects.create(name="First")
        Party.objects.filter(pk=party.pk).update(name="Changed")
        Party.objects.bulk_create(Party(name=str(number)) for number in range(20_000))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '20s'")
            cursor.execute("UPDATE finance_party SET name = name || '!'")
        assert Change.objects.filter(op="update").count() == 20_002

    def test_every_target_and_part_is_seen(self, sydney_members: None) -> None:
        from integrations.changes.watched import watched

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.relname, count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                " WHERE starts_with(t.tgname, 'changes_') AND c.relnamespace = current_schema()::regnamespace GROUP BY 1"
            )
            seen = dict(cursor.fetchall())
        assert seen == {one.table: 3 for one in watched()}


class TestWho:
    def test_an_origin_counts_for_its_transaction_only(self, sydney_members: None) -> None:
        run = uuid4()
        with transaction.atomic():
            origins.speak("connection:1", run)
            member()
        member()
        assert [(told.origin, told.run) for told in all_of()] == [("connection:1", run), ("", None)]

    def test_it_cannot_be_said_outside_a_transaction(self, sydney_members: None) -> None:
        with pytest.raises(RuntimeError, match="atomic"):
            origins.speak("connection:1")

    def test_by_gives_the_word_back(self, sydney_members: None) -> None:
        with transaction.atomic():
            origins.speak("user:1")
            with origins.by("merge:7"):
                member()
            member()
        assert [told.origin for told in all_of()] == ["merge:7", "user:1"]

    def test_one_transaction_of_one_origin_is_one_change_set(self, sydney_members: None) -> None:
        with origins.by("user:1"):
            member()
            member(email="other@example.org")
        assert ChangeSet.objects.count() == 1

    def test_a_savepoint_that_is_rolled_back_takes_its_change_set_along(self, sydney_members: None) -> None:
        with transaction.atomic():
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                member()
                raise ZeroDivisionError
            kept = member(email="kept@example.org")
        assert [told.aggregate for told in all_of()] == [kept.pk]
        assert ChangeSet.objects.count() == 1

    def test_two_chapters_in_one_transaction_keep_their_own(self, committed: dict[str, Chapter]) -> None:
        people: dict[str, UUID] = {}
        with transaction.atomic():
            for slug in ("sydney", "melbourne", "sydney"):
                with hub.enter(slug):
                    people[slug] = member(email=f"{uuid4()}@example.org").pk
        with hub.enter("melbourne"):
            assert [told.aggregate for told in all_of()] == [people["melbourne"]]
        with hub.enter("sydney"):
            assert len(all_of()) == 2
            assert all_of()[-1].aggregate == people["sydney"]

    def test_what_was_overruled_is_told_though_nothing_changed(self, sydney_members: None) -> None:
        jane = member()
        with origins.by("connection:1"):
            overruled.tell("members.member", [overruled.Overruled(jane.pk, {"email": "theirs"}, {"email": "ours"})])
        told = all_of()[-1]
        assert (told.op, told.origin, told.before, told.after) == (
            "overruled",
            "connection:1",
            {"email": "theirs"},
            {"email": "ours"},
        )


def other_session() -> psycopg.Connection[Any]:
    return psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": psycopg.Cursor})


NEW = (
    "INSERT INTO c_sydney.members_member (id, version, created_at, updated_at, given_name, family_name, display_name, email,"
    " phone, status, locale, tags) VALUES (%s, 1, now(), now(), '', '', %s, '', '', 'prospect', '', '{}')"
)


class TestReaders:
    def test_a_change_committed_late_is_not_lost(self, sydney_members: None) -> None:
        """The first writer's number is lower and is committed later: a reader that went by numbers would pass it by."""
        early, late = uuid4(), uuid4()
        with other_session() as first, other_session() as second:
            first.execute(NEW, [early, "early"])
            second.execute(NEW, [late, "late"])
            second.commit()
            assert feed.read(START) == []  # the second's number is out, but the first may still add to what lies before
            place = feed.now()
            first.commit()
        told = feed.read(place)
        assert [one.aggregate for one in told] == [early, late]
        assert told[0].id < told[1].id

    def test_no_reader_ever_misses_one_of_two_writers(self, sydney_members: None) -> None:
        """Two writers that commit in any order, a reader that goes on and on: each change is read once, in order."""
        each = 150
        done = threading.Event()

        def write(name: str) -> None:
            with other_session() as session:
                for number in range(each):
                    session.execute(NEW, [uuid4(), f"{name}{number}"])
                    if number % 3:
                        session.commit()
                session.commit()

        writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
        ended = threading.Thread(target=lambda: ([one.join() for one in writers], done.set()))
        for thread in (*writers, ended):
            thread.start()
        found: list[Entry] = []
        place = START
        while True:
            last = done.is_set()
            some = feed.read(place, limit=7)
            found += some
            place = some[-1].position if some else place
            if last and not some:
                break
        assert len({one.id for one in found}) == len(found) == 2 * each
        assert [one.position for one in found] == sorted(one.position for one in found)

    def test_a_long_transaction_in_another_database_holds_up_nobody(self, sydney_members: None) -> None:
        with psycopg.connect(**{**connection.get_connection_params(), "dbname": "postgres"}) as elsewhere:
            elsewhere.execute("SELECT pg_current_xact_id()")
            jane = member()
            assert [one.aggregate for one in feed.read(START)] == [jane.pk]
            place = feed.now()
            assert feed.read(place) == []
            joe = member(email="joe@example.org")
            assert [one.aggregate for one in feed.read(place)] == [joe.pk]

    def test_what_was_final_stays_final_while_transactions_elsewhere_come_and_go(self, sydney_members: None) -> None:
        """A reader moves to `now` what it has read up to: a place that goes back would have passed by what it did not see."""
        busy = """DO $$ BEGIN FOR i IN 1..400 LOOP
            PERFORM pg_current_xact_id(), pg_sleep(0.004); COMMIT;
        END LOOP; END $$"""

        def come_and_go() -> None:
            elsewhere = {**connection.get_connection_params(), "dbname": "postgres"}
            with psycopg.connect(**elsewhere, autocommit=True) as session:
                session.execute(busy)

        others = [threading.Thread(target=come_and_go) for _ in range(12)]
        for other in others:
            other.start()
        places = []
        while any(other.is_alive() for other in others):
            places.append(feed.now())
        assert [one for one, then in pairwise(places) if then < one] == []
        assert places[0] < places[-1]

    def test_reading_goes_on_where_it_stopped_also_within_one_transaction(self, sydney_members: None) -> None:
        with transaction.atomic():
            keys = [member(email=f"{number}@example.org").pk for number in range(5)]
        found, place = [], START
        while some := feed.read(place, limit=2):
            found += [one.aggregate for one in some]
            place = some[-1].position
            feed.moved("test", place)
            assert feed.position_of("test") == place
        assert found == keys

    def test_a_new_reader_begins_at_the_start(self, sydney_members: None) -> None:
        assert feed.position_of("nobody") == START

    def test_an_origin_and_other_targets_can_be_left_out(self, sydney_members: None) -> None:
        with origins.by("connection:1"):
            member()
        mine = member(email="b@example.org")
        Party.objects.create(name="Somebody")
        assert [one.aggregate for one in feed.read(START, target="members.member", but_not="connection:1")] == [mine.pk]

    def test_one_chapter_reads_nothing_of_another(self, committed: dict[str, Chapter]) -> None:
        with hub.enter("sydney"):
            jane = member()
            jane.delete()
        with hub.enter("melbourne"):
            assert feed.read(START) == []
            assert feed.history("members.member", jane.pk) == []


class TestLooking:
    def test_a_record_has_its_history_newest_first_with_its_parts(self, sydney_members: None) -> None:
        party = Party.objects.create(name="Payer")
        money = {"currency": "AUD", "subtotal_minor": 1, "tax_minor": 0, "total_minor": 1}
        invoice = Invoice.objects.create(
            type="receivable", issued_on="2026-01-31", status="draft", party=party, **money
        )
        InvoiceLine.objects.create(invoice=invoice, position=1, quantity=1, unit_amount=1, amount_minor=1)
        Invoice.objects.filter(pk=invoice.pk).update(status="paid")
        told = feed.history("finance.invoice", invoice.pk)
        assert [(one.op, one.part) for one in told] == [("update", ""), ("insert", "lines"), ("insert", "")]
        older = feed.history("finance.invoice", invoice.pk, before=told[0].id, limit=1)
        assert [one.part for one in older] == ["lines"]
        assert feed.history("finance.payment", invoice.pk) == []

    def test_a_run_shows_what_it_changed_page_by_page(self, sydney_members: None) -> None:
        run, keys = uuid4(), []
        for batch in range(3):
            with origins.by("connection:1", run):
                keys += [member(email=f"{batch}.{number}@example.org").pk for number in range(2)]
            member(email=f"{batch}@other.example")
        found, after = [], None
        while some := feed.of_run(run, after=after, limit=4):
            found += [one.aggregate for one in some]
            after = some[-1].id
        assert found == keys
        assert feed.of_run(uuid4()) == []

    def test_positions_compare_as_pairs(self) -> None:
        assert Position(1, 9) < Position(2, 0)
