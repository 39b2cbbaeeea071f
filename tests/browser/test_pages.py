"""Every page, as it is seen: both themes, from a telephone to a desk, by keyboard, by a screen reader's rules.

With SHOTS=<folder> each page is photographed on the way.
"""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from finance.models import Party
from integrations import hub
from integrations.changes import origins
from integrations.connections.models import Connection
from integrations.inbound import addresses
from integrations.mapping.services import save_field_rules
from integrations.marketplace.urls import urlpatterns
from integrations.matching.models import Merge
from integrations.sync.models import QuarantinedRecord, SyncRun
from tests.marketplace.staging import make_conflict, make_connection, make_history, make_run, make_webhook
from tests.marketplace.test_inbound import told
from tests.marketplace.test_plans import stored
from tests.marketplace.test_routes import POST_ONLY

pytestmark = pytest.mark.browser

THEMES = ("light", "dark")
WIDTHS = (360, 768, 1280)
# Reached by a form that is sent, by a vendor that sends back, or no page at all.
NO_PAGE = {*POST_ONLY, "arrived", "logo", "account"}


class Pages(dict[str, str]):
    """Name -> path of every page, with something on it."""

    url = ""


@pytest.fixture
def pages(place) -> Pages:
    till = make_connection(place.sydney, "stripe", "Sydney till")
    ledger = make_connection(
        place.sydney, "xero", "Sydney ledger", auth_kind="oauth2", status=Connection.Status.EXPIRED,
        last_error="Xero refused the refresh token: reconnect the connection 'Sydney ledger'.",
    )  # fmt: skip
    make_connection(place.sydney, "mailchimp", "Harbour news", last_sync_at=None)
    with hub.enter(place.sydney):
        table = [["aud", "AUD"], ["nzd", "NZD"]]
        save_field_rules(
            till,
            "customers",
            {
                "currency": {"transform": "lookup", "source": "currency", "table": table},
                "phone": {"transform": "formula", "formula": 'join(" ", phone, metadata.extension)', "source": "phone"},
            },
        )
    done = make_history(place.sydney, till)
    with hub.enter(place.sydney):
        QuarantinedRecord.objects.update(id=done.pk)
        Merge.objects.create(
            pk=done.pk, target="members.member", kept_id=done.pk, merged_id=till.pk, label="Ada Lovelace"
        )
        addresses.prepare(till)
        told(till, 3, state="done", note="Fetched and taken over.")
        told(till, 1, pk=done.pk, topic="charge.failed", state="failed", note="Stripe has a fault of its own.")
    make_conflict(place.sydney, till, pk=done.pk)
    make_conflict(place.sydney, till, field="email", ours="ada@example.org", theirs="lovelace@example.org")
    hook = make_webhook(place.sydney, delivery_id=done.pk)
    running = make_run(place.sydney, till, "payouts", state="running", total=5000, fetched=1830, created=1800)
    plan = stored(created=12, updated=3, quarantined=3)
    waits = make_run(
        place.sydney, till, "payouts", state="planned", plan_only=True, plan=plan, finished_at=timezone.now()
    )
    with hub.enter(place.sydney), origins.by(origins.of_connection(till.pk), done.pk):
        party = Party.objects.create(name="Ada Lovelace and Sons Proprietary Limited", email="ada@example.org")
        Party.objects.update(email="lovelace@example.org", phone="02 9000 0000", status="archived")
    paths = {
        str(route.name): "/marketplace/"
        + str(route.pattern)
        .replace("<uuid:pk>", str(done.pk if str(route.pattern).startswith(("runs/", "conflicts/")) else till.pk))
        .replace("<slug:slug>", "xero")
        .replace("<str:target>/<uuid:record_id>", f"finance.party/{party.pk}")
        .replace("<slug:resource>", "customers")
        .replace("<int:number>", "1")
        .replace("<uuid:record>", str(done.pk))
        .replace("<uuid:merge_id>", str(done.pk))
        .replace("<uuid:event>", str(done.pk))
        .replace("<uuid:endpoint_id>", str(hook.pk))
        .replace("<uuid:delivery_id>", str(done.pk))
        for route in urlpatterns
        if route.name not in NO_PAGE
    }
    found = Pages(paths)
    found.url = place.url
    found |= {
        "expired": f"/marketplace/connections/{ledger.pk}/",
        "by-key": "/marketplace/providers/stripe/connect/",
        "planned": f"/marketplace/runs/{waits.pk}/",
        "running": f"/marketplace/runs/{running.pk}/",
        "nothing-found": "/marketplace/?q=zzz",
        "webhook-counted": f"/marketplace/webhooks/{hook.pk}/replay/?which=since&since=2026-01-01",
        "admin-webhook": f"/admin/marketplace/webhooks/{hook.pk}/",
        "not-there": "/nothing/",
        "admin": "/admin/",
        "admin-catalogue": "/admin/marketplace/",
        "admin-connection": f"/admin/marketplace/connections/{till.pk}/",
        "admin-connections": "/admin/integrations/connection/",
        "admin-members": "/admin/members/member/",
        "admin-history": f"/admin/marketplace/records/finance.party/{party.pk}/history/",
        "admin-undo": f"/admin/marketplace/runs/{done.pk}/undo/",
    }
    return found


def test_no_page_scrolls_sideways(visit, pages):
    page, too_wide = visit().page, []
    for name, path in pages.items():
        page.goto(pages.url + path)
        # Django's own lists are wide; what is ours inside the admin is held to the rule.
        ours = not path.startswith("/admin/") or path.startswith("/admin/marketplace/")
        for scheme, width in itertools.product(THEMES, WIDTHS):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            photograph(page, f"{name}-{width}-{scheme}")
            if ours and page.evaluate("document.documentElement.scrollWidth") > width:
                too_wide.append((name, scheme, width))
    assert too_wide == []


def test_no_column_is_cut_off_at_a_desk(visit, pages, place):
    """Whoever asked may have a long name."""
    with hub.enter(place.sydney):
        asker = User.objects.create(username="membership.and.events.secretary@sydney-chapter.example.org")
        SyncRun.objects.update(triggered_by=asker)
    page = visit().page
    cut_off = []
    for name in ("connection", "runs", "mappings", "admin-connection"):
        page.goto(pages.url + pages[name])
        cut_off += [
            (name, box.get_attribute("aria-label"))
            for box in page.locator(".house .scroll").all()
            if box.evaluate("box => box.scrollWidth > box.clientWidth + 1")
        ]
    assert cut_off == []


def test_axe_finds_nothing(visit, pages):
    page, found = visit().page, []
    # Each page is loaded in its theme: colours that fade from one to the other are neither's.
    for scheme, (name, path) in itertools.product(THEMES, pages.items()):
        page.emulate_media(color_scheme=scheme)
        page.goto(pages.url + path)
        # The stock admin's markup is Django's; ours inside it is held to the same rules as everywhere.
        inside = None if not path.startswith("/admin/") else ".house" if "marketplace" in path else "#header"
        found += [
            (name, scheme, violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
            for violation in Axe().run(page, context=inside).response["violations"]
        ]
    assert found == []


def test_the_editor_of_mappings_is_sound_when_everything_in_it_is_open(visit, pages):
    page, wrong = visit().page, []
    for scheme in THEMES:
        page.emulate_media(color_scheme=scheme)
        page.goto(pages.url + pages["mapping"])
        page.evaluate("document.querySelectorAll('details').forEach(closed => closed.open = true)")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            photograph(page, f"mapping-open-{width}-{scheme}")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wrong.append((scheme, width))
        wrong += [
            (scheme, violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
            for violation in Axe().run(page).response["violations"]
        ]
    assert wrong == []


def test_the_doors_are_sound_too(visit, place):
    """What is seen before signing in: a chapter's, its admin's and the hub's."""
    page, wrong = visit(None, viewport=(360, 800)).page, []
    hub_url = place.url.replace("sydney", "hub")
    doors = {"login": place.url + "/login/", "hub": hub_url + "/", "hub-login": hub_url + "/admin/login/"}
    for scheme, (name, address) in itertools.product(THEMES, doors.items()):
        page.emulate_media(color_scheme=scheme)
        page.goto(address)
        photograph(page, f"{name}-360-{scheme}")
        wrong += [(name, scheme, violation["id"]) for violation in Axe().run(page).response["violations"]]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
    assert wrong == []


def test_a_wrong_password_is_said_aloud(visit, place):
    page = visit(None).go("/login/")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("treasurer")
    page.keyboard.press("Tab")
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("User name")).to_have_value("treasurer")


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_pages_follow_the_systems_theme(visit, pages, scheme, dark):
    seen = visit(scheme=scheme)
    for path in ("/marketplace/", "/admin/", "/admin/marketplace/"):
        page = seen.go(path)
        red, green, blue = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).map(Number)"
        )
        assert (red + green + blue < 200) is dark, path


def test_the_catalogue_is_used_by_keyboard_alone(visit, pages):
    page = visit().page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the page")).to_be_in_viewport()
    page.keyboard.press("Enter")
    tab_to(page, "Search")
    page.keyboard.type("xer")
    expect(page.get_by_role("heading", name="Stripe")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="All")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Connected")).to_be_checked()
    expect(page).to_have_url(
        re.compile("show=connected")
    )  # the list has been exchanged, and does not take the focus along
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    tab_to(page, "Xero")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Xero", level=1)).to_be_visible()


def tab_to(page, name: str, most: int = 30) -> None:
    """Tab on until what is called so has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(
            "name => [document.activeElement.textContent?.trim(), document.activeElement.labels?.[0]?.textContent.trim()]"
            ".includes(name)",
            name,
        ):
            return
    pytest.fail(f"{most} tabs did not reach {name}")


def test_searching_as_you_type(visit, pages):
    page = visit().page
    page.get_by_label("Search", exact=True).press_sequentially("invoi", delay=20)
    expect(page.get_by_role("heading", name="Mailchimp")).to_have_count(0)
    expect(page.get_by_role("heading", name="Xero")).to_be_visible()
    expect(page.locator("#found")).to_contain_text("found")
    assert page.url.endswith("/marketplace/?q=invoi&show=all")
    assert page.evaluate("document.activeElement.id") == "q", "typing goes on where it was"
    page.reload()
    expect(page.get_by_label("Search", exact=True)).to_have_value("invoi")
    page.get_by_label("Needs attention").check(force=True)
    page.get_by_label("Search", exact=True).fill("")
    expect(page.get_by_role("heading", name="Xero")).to_be_visible()
    expect(page.get_by_role("heading", name="Stripe")).to_have_count(0)
    expect(page.get_by_role("heading", name="Mailchimp")).to_have_count(0)


def test_searching_without_scripts(visit, pages):
    page = visit(scripts=False).page
    page.get_by_label("Search", exact=True).fill("invoi")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Mailchimp")).to_have_count(0)
    expect(page.get_by_role("heading", name="Xero")).to_be_visible()


def test_a_progress_bar_is_read_aloud_only_when_there_is_news(visit, pages, place):
    page = visit().go(pages["running"])
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "1830")
    page.evaluate(
        "window.heard = []; new MutationObserver(() => window.heard.push(document.querySelector('#said').textContent))"
        ".observe(document.querySelector('#said'), {childList: true, characterData: true, subtree: true})"
    )
    from integrations.sync.models import SyncRun

    with hub.enter(place.sydney):
        SyncRun.objects.filter(state="running").update(fetched=1990)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "1990")
    with hub.enter(place.sydney):
        SyncRun.objects.filter(state="running").update(fetched=2600)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "2600")
    with hub.enter(place.sydney):
        SyncRun.objects.filter(state="running").update(state="succeeded", fetched=5000)
    expect(page.get_by_role("progressbar")).to_have_count(0)
    page.wait_for_timeout(2500)
    assert page.evaluate("window.heard") == ["Running: about 50 per cent read.", "Finished."]


def test_the_focus_stays_on_the_button_while_the_page_follows_a_sync(visit, pages):
    page = visit().go(pages["connection"])
    button = page.locator("#sync-payouts")
    button.focus()
    with page.expect_response(
        lambda answer: "/connections/" in answer.url and answer.request.headers.get("hx-request")
    ):
        pass
    page.wait_for_timeout(300)
    expect(button).to_be_focused()


def test_a_session_that_ended_sends_the_live_page_to_the_sign_in_and_back(visit, pages):
    seen = visit()
    page = seen.go(pages["running"])
    page.context.clear_cookies()
    page.wait_for_url(f"**/login/?next={pages['running']}")


def photograph(page, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
