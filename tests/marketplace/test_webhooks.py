"""The pages of webhooks, on both faces, without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import hub
from integrations.outbound import events, signing
from integrations.outbound.models import Attempt, Delivery, Endpoint, EndpointSecret, Event

from .staging import make_person, make_webhook, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]

FACES = ("/marketplace/", "/admin/marketplace/")
HOST = "127.0.0.1:21004"
URL = f"http://{HOST}/hook"


@pytest.fixture(autouse=True)
def _own_network(settings):
    settings.WEBHOOK_PRIVATE_HOSTS = [HOST]


def text(answer) -> str:
    return answer.content.decode()


@pytest.mark.parametrize("face", FACES)
def test_one_is_added_and_its_secret_shown_on_that_page_alone(sydney, melbourne, admin, face):
    sent = {"url": URL, "description": "Newsletter", "patterns": ["member.*", "invoice.paid"],
            "narrowed": "record.status = current\nversion = 3\n"}  # fmt: skip
    answer = admin.post(f"{face}webhooks/new/", sent)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", text(answer))
    with hub.enter(sydney):
        made = Endpoint.objects.get()
        assert (made.url, made.events, made.filter) == (
            URL, ["member.*", "invoice.paid"], {"record.status": "current", "version": 3}
        )  # fmt: skip
        assert made.created_by.username == "chapter-admin"
        assert EndpointSecret.objects.get().secret.reveal() == secret
    for page in ("webhooks/", f"webhooks/{made.pk}/", f"webhooks/{made.pk}/edit/"):
        assert "whsec_" not in text(admin.get(face + page))
    assert "Newsletter" in text(admin.get(f"{face}webhooks/"))
    with hub.enter(melbourne):
        assert not Endpoint.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "https://169.254.169.254/latest"}, "inside a private network"),
        ({"url": "http://example.org/"}, "not https"),
        ({"patterns": []}, "This field is required"),
        ({"patterns": ["member.exploded"]}, "member.exploded is not one of the available choices"),
        ({"narrowed": "no equals"}, "“no equals” has no equals sign."),
        ({"narrowed": "Bad Path = 1"}, "names no field"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_made(sydney, admin, wrong, said):
    sent = {"url": URL, "patterns": ["member.*"], "narrowed": "", **wrong}
    answer = admin.post("/marketplace/webhooks/new/", sent)
    assert answer.status_code == 422
    assert said in text(answer).replace("&#x27;", "'")
    assert "<title>Error: " in text(answer)
    with hub.enter(sydney):
        assert not Endpoint.objects.exists()


def test_the_picker_shows_every_type_in_its_group_and_what_is_chosen(sydney, admin):
    hook = make_webhook(sydney, events=["member.*", "member.status.*"], filter={"record.status": "current", "n": "3"})
    page = text(admin.get(f"/marketplace/webhooks/{hook.pk}/edit/"))
    assert re.search(r'value="member\.\*"[^>]*checked', page)
    assert re.search(r'value="member\.status\.\*"[^>]*checked', page), "set by the API, and kept"
    assert not re.search(r'value="invoice\.paid"[^>]*checked', page)
    assert "<legend>Invoices</legend>" in page
    assert {"record.status = current", "n = &quot;3&quot;"} <= set(re.split(r"[\n<>]", page))
    admin.post(
        f"/marketplace/webhooks/{hook.pk}/edit/",
        {"url": URL, "patterns": ["member.status.*"], "narrowed": 'n = "3"\nrecord.status = current'},
    )
    with hub.enter(sydney):
        changed = Endpoint.objects.get()
        assert (changed.events, changed.filter) == (["member.status.*"], {"n": "3", "record.status": "current"})
        assert changed.description == ""


def test_the_list_says_how_each_is_doing(sydney, melbourne, admin):
    make_webhook(melbourne, description="Melbourne's")
    now = timezone.now()
    make_webhook(sydney, description="Good one")
    make_webhook(sydney, description="Bad one", failing_since=now - timedelta(days=2), failures=9)
    make_webhook(sydney, description="Off", enabled=False, disabled_at=now, disabled_because="It answered 410 Gone.")
    page = text(admin.get("/marketplace/webhooks/"))
    for words in ("Good one", "Bad one", "Failing since", "Off", "Disabled since", "50 % of 2 attempts in the last 24"):
        assert words in page
    assert page.count('<svg class="day"') == 3
    assert "Melbourne" not in page.replace("melbourne.localhost", "")


def test_no_webhook_yet(sydney, admin):
    assert "No webhooks yet" in text(admin.get("/marketplace/webhooks/"))
    auditor = sign_in(sydney, make_person(sydney, "Auditor"))
    page = text(auditor.get("/marketplace/webhooks/"))
    assert "Your chapter's admin can add one." in page.replace("&#x27;", "'")
    assert "webhooks/new/" not in page


def test_pages_cost_the_same_however_much_was_sent(sydney, admin, queries_of):
    hook = make_webhook(sydney)
    with hub.enter(sydney):
        (row,) = Delivery.objects.all()
    pages = ["/marketplace/webhooks/", f"/marketplace/webhooks/{hook.pk}/",
             f"/marketplace/webhooks/{hook.pk}/deliveries/{row.pk}/", "/admin/integrations/endpoint/"]  # fmt: skip
    before = {page: queries_of(admin, page) for page in pages}
    for number in range(5):
        make_webhook(sydney, description=str(number))
    with hub.enter(sydney):
        for _ in range(120):
            Attempt.objects.create(delivery=row, endpoint=hook, at=timezone.now() - timedelta(hours=3))
            event = Event.objects.create(type="member.created", version=1, body="{}")
            Delivery.objects.create(endpoint=hook, event=event)
    assert {page: queries_of(admin, page) for page in pages} == before
    assert max(before.values()) < 15


def test_deliveries_are_paged_and_narrowed(sydney, admin):
    hook = make_webhook(sydney)
    with hub.enter(sydney):
        for number in range(60):
            event = Event.objects.create(type="member.created", version=1, body="{}")
            Delivery.objects.create(endpoint=hook, event=event, state="failed" if number < 2 else "delivered")
    first = text(admin.get(f"/marketplace/webhooks/{hook.pk}/"))
    assert first.count("/deliveries/") == 50
    (following,) = re.findall(r'href="(\?state=&amp;before=[^"]+)"', first)
    second = text(admin.get(f"/marketplace/webhooks/{hook.pk}/{following.replace('&amp;', '&')}"))
    assert second.count("/deliveries/") == 11
    assert text(admin.get(f"/marketplace/webhooks/{hook.pk}/?state=failed")).count("/deliveries/") == 2
    assert "None of these" in text(admin.get(f"/marketplace/webhooks/{hook.pk}/?state=waiting"))
    assert admin.get(f"/marketplace/webhooks/{hook.pk}/?state=nonsense&before=nonsense").status_code == 200


def test_a_delivery_shows_its_attempts_and_what_was_sent(sydney, admin):
    hook = make_webhook(sydney)
    with hub.enter(sydney):
        row = Delivery.objects.select_related("event").get()
    page = text(admin.get(f"/marketplace/webhooks/{hook.pk}/deliveries/{row.pk}/"))
    for words in (
        "The endpoint answered 503.",
        "Busy",
        "41 ms",
        "&quot;Ada&quot;",
        row.event.public_id if False else "evt_",
    ):
        assert words in page
    other = make_webhook(sydney)
    assert admin.get(f"/marketplace/webhooks/{other.pk}/deliveries/{row.pk}/").status_code == 404


def test_a_test_event_leads_to_its_delivery_which_follows(sydney, admin):
    hook = make_webhook(sydney)
    answer = admin.post(f"/marketplace/webhooks/{hook.pk}/test/")
    page = text(admin.get(answer["Location"]))
    assert "webhook.test" in page
    assert 'hx-trigger="every 2s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page


def test_many_are_counted_and_confirmed_before_they_are_sent_again(sydney, melbourne, admin):
    hook, away = make_webhook(sydney, events=["connection.*"]), make_webhook(melbourne, events=["connection.*"])
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            for _ in range(3):
                events.emit("connection.connected", {})
            Delivery.objects.filter(state="waiting").update(state="failed", tries=10, next_at=None)
    again = f"/marketplace/webhooks/{hook.pk}/replay/"
    assert "Send 3 events again?" in text(admin.get(f"{again}?which=failed"))
    with hub.enter(sydney):
        assert not Delivery.objects.filter(state="waiting").exists(), "a page that is looked at sends nothing"
    assert admin.post(again, {"which": "failed", "since": ""}).status_code == 302
    for chapter, number in ((sydney, 3), (melbourne, 0)):
        with hub.enter(chapter):
            assert Delivery.objects.filter(state="waiting", tries=0).count() == number
    assert "There is nothing to send" in text(admin.get(f"{again}?which=failed"))
    assert admin.get(f"{again}?which=since").status_code == 422
    assert "Say since when." in text(admin.get(f"{again}?which=since"))
    assert admin.get(f"{again}?which=nonsense").status_code == 422
    assert admin.get(f"/marketplace/webhooks/{away.pk}/replay/").status_code == 404


def test_it_is_disabled_enabled_and_deleted_after_a_question(sydney, admin):
    hook = make_webhook(sydney)
    at = f"/marketplace/webhooks/{hook.pk}/"
    assert "Disable this webhook?" in text(admin.get(f"{at}disable/"))
    admin.post(f"{at}disable/")
    page = text(admin.get(at))
    assert "Somebody switched it off." in page
    assert "Send again" not in page
    assert "It is disabled" in text(admin.get(f"{at}replay/?which=failed"))
    admin.post(f"{at}enable/")
    assert "Somebody switched it off." not in text(admin.get(at))
    assert "its one delivery" in text(admin.get(f"{at}delete/"))
    admin.post(f"{at}delete/")
    assert admin.get(at).status_code == 404
    with hub.enter(sydney):
        assert not Delivery.objects.exists()


def test_a_rotation_shows_the_new_secret_and_says_how_long_the_older_one_signs(sydney, admin):
    hook = make_webhook(sydney)
    at = f"/marketplace/webhooks/{hook.pk}/"
    with hub.enter(sydney):
        older = EndpointSecret.objects.get().secret.reveal()
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", text(admin.post(f"{at}rotate/")))
    assert secret != older
    assert len(signing.key_of(secret)) == 32
    assert "A secret of before signs as well, until" in text(admin.get(at))


@pytest.mark.parametrize("role", ["Treasurer", "Membership secretary", "Marketing"])
def test_a_role_that_does_not_see_everything_sees_no_webhook(sydney, role):
    hook = make_webhook(sydney)
    browser = sign_in(sydney, make_person(sydney, role, is_staff=True))
    for page in ("", f"{hook.pk}/", f"{hook.pk}/edit/", "new/"):
        assert browser.get(f"/marketplace/webhooks/{page}").status_code == 403
    assert "/webhooks/" not in text(browser.get("/marketplace/"))
    assert browser.get("/admin/integrations/endpoint/").status_code == 403
