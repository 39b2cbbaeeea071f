"""A webhook from the first click to what arrives, in a browser with and without scripts, and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from standardwebhooks import Webhook

from integrations import hub
from integrations.outbound.models import Delivery
from tests.outbound.receiving import Receiving, receiving

from .test_pages import tab_to

pytestmark = pytest.mark.browser


@pytest.fixture
def receiver(settings) -> Iterator[Receiving]:
    with receiving() as server:
        settings.WEBHOOK_PRIVATE_HOSTS = [server.host]
        yield server


@pytest.mark.parametrize("scripts", [True, False])
def test_one_is_added_tested_and_seen_to_arrive(visit, working, place, receiver, scripts):
    page = visit(scripts=scripts).page
    page.get_by_role("link", name="Webhooks").click()
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()
    page.get_by_role("link", name="Add a webhook…").click()
    page.get_by_label("Address").fill("https://10.0.0.1/hook")
    page.get_by_label("member.updated").check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_text("inside a private network")).to_be_visible()
    expect(page.get_by_label("member.updated")).to_be_checked()
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_role("button", name="Add").click()
    secret = page.locator("#secret").inner_text()
    page.get_by_role("button", name="Send a test event").click()
    expect(page.get_by_role("status").filter(has_text="Delivered")).to_be_visible(timeout=15_000)
    (got,) = receiver.got
    assert Webhook(secret).verify(got.body, got.headers)["type"] == "webhook.test"
    with hub.enter(place.sydney):
        assert Delivery.objects.get().state == "delivered"


def test_the_picker_and_the_questions_are_worked_by_keyboard(visit, working, place, receiver):
    page = visit().go("/marketplace/webhooks/new/")
    tab_to(page, "Address")
    page.keyboard.type(receiver.url)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Every event, also what is added later")).to_be_focused()
    page.keyboard.press("Space")
    tab_to(page, "Add", most=60)
    page.keyboard.press("Enter")
    expect(page.locator("#secret")).to_be_visible()
    tab_to(page, "I have copied it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What it is told")).to_be_visible()
    tab_to(page, "Disable…")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Disable this webhook?")).to_be_visible()
    tab_to(page, "Disable")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Somebody switched it off.")).to_be_visible()
