"""What both sides changed differently, on pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from finance.models import Party
from integrations import hub
from integrations.changes import feed
from integrations.conflicts.models import Conflict

from .staging import make_conflict, make_connection, make_person, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]
FACES = ["/marketplace/", "/admin/marketplace/"]


@pytest.fixture
def till(sydney):
    return make_connection(sydney)


@pytest.fixture
def one(sydney, till):
    return make_conflict(sydney, till, ours_by=f"user:{make_person(sydney, username='ada', first_name='Ada').pk}")


def of(till, face=FACES[0]) -> str:
    return f"{face}connections/{till.pk}/conflicts/"


def at(conflict, face=FACES[0]) -> str:
    return f"{face}conflicts/{conflict.pk}/"


def text(answer) -> str:
    return answer.content.decode()


def stamp_on(page: str) -> str:
    return re.search(r'name="stamp" value="(\w+)"', page)[1]


def now(sydney, conflict):
    with hub.enter(sydney):
        conflict.refresh_from_db()
        return conflict.state, conflict.resolution, Party.objects.get(pk=conflict.record_id).phone


@pytest.mark.parametrize("face", FACES)
def test_both_sides_stand_beside_each_other_with_who_and_when(sydney, admin, till, one, face):
    with hub.enter(sydney):
        Conflict.objects.update(theirs_at=datetime(2026, 1, 5, 0, 30, tzinfo=UTC))
    for address in (of(till, face), at(one, face), f"{face}conflicts/"):
        page = text(admin.get(address))
        for said in ("Ada Lovelace", "Phone", ">1<", ">ours<", ">theirs<", "Ada", "just now", "11:30:00 AEDT"):
            assert said in page, (address, said)


def test_the_connection_says_how_many_are_to_be_decided(admin, till, one):
    page = text(admin.get(f"/marketplace/connections/{till.pk}/"))
    assert "1 to decide" in page
    assert "1 conflict to decide, synced" in page
    assert of(till) in page


def test_without_conflicts_the_page_says_where_they_come_from(admin, till):
    assert "No field is waiting for a person." in text(admin.get(of(till)))
    assert "Nothing was decided yet" in text(admin.get(of(till) + "?show=decided"))
    assert "No open conflict matches" in text(admin.get(of(till) + "?field=phone"))


def test_lists_are_narrowed_by_field_and_kind(sydney, admin, till, one):
    make_conflict(sydney, till, field="given_name", theirs="Grace", resource="payouts")
    assert "Grace" not in text(admin.get(of(till) + "?field=phone"))
    assert "Grace" in text(admin.get(of(till) + "?resource=payouts"))
    assert "1 conflict<" in text(admin.get(of(till) + "?resource=payouts"))
    assert "2 conflicts<" in text(admin.get("/marketplace/conflicts/"))


@pytest.mark.parametrize(("side", "phone"), [("ours", "ours"), ("theirs", "theirs"), ("value", "0400")])
def test_one_is_decided_and_taken_back(sydney, admin, one, side, phone):
    address = at(one)
    sent = {"side": side, "stamp": stamp_on(text(admin.get(address))), "value": "0400"}
    page = text(admin.post(address, sent, follow=True))
    assert "Decided by chapter-admin" in page
    assert now(sydney, one) == ("resolved", side, phone)
    assert one.resolved_by.startswith("user:")
    with hub.enter(sydney):
        assert feed.history("finance.party", one.record_id)[0].origin in {one.resolved_by, ""}
    page = text(admin.post(address, {"side": "undo"}, follow=True))
    assert "The decision is taken back" in page
    assert now(sydney, one) == ("open", "", "ours")


def test_what_changed_since_the_page_was_shown_is_not_decided(sydney, admin, one):
    address = at(one)
    stamp = stamp_on(text(admin.get(address)))
    with hub.enter(sydney):
        Party.objects.update(phone="changed in between")
    answer = admin.post(address, {"side": "theirs", "stamp": stamp})
    assert answer.status_code == 422
    assert "It was changed since you looked." in text(answer)
    assert "changed in between" in text(answer)
    assert now(sydney, one) == ("open", "", "changed in between")


def test_a_value_that_cannot_be_is_refused_and_stays_typed(sydney, admin, one):
    sent = {"side": "value", "stamp": stamp_on(text(admin.get(at(one)))), "value": "9" * 41}
    answer = admin.post(at(one), sent)
    assert answer.status_code == 422
    assert "at most 40" in text(answer)
    assert "9" * 41 in text(answer)


def test_many_are_decided_after_asking_once_more(sydney, admin, till, one):
    two, three = (make_conflict(sydney, till) for _ in range(2))
    page = text(admin.get(of(till)))
    seen = re.findall(r'name="seen" value="([^"]+)"', page)
    as_of = re.search(r'name="as_of" value="([^"]+)"', page)[1]
    chosen = [value for value in seen if not value.startswith(str(three.pk))]
    sent = {"side": "theirs", "as_of": as_of, "seen": chosen}
    asked = admin.post(of(till) + "decide/", sent)
    assert "Take theirs in 2 conflicts?" in text(asked)
    assert now(sydney, one)[0] == "open"
    done = admin.post(of(till) + "decide/", sent | {"confirmed": "yes"}, follow=True)
    assert "2 conflicts decided." in text(done)
    assert [now(sydney, each)[0] for each in (one, two, three)] == ["resolved", "resolved", "open"]


def test_all_of_a_field_are_decided_but_what_changed_meanwhile_is_said(sydney, admin, till, one):
    two = make_conflict(sydney, till)
    other = make_conflict(sydney, till, field="given_name")
    sent = {"side": "ours", "as_of": timezone.now().isoformat(), "field": "phone", "all": "on", "confirmed": "yes"}
    with hub.enter(sydney):
        Party.objects.filter(pk=two.record_id).update(phone="changed in between")
    page = text(admin.post(of(till) + "decide/", sent, follow=True))
    assert "1 conflict decided." in page
    assert "Phone: It was changed since you looked." in page
    assert [now(sydney, each)[0] for each in (one, two, other)] == ["resolved", "open", "open"]


@pytest.mark.parametrize("sent", [{}, {"side": "theirs"}, {"side": "both", "all": "on"}, {"seen": "x", "side": "ours"}])
def test_a_choice_that_is_none_is_said(admin, till, one, sent):
    for more in ({}, {"as_of": "9999-99-99"}):
        assert "Choose at least one conflict" in text(admin.post(of(till) + "decide/", sent | more, follow=True))


def test_the_whole_chapters_are_decided_only_where_one_may(sydney, one):
    """A membership secretary syncs, but not tills."""
    browser = sign_in(sydney, make_person(sydney, "Membership secretary"))
    assert "Ada Lovelace" not in text(browser.get("/marketplace/conflicts/"))
    sent = {"side": "theirs", "as_of": timezone.now().isoformat(), "all": "on", "confirmed": "yes"}
    browser.post("/marketplace/conflicts/decide/", sent)
    assert now(sydney, one)[0] == "open"


def test_nobody_sees_or_decides_about_records_they_may_not_see(sydney, till, one):
    """They work with the connection, but have no right to its parties."""
    person = make_person(sydney, username="half")
    with hub.enter(sydney):
        acts = ["view_connection", "sync_connection", "use_payments"]
        person.user_permissions.set(Permission.objects.filter(codename__in=acts))
    browser = sign_in(sydney, person)
    for address in (of(till), "/marketplace/conflicts/"):
        page = text(browser.get(address))
        assert "0 conflicts" in page, address
        assert "Ada Lovelace" not in page, address
    assert browser.get(at(one)).status_code == 403
    assert browser.post(at(one), {"side": "theirs", "stamp": "x"}).status_code == 403
    sent = {"side": "theirs", "as_of": timezone.now().isoformat(), "all": "on", "confirmed": "yes"}
    browser.post(of(till) + "decide/", sent)
    assert now(sydney, one)[0] == "open"


def test_a_connection_one_may_not_use_is_not_named(sydney, admin, till, one):
    books = make_connection(sydney, "ledgerly", "Secret books")
    make_conflict(sydney, till, ours_by=f"connection:{books.pk}")
    person = make_person(sydney, username="half")
    with hub.enter(sydney):
        acts = ["view_connection", "use_payments", "view_party"]
        person.user_permissions.set(Permission.objects.filter(codename__in=acts))
    page = text(sign_in(sydney, person).get(of(till)))
    assert "Another connection, <" in page
    assert "Secret books" not in page
    assert "“Secret books”" in text(admin.get(of(till)))


def test_who_may_only_look_sees_no_button(sydney, till, one):
    browser = sign_in(sydney, make_person(sydney, "Auditor"))
    for address in (of(till), at(one)):
        assert 'name="side"' not in text(browser.get(address))


def test_values_of_every_shape_are_put_in_words(sydney, admin, till):
    money = {"minor": 1250, "currency": "AUD", "exponent": 2}
    shapes = {
        "12.50 AUD": money,
        "a, b": ["a", "b"],
        "channel email, state granted": {"channel": "email", "state": "granted"},
        "amount 12.50 AUD, description Fee": [{"description": "Fee", "account_code": "", "amount": money}],
        "yes": True,
        "nothing": None,
        "&lt;b&gt;": "<b>",
    }
    for words, value in shapes.items():
        made = make_conflict(sydney, till, theirs=value)
        assert words in text(admin.get(at(made))), words


def test_a_record_that_is_gone_leaves_nothing_to_decide(sydney, admin, one):
    with hub.enter(sydney):
        Party.objects.all().delete()
    page = text(admin.get(at(one)))
    assert "nothing to decide" in page
    assert 'name="side"' not in page


def test_lists_cost_the_same_queries_however_long_they_are(sydney, admin, till, one, queries_of):
    addresses = [of(till), "/marketplace/conflicts/", f"/marketplace/connections/{till.pk}/"]
    before = {address: queries_of(admin, address) for address in addresses}
    for _ in range(12):
        make_conflict(sydney, till, ours_at=timezone.now() - timedelta(days=1))
    assert {address: queries_of(admin, address) for address in addresses} == before


def test_another_chapter_has_none_of_them(melbourne, one):
    browser = sign_in(melbourne, make_person(melbourne, "Chapter admin"))
    assert "0 conflicts" in text(browser.get("/marketplace/conflicts/"))
    assert browser.get(at(one)).status_code == 404
