"""A connection's page, and what can be done there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import hub
from integrations.connections import services
from integrations.connections.models import Connection, Credential
from integrations.hub.models import Due
from integrations.mapping.models import FieldMapping
from integrations.sync.models import ResourceState, SyncRun

from .staging import make_connection, make_history, make_person, make_run, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def till(sydney):
    return make_connection(sydney, settings={"months": 12})


def at(connection, page="") -> str:
    return f"/marketplace/connections/{connection.pk}/{page}"


def text(answer) -> str:
    return answer.content.decode()


def test_health_at_a_glance(sydney, admin, till):
    make_history(sydney, till)
    page = text(admin.get(at(till)))
    for said in ("1 of 2 kinds", "<dd>20</dd>", ">1</a></dd>", "3 syncs, none failed", "1 record set aside, synced"):
        assert said in page, said


def test_each_resource_says_when_it_was_read_and_when_it_is_next(sydney, admin, till):
    make_history(sydney, till)
    Due.objects.create(
        chapter_id=sydney.pk, connection_id=till.pk, resource="customers", every=timedelta(minutes=15),
        due_at=timezone.now() + timedelta(minutes=12),
    )  # fmt: skip
    page = text(admin.get(at(till)))
    assert ">5 minutes ago</time>" in page
    assert ">in 12 minutes</time>" in page
    assert "not yet" in page


def test_a_resource_that_has_not_been_read_for_long_is_late(sydney, admin, till):
    with hub.enter(sydney):
        ResourceState.objects.create(
            connection=till, resource="customers", last_complete_at=timezone.now() - timedelta(hours=5)
        )
    assert "late" in text(admin.get(at(till)))


def test_what_a_resource_failed_of_stands_beside_it(sydney, admin, till):
    with hub.enter(sydney):
        ResourceState.objects.create(
            connection=till, resource="payouts", last_error="Tillstream answered with a web page."
        )
    page = text(admin.get(at(till)))
    assert "Tillstream answered with a web page." in page
    assert "Last sync failed" in page


def test_times_are_the_chapters_for_people_and_utc_for_machines(sydney, admin):
    moment = timezone.now().replace(month=1, day=15, hour=3, minute=4, second=5, microsecond=0) - timedelta(days=400)
    connection = make_connection(sydney, last_sync_at=moment)
    page = text(admin.get(at(connection)))
    assert f'datetime="{moment:%Y-%m-%d}T03:04:05+00:00"' in page
    local = timezone.localtime(moment, timezone.zoneinfo.ZoneInfo("Australia/Sydney"))
    assert f"{local:%H:%M:%S} {local:%Z}" in page


def test_an_expired_connection_says_why_and_offers_the_one_button(sydney, admin):
    reason = "Tillstream no longer knows this key: make a new one and reconnect."
    connection = make_connection(sydney, status=Connection.Status.EXPIRED, last_error=reason)
    page = text(admin.get(at(connection)))
    assert reason in page
    assert f'href="{at(connection, "reconnect/")}"' in page
    assert "Sync now" not in page


def test_sync_now_reads_everything_and_stays_here(admin, asked, till):
    answer = admin.post(at(till, "sync/"), follow=True)
    assert "Syncing 2 kinds of record from Tillstream." in text(answer)
    ((pk, resource, wish),) = asked.synced
    assert (pk, resource, wish["full"], wish["trigger"]) == (till.pk, None, False, "person")
    assert wish["user"].username == "chapter-admin"


def test_syncing_one_resource_leads_to_its_run(admin, asked, till):
    answer = admin.post(at(till, "sync/"), {"resource": "payouts", "full": "on"})
    assert answer["Location"].startswith("/marketplace/runs/")
    ((_, resource, wish),) = asked.synced
    assert (resource, wish["full"]) == ("payouts", True)


def test_a_resource_that_is_not_declared_cannot_be_synced(admin, asked, till):
    assert admin.post(at(till, "sync/"), {"resource": "salaries"}).status_code == 404
    assert asked.synced == []


@pytest.mark.parametrize("status", [Connection.Status.EXPIRED, Connection.Status.DISCONNECTED])
def test_what_is_not_connected_is_not_synced(sydney, admin, asked, status):
    connection = make_connection(sydney, status=status)
    answer = admin.post(at(connection, "sync/"), follow=True)
    assert "is not connected, so nothing can be read" in text(answer)
    assert asked.synced == []


@pytest.mark.parametrize(("role", "page"), [("Auditor", "sync/"), ("Auditor", "test/"), ("Marketing", "sync/")])
def test_who_may_not_is_refused_also_without_the_button(sydney, asked, till, role, page):
    assert sign_in(sydney, make_person(sydney, role)).post(at(till, page)).status_code == 403
    assert asked.synced == []


def test_testing_says_how_quickly_the_vendor_answers(admin, asked, till):
    assert "Tillstream answered in 143 ms." in text(admin.post(at(till, "test/"), follow=True))
    part = text(admin.post(at(till, "test/"), headers={"HX-Request": "true"}))
    assert "answered in 143 ms" in part
    assert "<html" not in part


def test_a_test_that_fails_says_the_remedy(admin, till, monkeypatch):
    def expired(connection):
        said = "Tillstream refuses the key: reconnect the connection 'Sydney till'."
        return services.TestResult(ok=False, message=said, milliseconds=20)

    monkeypatch.setattr(services, "test", expired)
    assert "reconnect the connection" in text(admin.post(at(till, "test/"), follow=True))
    assert "reconnect the connection" in text(admin.post(at(till, "test/"), headers={"HX-Request": "true"}))


def test_settings_are_drawn_from_the_providers_schema(admin, till):
    page = text(admin.get(at(till, "settings/")))
    for drawn in (
        'type="number" name="months" value="12" min="1" max="120"', "How far the first sync reads.",
        'type="checkbox" name="fees"', '<option value="full" selected>Full', 'type="date"', 'maxlength="40"',
        "Direct debit", "Only the API can change: Routing rules.",
    ):  # fmt: skip
        assert drawn in page, drawn


def test_settings_are_saved_as_json_of_the_right_kinds(sydney, admin, till):
    typed = {"months": "6", "statement": "short", "kinds": ["card", "wallet"], "since": "2026-01-31", "note": ""}
    assert admin.post(at(till, "settings/"), typed).status_code == 302
    with hub.enter(sydney):
        assert Connection.objects.get(pk=till.pk).settings == {
            "months": 6, "fees": False, "statement": "short", "kinds": ["card", "wallet"], "since": "2026-01-31",
        }  # fmt: skip


@pytest.mark.parametrize("months", ["0", "121", "many", "", "9" * 5000])
def test_a_setting_outside_the_schema_is_refused_beside_its_field(sydney, admin, till, months):
    answer = admin.post(at(till, "settings/"), {"months": months, "statement": "full"})
    assert answer.status_code == 422
    assert 'id="id_months_error"' in text(answer)
    with hub.enter(sydney):
        assert Connection.objects.get(pk=till.pk).settings == {"months": 12}


def test_settings_the_form_cannot_show_are_kept(sydney, admin, till):
    with hub.enter(sydney):
        Connection.objects.filter(pk=till.pk).update(settings={"months": 1, "rules": {"a": 1}})
    admin.post(at(till, "settings/"), {"months": "2", "statement": "full"})
    with hub.enter(sydney):
        assert Connection.objects.get(pk=till.pk).settings["rules"] == {"a": 1}


def test_a_provider_without_settings_says_so(sydney, admin):
    assert "Nothing to set" in text(admin.get(at(make_connection(sydney, "ledgerly", "L"), "settings/")))


def test_mappings_are_shown_with_their_rules_in_words(sydney, admin):
    ledger = make_connection(sydney, "ledgerly", "Ledger")
    page = text(admin.get(at(ledger, "mappings/")))
    for said in ("<code>EmailAddress</code>", "The newest wins", "Only if empty here", "always “organisation”"):
        assert said in page, said


def test_a_mapping_is_changed_for_this_connection_alone(sydney, admin):
    ledger, other = (make_connection(sydney, "ledgerly", name) for name in ("Ledger", "Other ledger"))
    address = at(ledger, "mappings/contacts/")
    typed = mapping_form(admin.get(address))
    typed[field_of(typed, "EmailAddress")] = "Billing.Email"
    assert admin.post(address, typed).status_code == 302
    assert "<code>Billing.Email</code>" in text(admin.get(at(ledger, "mappings/")))
    assert "Billing.Email" not in text(admin.get(at(other, "mappings/")))
    with hub.enter(sydney):
        (row,) = FieldMapping.objects.all()
        assert (row.connection_id, row.resource, row.field, row.source) == (
            ledger.pk,
            "contacts",
            "email",
            "Billing.Email",
        )


def test_a_mapping_that_says_what_the_provider_says_is_no_deviation(sydney, admin):
    ledger = make_connection(sydney, "ledgerly", "Ledger")
    address = at(ledger, "mappings/contacts/")
    assert admin.post(address, mapping_form(admin.get(address))).status_code == 302
    with hub.enter(sydney):
        assert not FieldMapping.objects.exists()


@pytest.mark.parametrize("path", ["not a path!", "a..b", "x" * 201, "<script>"])
def test_a_path_that_is_none_is_refused_beside_its_field(sydney, admin, path):
    ledger = make_connection(sydney, "ledgerly", "Ledger")
    address = at(ledger, "mappings/contacts/")
    typed = mapping_form(admin.get(address))
    name = field_of(typed, "EmailAddress")
    answer = admin.post(address, typed | {name: path})
    assert answer.status_code == 422
    assert f'id="id_{name}_error"' in text(answer)


def test_a_required_field_must_be_taken(sydney, admin):
    ledger = make_connection(sydney, "ledgerly", "Ledger")
    address = at(ledger, "mappings/contacts/")
    typed = mapping_form(admin.get(address))
    assert admin.post(address, typed | {field_of(typed, "Name"): ""}).status_code == 422


def test_a_mapping_of_a_resource_that_is_not_declared_is_not_found(admin, till):
    assert admin.get(at(till, "mappings/salaries/")).status_code == 404


def mapping_form(answer) -> dict[str, str]:
    form = answer.context["form"]
    return {field.html_name: field.value() or "" for field in form}


def field_of(typed: dict[str, str], path: str) -> str:
    return next(name for name, value in typed.items() if value == path)


def test_disconnecting_asks_first_and_says_what_stays(sydney, admin, asked, till):
    make_history(sydney, till)
    page = text(admin.get(at(till, "disconnect/")))
    assert "The 20 records it brought here" in page
    assert "The stored sign-in is erased here." in page
    assert "asked to cancel" not in page
    assert asked.disconnected == []
    answer = admin.post(at(till, "disconnect/"), follow=True)
    assert "is disconnected. What it brought here stays." in text(answer)
    assert asked.disconnected == [(till.pk, "chapter-admin")]


def test_disconnecting_says_when_the_vendor_is_asked_to_cancel_too(sydney, admin):
    ledger = make_connection(sydney, "ledgerly", "Ledger", auth_kind="oauth2")
    assert "Ledgerly is asked to cancel it too." in text(admin.get(at(ledger, "disconnect/")))


def test_the_history_has_pages(sydney, admin, till):
    with hub.enter(sydney):
        SyncRun.objects.bulk_create(SyncRun(connection=till, resource="payouts") for _ in range(60))
    page = text(admin.get(at(till, "runs/")))
    assert "Page 1 of 3" in page
    assert 'rel="next"' in page
    assert "Page 3 of 3" in text(admin.get(at(till, "runs/?page=999")))
    assert admin.get(at(till, "runs/?page=nonsense")).status_code == 200


def test_without_runs_the_page_teaches(admin, till):
    assert "Press “Sync now”" in text(admin.get(at(till)))
    assert "No syncs yet" in text(admin.get(at(till, "runs/")))


def test_the_live_part_asks_again_only_while_something_runs(sydney, admin, till):
    assert "every 2s" not in text(admin.get(at(till)))
    run = make_run(sydney, till, state=SyncRun.State.RUNNING)
    page = text(admin.get(at(till)))
    assert "every 2s" in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
    part = text(admin.get(at(till), headers={"HX-Request": "true"}))
    assert part.lstrip().startswith('<div id="live"')
    with hub.enter(sydney):
        SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.SUCCEEDED)
    assert "every 2s" not in text(admin.get(at(till), headers={"HX-Request": "true"}))


def test_a_connection_whose_provider_is_no_longer_installed_is_not_found_and_breaks_no_page(sydney, admin):
    gone = make_connection(sydney, "withdrawn", "Old system")
    assert admin.get(at(gone)).status_code == 404
    assert "Old system" not in text(admin.get("/marketplace/"))
    assert admin.get("/admin/integrations/connection/").status_code == 200


def test_a_connection_whose_way_to_sign_in_is_gone_leads_to_reconnecting(sydney, admin):
    gone = make_connection(sydney, auth_kind="magic")
    page = f"/marketplace/connections/{gone.pk}/"
    account = admin.get(page + "account/")
    assert "no longer connected by &#x27;magic&#x27; (chapter Sydney" in account.content.decode()
    tested = admin.post(page + "test/", follow=True).content.decode()
    assert "Reconnect it." in tested
    assert f'href="{page}reconnect/"' in tested
    for part in ("reconnect/", "settings/", "mappings/", "runs/", "disconnect/"):
        assert admin.get(page + part).status_code == 200, part
    assert admin.post(page + "disconnect/").status_code == 302
    with hub.enter(sydney):
        assert Connection.objects.get().status == "disconnected"
        assert not Credential.objects.exists()
