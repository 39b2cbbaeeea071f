"""What holds for every page of the marketplace, on both faces: generated from the routes, so that a new one is covered."""

from __future__ import annotations

import uuid

import pytest
from django.urls import URLPattern
from django.utils import timezone

from integrations import hub
from integrations.inbound.models import InboundEvent
from integrations.mapping.models import MappingVersion
from integrations.marketplace.urls import urlpatterns
from integrations.matching.models import Merge
from integrations.sync.models import QuarantinedRecord

from .staging import CANARY, make_conflict, make_connection, make_history, make_person, make_webhook, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]

FACES = ("/marketplace/", "/admin/marketplace/")
POST_ONLY = {
    "sync", "test", "cancel", "approve", "reject", "plan-approve", "plan-reject", "try_again", "dismiss_alarm", "decide",
    "decide_all", "decided", "unmerge", "sending_retry", "inbound_again", "inbound_secret", "webhook-test", "webhook-enable",
    "delivery-again",
}  # fmt: skip
READ_ONLY = {
    "catalogue",
    "provider",
    "connection",
    "mappings",
    "plan",
    "mapping-versions",
    "sending",
    "runs",
    "run",
    "changes",
    "history",
    "logo",
    "arrived",
    "set_aside",
    "set_aside_one",
    "duplicates",
    "merges",
    "merged",
    "conflicts",
    "all_conflicts",
    "inbound",
    "inbound_event",
    "webhooks",
    "webhook",
    "delivery",
}


def routes() -> list[tuple[str, str]]:
    """(name, route) of each page; the logos have one address only."""
    return [(route.name, str(route.pattern)) for route in urlpatterns if isinstance(route, URLPattern)]


def filled(route: str, connection: object, run: object, slug: str = "ledgerly") -> str:
    """What a run has set aside is found by the run's own id (see `place`)."""
    pk = run if route.startswith(("runs/", "conflicts/")) else connection
    named = {
        "<slug:slug>": slug,
        "<slug:resource>": "customers",
        "<str:target>": "finance.party",
        "<int:number>": "1",
    }
    ids = {
        "<uuid:pk>": str(pk),
        "<uuid:record_id>": str(connection),
        "<uuid:record>": str(run),
        "<uuid:merge_id>": str(run),
        "<uuid:event>": str(run),
        "<uuid:endpoint_id>": str(connection),
        "<uuid:delivery_id>": str(run),
    }
    for word, value in (ids | named).items():
        route = route.replace(word, value)
    return route


def addresses(connection: object, run: object) -> list[tuple[str, str]]:
    return [
        (name, face + filled(route, connection, run))
        for name, route in routes()
        for face in (FACES if name != "logo" else FACES[:1])
    ]


@pytest.fixture
def place(sydney):
    """A connection, a run of it, and others that have their ids, so that an address needs no third one."""
    connection = make_connection(sydney)
    with hub.enter(sydney):
        MappingVersion.objects.create(connection=connection, resource="customers", number=1)
    run = make_history(sydney, connection)
    with hub.enter(sydney):
        QuarantinedRecord.objects.update(id=run.pk)
    make_conflict(sydney, connection, pk=run.pk)
    now = timezone.now()
    with hub.enter(sydney):
        InboundEvent.objects.create(
            pk=run.pk, connection=connection, key="evt_1", received_at=now, next_try_at=now, payload="{}"
        )
    with hub.enter(sydney):
        Merge.objects.create(pk=run.pk, target="members.member", kept_id=run.pk, merged_id=run.pk, label="Somebody")
    make_webhook(sydney, pk=connection.pk, delivery_id=run.pk)
    return connection, run


def test_every_page_asks_who_you_are(sydney, place):
    connection, run = place
    browser = sign_in(sydney)
    for _name, address in addresses(connection.pk, run.pk):
        for method in ("get", "post"):
            answer = getattr(browser, method)(address)
            assert answer.status_code == 302, address
            assert answer["Location"].startswith("/login/?next="), address


def test_a_live_part_sends_the_whole_page_to_the_sign_in_and_back(sydney, place):
    _connection, run = place
    page = f"/marketplace/runs/{run.pk}/"
    answer = sign_in(sydney).get(
        page + "?said=x",
        headers={"HX-Request": "true", "HX-Current-URL": f"http://sydney.localhost{page}", "host": "sydney.localhost"},
    )
    assert answer["HX-Redirect"] == f"/login/?next={page}"


def test_another_chapters_connection_and_run_are_not_found(sydney, melbourne, place):
    connection, run = place
    stranger = sign_in(melbourne, make_person(melbourne, "Chapter admin", is_staff=True, is_superuser=True))
    for name, address in addresses(connection.pk, run.pk):
        if "<uuid" not in dict(routes())[name]:
            continue
        for method in ("get", "post"):
            refused = READ_ONLY if method == "post" else POST_ONLY
            answer = getattr(stranger, method)(address)
            assert answer.status_code == (405 if name in refused else 404), (method, address)


def test_what_does_not_exist_is_not_found(admin):
    for name, address in addresses(uuid.uuid4(), uuid.uuid4()):
        if "<uuid" in dict(routes())[name] and name not in POST_ONLY:
            assert admin.get(address).status_code == 404, address
    assert admin.get("/marketplace/providers/unheard-of/").status_code == 404
    assert admin.get("/marketplace/providers/unheard-of/connect/").status_code == 404
    assert admin.get("/marketplace/logos/unheard-of.svg").status_code == 404


def test_a_person_without_a_role_is_told_so(sydney, place):
    connection, run = place
    browser = sign_in(sydney, make_person(sydney, None, is_staff=True))
    for name, address in addresses(connection.pk, run.pk):
        if name in POST_ONLY | {"logo"}:
            continue
        answer = browser.get(address)
        assert answer.status_code == 403, address
        assert "This is not open to you" in answer.content.decode()


def test_nothing_is_done_without_the_forgery_token(sydney, place):
    connection, run = place
    browser = sign_in(sydney, make_person(sydney, "Chapter admin", is_staff=True))
    browser.handler.enforce_csrf_checks = True
    for name, address in addresses(connection.pk, run.pk):
        if name not in READ_ONLY:
            for headers in ({}, {"HX-Request": "true"}):
                answer = browser.post(address, headers=headers)
                assert answer.status_code == 403, address
                assert "That form was too old" in answer.content.decode()


def test_who_may_only_look_does_nothing(sydney, asked, place):
    connection, run = place
    browser = sign_in(sydney, make_person(sydney, "Auditor", is_staff=True))
    for name, address in addresses(connection.pk, run.pk):
        if name not in READ_ONLY:
            for headers in ({}, {"HX-Request": "true"}):
                assert browser.post(address, headers=headers).status_code == 403, address


def test_a_role_sees_and_does_nothing_with_another_kind_of_provider(sydney, asked, place):
    connection, run = place
    browser = sign_in(sydney, make_person(sydney, "Marketing", is_staff=True))
    for name, address in addresses(connection.pk, run.pk):
        if "<uuid" in dict(routes())[name]:
            for method in ("get", "post"):
                for headers in ({}, {"HX-Request": "true"}):
                    refused = READ_ONLY if method == "post" else POST_ONLY
                    answer = getattr(browser, method)(address, headers=headers)
                    assert answer.status_code == (405 if name in refused else 403), (method, address)
                    assert connection.name not in answer.content.decode()


def test_pages_refuse_methods_they_do_not_have(admin, place):
    connection, run = place
    for name, address in addresses(connection.pk, run.pk):
        if name in POST_ONLY:
            assert admin.get(address).status_code == 405, address
        if name in READ_ONLY:
            assert admin.post(address).status_code == 405, address
        assert admin.put(address).status_code == 405, address
        assert admin.delete(address).status_code == 405, address


def test_every_page_is_shown_on_both_faces_with_a_strict_policy_and_no_secret(admin, asked, place):
    connection, run = place
    for name, address in addresses(connection.pk, run.pk):
        if name in POST_ONLY | {"arrived", "merge"}:
            continue
        answer = admin.get(address)
        assert answer.status_code == 200, address
        policy = answer["Content-Security-Policy"]
        assert "unsafe" not in policy or name == "logo", address
        assert "default-src 'none'" in policy, address
        page = answer.content.decode()
        assert CANARY not in page, address
        assert "<style" not in page, address
        assert " style=" not in page, address
        assert "onclick=" not in page, address


def test_pages_are_not_kept_by_the_browser_but_logos_are(admin):
    assert "no-store" in admin.get("/marketplace/")["Cache-Control"]
    assert "max-age=86400" in admin.get("/marketplace/logos/ledgerly.svg")["Cache-Control"]


def test_a_logo_can_run_and_load_nothing(admin):
    answer = admin.get("/marketplace/logos/ledgerly.svg")
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert admin.get("/marketplace/logos/tillstream.svg").status_code == 404
    again = admin.get("/marketplace/logos/ledgerly.svg", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
