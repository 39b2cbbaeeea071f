"""The catalogue and a provider's page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import hub
from integrations.connections.models import Connection

from .staging import make_connection, make_history, make_person, make_run, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def page(browser, address="/marketplace/", **headers) -> str:
    answer = browser.get(address, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_providers_stand_in_their_categories(admin):
    shown = page(admin)
    assert (
        shown.index("Accounting</h2>")
        < shown.index("Ledgerly")
        < shown.index("Payments</h2>")
        < shown.index("Tillstream")
    )


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ledg", {"Ledgerly"}),
        ("INVOICES", {"Ledgerly"}),
        ("card payments", {"Tillstream"}),
        ("marketing", {"Birdpost"}),
        ("payouts ledger", set()),
        ("no such thing", set()),
    ],
)
def test_searching_finds_by_name_purpose_category_and_what_is_read(admin, words, found):
    shown = page(admin, f"/marketplace/?q={words}")
    assert {name for name in ("Ledgerly", "Tillstream", "Birdpost") if f">{name}" in shown} == found


def test_a_search_that_finds_nothing_says_so_and_offers_the_way_back(admin):
    shown = page(admin, "/marketplace/?q=zzz")
    assert "Nothing matches “zzz”" in shown
    assert 'href="/marketplace/">Show everything' in shown


def test_searching_as_you_type_gets_the_results_and_the_count_alone(admin):
    shown = page(admin, "/marketplace/?q=ledg", **{"HX-Request": "true"})
    assert "<html" not in shown
    assert "Ledgerly" in shown
    assert "1 system found" in shown
    assert "Tillstream" not in shown


def test_the_whole_page_and_its_live_part_are_not_mistaken_for_each_other(admin):
    assert "HX-Request" in admin.get("/marketplace/")["Vary"]


def test_a_nonsense_filter_means_all(admin):
    assert "Tillstream" in page(admin, "/marketplace/?show=nonsense&q=%20")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "Synced <time"),
        ({"last_sync_at": None}, "Connected, not synced yet"),
        ({"status": Connection.Status.EXPIRED}, "Reconnect needed since <time"),
        ({"status": Connection.Status.ERROR}, "Needs attention since <time"),
        ({"status": Connection.Status.DISCONNECTED}, "Disconnected since <time"),
    ],
)
def test_a_card_says_how_the_connection_is_doing(sydney, admin, state, said):
    make_connection(sydney, **state)
    assert said in page(admin)


def test_a_card_says_since_which_day_a_reconnect_is_needed(sydney, admin):
    day = timezone.now() - timedelta(days=3)
    make_connection(sydney, status=Connection.Status.EXPIRED, status_since=day)
    with timezone.override("Australia/Sydney"):
        assert f">{timezone.localtime(day):%A}</time>" in page(admin)


def test_a_card_says_that_a_sync_is_under_way(sydney, admin):
    make_run(sydney, make_connection(sydney), state="running")
    assert "Syncing now" in page(admin)


def test_filters_show_what_is_connected_and_what_needs_attention(sydney, admin):
    make_connection(sydney)
    make_connection(sydney, "ledgerly", "Old ledger", status=Connection.Status.EXPIRED)
    make_connection(sydney, "birdpost", "Left", status=Connection.Status.DISCONNECTED)
    connected = page(admin, "/marketplace/?show=connected")
    assert "Sydney till" in connected
    assert "Old ledger" in connected
    assert "Birdpost" not in connected
    attention = page(admin, "/marketplace/?show=attention")
    assert "Old ledger" in attention
    assert "Sydney till" not in attention


def test_what_needs_attention_stands_first_with_its_reason(sydney, admin):
    make_connection(sydney, "ledgerly", "Old ledger", status=Connection.Status.EXPIRED)
    shown = page(admin)
    assert shown.index("1 connection needs your attention") < shown.index("Old ledger") < shown.index("Accounting</h2>")


def test_empty_filters_teach(admin):
    assert "Nothing is connected yet" in page(admin, "/marketplace/?show=connected")
    assert "All is well" in page(admin, "/marketplace/?show=attention")


def test_the_other_chapters_connections_are_not_listed(sydney, melbourne, admin):
    make_connection(melbourne, name="Melbourne till")
    assert "Melbourne till" not in page(admin)
    assert "Melbourne till" not in page(admin, "/marketplace/providers/tillstream/")


def test_a_role_sees_no_state_of_what_it_does_not_work_with(sydney):
    make_connection(sydney)
    shown = page(sign_in(sydney, make_person(sydney, "Marketing")))
    assert "Tillstream" in shown
    assert "Sydney till" not in shown


def test_a_hostile_vendor_cannot_write_markup(sydney, admin):
    evil = "<script>alert('account')</script>"
    connection = make_connection(
        sydney, "hostile", evil, account_name=evil, last_error=evil, status=Connection.Status.ERROR
    )
    make_run(sydney, connection, "entries", state="failed", message=evil)
    addresses = ["/marketplace/", "/marketplace/providers/hostile/", "/marketplace/providers/hostile/connect/"]
    of = f"/marketplace/connections/{connection.pk}/"
    addresses += [
        of,
        of + "reconnect/",
        of + "disconnect/",
        of + "settings/",
        of + "mappings/",
        of + "mappings/entries/",
    ]
    addresses += [address.replace("/marketplace/", "/admin/marketplace/", 1) for address in addresses]
    for address in addresses:
        shown = page(admin, address)
        assert "<script>alert" not in shown, address
        assert "&lt;script&gt;alert" in shown, address


def test_the_details_page_says_what_is_read_written_asked_and_kept(admin):
    shown = page(admin, "/marketplace/providers/ledgerly/")
    for said in (
        "Contacts", "arrive as party", "every hour", "<code>EmailAddress</code>", "read and written", "always “organisation”",
        "to read who owes and who pays", "60 requests a minute and 5,000 a day, 5 at once", "AU and US",
        "Press Allow access.", "Marked as gone here", "the national treasurer", "lines: description",
    ):  # fmt: skip
        assert said in shown, said


def test_the_details_page_warns_of_what_cannot_be_undone(admin):
    assert "cannot be undone" in page(admin, "/marketplace/providers/birdpost/")


def test_who_may_not_connect_is_told_whom_to_ask(sydney):
    shown = page(sign_in(sydney, make_person(sydney, "Marketing")), "/marketplace/providers/ledgerly/")
    assert "ask somebody with the role Chapter admin or Treasurer" in shown
    assert "/connect/" not in shown


def test_pages_cost_the_same_queries_for_one_connection_and_for_fifty(sydney, admin, queries_of):
    first = make_connection(sydney)
    run = make_history(sydney, first)
    of = f"/marketplace/connections/{first.pk}/"
    addresses = [
        "/marketplace/", "/marketplace/?show=attention", "/marketplace/providers/tillstream/", of, of + "runs/",
        of + "settings/", of + "mappings/", of + "disconnect/", f"/marketplace/runs/{run.pk}/",
        "/admin/marketplace/", f"/admin{of}", "/admin/integrations/connection/", "/admin/integrations/syncrun/",
    ]  # fmt: skip
    before = {address: queries_of(admin, address) for address in addresses}
    for number in range(49):
        more = make_connection(sydney, name=f"Till {number}")
        if number < 10:
            make_history(sydney, more, runs=2)
    with hub.enter(sydney):
        assert Connection.objects.count() == 50
    assert {address: queries_of(admin, address) for address in addresses} == before
    assert max(before.values()) <= 20, before
