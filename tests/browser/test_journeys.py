"""Whole journeys against the lab: connect, watch, find what was set aside, stop, reconnect, disconnect."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from finance.models import Dispute, Party
from integrations import hub
from integrations.connections.models import Connection, Credential
from integrations.mapping.models import FieldMapping
from integrations.sync.models import RecordLink, SyncRun
from tests.inbound.conftest import call
from tests.provider.signers import mac

pytestmark = pytest.mark.browser

KEY = "rk_test_sydneychapter01"


def connect_stripe(page, key: str = KEY, name: str = "Sydney till", *, plan: bool = False) -> None:
    page.get_by_role("link", name="Stripe").click()
    page.get_by_role("link", name="Connect", exact=True).click()
    page.get_by_label("Name of this connection").fill(name)
    page.get_by_label("Sample data").check()
    page.get_by_label("API key").fill(key)
    page.get_by_label("Show me the plan").set_checked(plan)
    page.get_by_role("button", name="Connect").click()


def test_the_first_sync_is_a_plan_that_one_button_approves_and_can_be_undone(visit, place, working):
    page = visit("Treasurer").page
    connect_stripe(page, plan=True)
    expect(page.get_by_text("Its first sync is being planned.")).to_be_visible()
    expect(page.locator("#live .state.busy")).to_have_count(0, timeout=60_000)
    with hub.enter(place.sydney):
        assert not Party.objects.exists()
        assert not RecordLink.objects.exists()
    page.get_by_role("link", name="Look at the plan").click()
    expect(page.get_by_role("heading", name="Plan for the first sync of “Sydney till”")).to_be_visible()
    page.get_by_text("New:").first.click()
    page.get_by_role("button", name="Approve everything and write it").click()
    expect(page.get_by_text("are being written now.")).to_be_visible()
    expect(page.locator("#live .state.busy")).to_have_count(0, timeout=60_000)
    with hub.enter(place.sydney):
        assert Party.objects.exists()
        run = SyncRun.objects.get(resource="disputes", approved=True)
    page.goto(f"{place.url}/marketplace/runs/{run.pk}/")
    page.get_by_role("link", name="What changed").click()
    expect(page.get_by_text("Stripe, “Sydney till”").first).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Undo…").click()
    page.get_by_role("button", name="Undo it").click()
    expect(page.locator(".now .state.good")).to_be_visible(timeout=30_000)
    with hub.enter(place.sydney):
        assert not Dispute.objects.exists()


def test_connect_with_a_key_and_watch_the_first_sync_to_its_end(visit, place, working):
    page = visit("Treasurer").page
    connect_stripe(page)
    expect(page.get_by_text("“Sydney till” is connected to")).to_be_visible()
    expect(page.get_by_text("Sample data", exact=True)).to_be_visible()
    expect(page.locator(".state.busy").first).to_be_visible()
    expect(page.locator("#live .state.busy")).to_have_count(0, timeout=60_000)
    expect(page.locator(".glance").get_by_text(re.compile("Synced|set aside"))).to_be_visible()
    with hub.enter(place.sydney):
        connection = Connection.objects.get()
        assert connection.environment == "lab"
        assert RecordLink.objects.filter(connection=connection, resource="customers").exists()
        assert Party.objects.exists()
        assert not SyncRun.objects.filter(state="failed").exists()
    with hub.enter(place.melbourne):
        assert not Connection.objects.exists()
        assert not Party.objects.exists()


def test_a_wrong_key_is_explained_beside_its_field_and_the_next_try_works(visit, place):
    page = visit("Treasurer").page
    connect_stripe(page, "rk_test_wrongwrong01")
    field = page.get_by_label("API key")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("")
    expect(page.locator("#id_credential_key_error")).to_contain_text("does not accept this")
    expect(page.get_by_label("Name of this connection")).to_have_value("Sydney till")
    assert page.title().startswith("Error:")
    field.fill("not a key at all")
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#id_credential_key_error")).to_contain_text("rk_live_")
    field.fill(KEY)
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_text("is connected to")).to_be_visible()


def test_pressing_connect_twice_makes_one_connection(visit, place):
    page = visit("Treasurer").page
    page.get_by_role("link", name="Stripe").click()
    page.get_by_role("link", name="Connect", exact=True).click()
    page.get_by_label("Sample data").check()
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Connect").dblclick()
    page.wait_for_load_state("networkidle")
    with hub.enter(place.sydney):
        assert Connection.objects.count() == 1


def test_sign_in_at_the_vendor_choose_the_account_and_come_back(visit, place, working):
    page = visit("Treasurer").page
    page.get_by_role("link", name="Xero").click()
    page.get_by_role("link", name="Connect", exact=True).click()
    expect(page.get_by_text("never sees your password")).to_be_visible()
    page.get_by_label("Name of this connection").fill("Sydney ledger")
    page.get_by_label("Sample data").check()
    page.get_by_role("button", name="Continue to Xero").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", name="Which Xero account?")).to_be_visible()
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Use this account").click()
    expect(page.get_by_text("“Sydney ledger” is connected to")).to_be_visible()
    page.get_by_role("link", name="Look at the plan").click(timeout=60_000)
    expect(page.get_by_text("still being counted")).to_have_count(0, timeout=60_000)
    page.get_by_role("button", name="Approve everything and write it").click()
    page.goto(page.url.partition("plan/")[0])
    expect(page.locator("#live .state.busy")).to_have_count(0, timeout=60_000)
    with hub.enter(place.sydney):
        connection = Connection.objects.get()
        assert (connection.status, connection.account_id != "") == ("connected", True)
        assert RecordLink.objects.filter(resource="invoices").exists()


def test_a_sign_in_that_is_given_up_leaves_nothing_but_the_way_to_begin_again(visit, place):
    page = visit("Treasurer").page
    page.get_by_role("link", name="Xero").click()
    page.get_by_role("link", name="Connect", exact=True).click()
    page.get_by_label("Sample data").check()
    page.get_by_role("button", name="Continue to Xero").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.goto(place.url + "/marketplace/")
    expect(page.get_by_text("Sign-in not finished")).to_be_visible()
    page.get_by_role("link", name="Xero").last.click()


def test_everything_without_scripts(visit, place, working):
    seen = visit("Treasurer", scripts=False)
    page = seen.page
    connect_stripe(page)
    expect(page.get_by_text("is connected to")).to_be_visible()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text(re.compile(r"answered in \d+ ms"))).to_be_visible()
    page.get_by_role("button", name="Sync Payouts").click()
    expect(page.get_by_role("heading", name="Payouts")).to_be_visible()
    # no script asks again: the page itself is loaded anew until the run is over
    expect(page.locator(".now .state.busy")).to_have_count(0, timeout=60_000)
    assert page.content().count("http-equiv") == 0


def test_one_resource_is_followed_live_to_its_end(visit, place, working):
    page = visit("Treasurer").page
    connect_stripe(page)
    expect(page.locator("#live .state.busy")).to_have_count(0, timeout=60_000)
    place.fault("stripe", "slow", resource="customers", times=2)
    page.evaluate("window.sameDocument = true")
    page.locator("#sync-full").check()
    page.get_by_role("button", name="Sync Customers").click()
    expect(page.locator(".now .state.busy")).to_be_visible()
    page.evaluate("window.sameDocument = true")
    expect(page.locator(".now .state.good, .now .state.warn")).to_be_visible(timeout=30_000)
    assert page.evaluate("window.sameDocument"), "the page was not loaded again"
    expect(page.get_by_role("link", name="Back to “Sydney till”")).to_be_visible()


def test_records_that_cannot_be_taken_are_listed_with_their_reasons(visit, place, working):
    page = visit("Treasurer").page
    place.fault("stripe", "bad_records", resource="customers", times=1)
    connect_stripe(page)
    expect(page.locator("#live .state.busy")).to_have_count(0, timeout=60_000)
    page.get_by_role("link", name="Customers").last.click()
    expect(page.get_by_role("heading", name="Set aside")).to_be_visible()
    expect(page.get_by_text("Correct them at Stripe")).to_be_visible()


def test_a_revoked_key_leads_to_the_one_button_that_mends_it(visit, place, working):
    page = visit("Treasurer").page
    connect_stripe(page)
    expect(page.locator("#live .state.busy")).to_have_count(0, timeout=60_000)
    place.fault("stripe", "401", times=5)
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#tested .state.bad")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Reconnect needed since").first).to_be_visible()
    page.locator("#fix").click()
    place_reset(place)
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Reconnect").click()
    expect(page.get_by_text("is connected to")).to_be_visible()
    with hub.enter(place.sydney):
        assert Connection.objects.get().status == "connected"


def place_reset(place) -> None:
    import requests

    requests.post(f"{place.lab}/_lab/reset", timeout=5).raise_for_status()


def test_disconnecting_says_the_consequence_and_keeps_what_came(visit, place, working):
    page = visit("Treasurer").page
    connect_stripe(page)
    expect(page.locator("#live .state.busy")).to_have_count(0, timeout=60_000)
    page.get_by_role("link", name="Disconnect…").click()
    expect(page.get_by_text(re.compile(r"The [\d,]+ records it brought here"))).to_be_visible()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("is disconnected. What it brought here stays.")).to_be_visible()
    with hub.enter(place.sydney):
        assert Party.objects.exists()
        assert not Credential.objects.exists()


def test_connecting_inside_the_admin(visit, place, working):
    seen = visit("Chapter admin")
    page = seen.go("/admin/")
    page.get_by_role("link", name="Marketplace").first.click()
    connect_stripe(page)
    expect(page.get_by_text("is connected to")).to_be_visible()
    assert "/admin/marketplace/connections/" in page.url
    expect(page.locator("#live .state.busy")).to_have_count(0, timeout=60_000)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_formula_is_tried_on_real_records_and_saved(visit, place, scripts):
    page = visit("Treasurer", scripts=scripts).page
    connect_stripe(page)
    page.wait_for_url("**/connections/*/")
    page.goto(page.url + "mappings/customers/")
    field = page.locator(".mapping", has=page.get_by_text("phone", exact=True))
    field.locator("summary").click()
    expect(field.get_by_label("Formula for phone")).to_be_hidden()
    field.get_by_label("How phone is filled").select_option("formula")
    field.get_by_label("Formula for phone").fill('join("-", "first", id)')
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview .row")).to_have_count(3)
    expect(page.locator("#preview").get_by_text("first-cus_").first).to_be_visible()
    field.locator("summary").click()
    if scripts:
        field.get_by_label("Formula for phone").fill('join("-", "second", id)')
        expect(page.locator("#preview").get_by_text("second-cus_").first).to_be_visible()
        field.get_by_label("Formula for phone").fill('join("-", "second", id')
        expect(field.locator(".said")).to_contain_text("The formula cannot be read")
        field.get_by_label("Formula for phone").fill('join("-", "second", id)')
        expect(field.locator(".said")).to_have_text("")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Field mapping saved.")).to_be_visible()
    with hub.enter(place.sydney):
        assert FieldMapping.objects.get().formula.startswith('join("-", "second"' if scripts else 'join("-", "first"')


def test_a_table_is_filled_in_and_had_again(visit, place):
    page = visit("Treasurer").page
    connect_stripe(page)
    page.wait_for_url("**/connections/*/")
    mapping = page.url + "mappings/customers/"
    page.goto(mapping)
    field = page.locator(".mapping", has=page.get_by_text("currency", exact=True))
    field.locator("summary").click()
    field.get_by_label("How currency is filled").select_option("lookup")
    field.get_by_label("Theirs, row 1 of currency").fill("aud")
    field.get_by_label("Ours, row 1 of currency").fill("AUD")
    field.get_by_role("button", name="Add rows to the table of currency").click()
    expect(field.get_by_label("Theirs, row 7 of currency")).to_be_visible()
    expect(field.get_by_label("Theirs, row 1 of currency")).to_have_value("aud")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("currency, looked up in a table")).to_be_visible()
    page.goto(mapping + "versions/")
    page.get_by_role("link", name="Compare or restore version 1").click()
    expect(page.get_by_text("currency: currency, before: currency, looked up in a table")).to_be_visible()
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_text("Version 1 is in force again.")).to_be_visible()
    with hub.enter(place.sydney):
        assert not FieldMapping.objects.exists()


def test_the_address_is_set_up_and_what_is_delivered_is_seen(visit, place, working):
    page = visit().page
    connect_stripe(page)
    page.get_by_role("link", name="Incoming webhooks").click()
    expect(page.get_by_text("Waits for the secret")).to_be_visible()
    expect(page.get_by_text("Nothing has come yet")).to_be_visible()
    address = page.get_by_label("Enter this address").input_value()
    page.get_by_label("Signing secret").fill("whsec_9f2c51e0b7d84f1e")
    page.get_by_role("button", name="Keep the secret").click()
    expect(page.get_by_text("Ready")).to_be_visible()
    body = json.dumps({"id": "evt_1", "type": "customer.updated", "data": {"object": {"id": "cus_gone"}}}).encode()
    now = int(time.time())
    signature = mac(b"whsec_9f2c51e0b7d84f1e", f"{now}.".encode() + body).hex()
    assert call(urlsplit(address).path, body, stripe_signature=f"t={now},v1=00").status == "401 Unauthorized"
    assert call(urlsplit(address).path, body, stripe_signature=f"t={now},v1={signature}").status == "200 OK"
    event = page.get_by_role("link", name="customer.updated cus_gone")
    for _ in range(60):
        page.reload()
        if event.count() and not page.get_by_role("cell", name="Waiting").count():
            break
        page.wait_for_timeout(250)
    event.click()
    expect(page.get_by_text("It is not there any more")).to_be_visible()
    page.get_by_role("button", name="Do it again").click()
    expect(page.get_by_text("1 event will be acted on again now")).to_be_visible()
