"""Connecting, choosing the account and connecting again, without JavaScript."""

from __future__ import annotations

import pytest

from integrations import hub
from integrations.connections import services
from integrations.connections.errors import ConnectError
from integrations.connections.models import Connection
from integrations.provider import Temporary

from .staging import make_connection

pytestmark = [pytest.mark.django_db, pytest.mark.services]

KEY = "rk_live_0123456789"
TILL = "/marketplace/providers/tillstream/connect/"
LEDGER = "/marketplace/providers/ledgerly/connect/"
LETTERS = "/marketplace/providers/birdpost/connect/"


def test_a_key_connects_and_leads_to_the_connection(sydney, admin, asked):
    answer = admin.post(TILL, {"how": "api_key", "name": "Sydney till", "credential_key": KEY}, follow=True)
    assert "“Sydney till” is connected to Sydney Inc. A first sync has begun." in answer.content.decode()
    (wish,) = asked.connect
    assert wish["fields"] == {"key": KEY}
    assert (wish["provider"], wish["auth_kind"], wish["environment"]) == ("tillstream", "api_key", "live")
    assert wish["user"].username == "chapter-admin"
    assert KEY not in answer.content.decode()


def test_inside_the_admin_it_stays_inside_the_admin(admin, asked):
    answer = admin.post("/admin" + TILL, {"how": "api_key", "name": "Sydney till", "credential_key": KEY})
    assert answer["Location"].startswith("/admin/marketplace/connections/")


def test_the_key_is_masked_and_never_sent_back(admin, asked):
    page = admin.get(TILL).content.decode()
    assert '<input type="password" name="credential_key"' in page
    assert "Begins with rk_live_ or rk_test_." in page
    again = admin.post(TILL, {"how": "api_key", "name": "", "credential_key": KEY})
    assert again.status_code == 422
    assert KEY not in again.content.decode()
    assert "keys and passwords are not shown again" in again.content.decode()


def test_what_the_vendor_refuses_stands_beside_its_field(admin, monkeypatch):
    def refuse(**wish):
        raise ConnectError("Tillstream cannot be connected with this.", {"key": "Tillstream does not know this key."})

    monkeypatch.setattr(services, "connect_with_secret", refuse)
    answer = admin.post(TILL, {"how": "api_key", "name": "Sydney till", "credential_key": KEY})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="id_credential_key_error">Tillstream does not know this key.</p>' in page
    assert 'aria-invalid="true"' in page
    assert "<title>Error: Connect Tillstream" in page
    assert "<strong>Tillstream cannot be connected with this.</strong>" in page


def test_a_vendor_that_does_not_answer_is_a_sentence_and_not_an_error_page(admin, monkeypatch):
    def silent(**wish):
        raise ConnectError("Tillstream did not answer within 10 seconds. Try again in a minute.")

    monkeypatch.setattr(services, "connect_with_secret", silent)
    answer = admin.post(TILL, {"how": "api_key", "name": "Sydney till", "credential_key": KEY})
    assert "did not answer within 10 seconds" in answer.content.decode()


def test_a_taken_name_is_refused_and_a_free_one_offered(sydney, admin, asked):
    make_connection(sydney, name="Tillstream")
    assert 'value="Tillstream 2"' in admin.get(TILL).content.decode()
    answer = admin.post(TILL, {"how": "api_key", "name": "Tillstream", "credential_key": KEY})
    assert "Another connection already has this name" in answer.content.decode()
    assert asked.connect == []


def test_the_name_of_a_disconnected_connection_leads_to_reconnecting(sydney, admin, asked):
    make_connection(sydney, status=Connection.Status.DISCONNECTED)
    answer = admin.post(TILL, {"how": "api_key", "name": "Sydney till", "credential_key": KEY})
    assert "reconnect that one, or choose another name" in answer.content.decode()


def test_a_name_in_the_other_chapter_is_free_here(melbourne, admin, asked):
    make_connection(melbourne, name="Sydney till")
    assert admin.post(TILL, {"how": "api_key", "name": "Sydney till", "credential_key": KEY}).status_code == 302


def test_sample_data_is_offered_only_where_a_lab_runs(admin, asked, settings):
    settings.LAB_URL = ""
    assert "Sample data" not in admin.get(TILL).content.decode()
    settings.LAB_URL = "http://127.0.0.1:9749"
    assert "Sample data: try everything" in admin.get(TILL).content.decode()
    admin.post(TILL, {"how": "api_key", "name": "Try", "environment": "lab", "credential_key": KEY})
    assert asked.connect[0]["environment"] == "lab"


def test_without_a_lab_sample_data_cannot_be_asked_for(admin, asked, settings):
    settings.LAB_URL = ""
    admin.post(TILL, {"how": "api_key", "name": "Try", "environment": "lab", "credential_key": KEY})
    assert asked.connect[0]["environment"] == "live"


def test_signing_in_at_the_vendor_leaves_by_a_page_that_leads_on_by_itself(admin, asked):
    answer = admin.post(LEDGER, {"how": "oauth2", "name": "Sydney ledger"})
    page = answer.content.decode()
    address = "https://login.ledgerly.example/authorize?state=s1&amp;scope=a%20b"
    assert f'<meta http-equiv="refresh" content="0;url={address}">' in page
    assert f'href="{address}"' in page
    (wish,) = asked.oauth
    assert (wish["provider"], wish["name"], wish["environment"]) == ("ledgerly", "Sydney ledger", "live")
    assert len(wish["browser"]) >= 32
    assert answer.cookies["signing_in"].value == wish["browser"], "only this browser may finish"
    assert wish["return_to"] == "/marketplace/providers/ledgerly/connected/"


def test_a_sign_in_that_cannot_begin_says_why(admin, monkeypatch):
    def refuse(**wish):
        raise ConnectError("No Ledgerly app is registered here, so nobody can sign in yet.")

    monkeypatch.setattr(services, "begin_oauth", refuse)
    answer = admin.post(LEDGER, {"how": "oauth2", "name": "Sydney ledger"})
    assert answer.status_code == 422
    assert "No Ledgerly app is registered here" in answer.content.decode()


def test_coming_back_from_the_vendor_leads_to_the_connection(sydney, melbourne, admin):
    connection = make_connection(sydney, "ledgerly", "Sydney ledger")
    elsewhere = make_connection(melbourne, "ledgerly", "Melbourne ledger")
    another = make_connection(sydney)
    answer = admin.get(f"/marketplace/providers/ledgerly/connected/?connection={connection.pk}", follow=True)
    assert answer.redirect_chain == [(f"/marketplace/connections/{connection.pk}/", 302)]
    assert "“Sydney ledger” is connected to Sydney Inc." in answer.content.decode()
    for wrong in (elsewhere.pk, another.pk, "", "x"):
        assert admin.get(f"/marketplace/providers/ledgerly/connected/?connection={wrong}").status_code == 404


def test_coming_back_with_several_accounts_leads_to_the_choice(sydney, admin):
    connection = waiting_for_account(sydney)
    answer = admin.get(f"/marketplace/providers/ledgerly/connected/?connection={connection.pk}")
    assert answer["Location"] == f"/marketplace/connections/{connection.pk}/account/"


def waiting_for_account(sydney) -> Connection:
    connection = make_connection(sydney, "ledgerly", "Ledger", account_id="", account_name="", connected_at=None)
    with hub.enter(sydney):
        Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.DISCONNECTED)
    return connection


def test_a_sign_in_that_was_begun_and_left_says_so_and_gives_its_name_free(sydney, admin, asked):
    left = make_connection(
        sydney, name="Sydney till", status=Connection.Status.DISCONNECTED, connected_at=None, account_id=""
    )
    assert "Sign-in not finished" in admin.get("/marketplace/").content.decode()
    assert "Begin again" in admin.get(f"/marketplace/connections/{left.pk}/").content.decode()
    form = {"how": "api_key", "name": " Sydney   till ", "credential_key": KEY}
    admin.post(TILL, form)
    assert asked.connect[0]["name"] == "Sydney till"


def test_before_signing_in_the_reasons_for_every_permission_are_shown(admin):
    page = admin.get(LEDGER).content.decode()
    assert "to read who owes and who pays" in page
    assert "never sees your password" in page
    assert 'type="password"' not in page


def test_a_provider_with_two_ways_offers_both(admin):
    page = admin.get(LETTERS).content.decode()
    assert 'href="?how=oauth2"' in page
    assert "credential_key" in page
    other = admin.get(LETTERS + "?how=oauth2").content.decode()
    assert "credential_key" not in other
    assert "Continue to Birdpost Letters" in other
    assert admin.get(LETTERS + "?how=nonsense").status_code == 200


def test_reconnecting_keeps_the_name_and_asks_only_for_the_credential(sydney, admin, asked):
    connection = make_connection(sydney, status=Connection.Status.EXPIRED)
    address = f"/marketplace/connections/{connection.pk}/reconnect/"
    page = admin.get(address).content.decode()
    assert "Nothing is lost" in page
    assert 'name="name"' not in page
    assert admin.post(address, {"credential_key": KEY})["Location"] == f"/marketplace/connections/{connection.pk}/"
    assert asked.connect[0]["connection"].pk == connection.pk


def test_reconnecting_by_sign_in_takes_the_same_connection(sydney, admin, asked):
    connection = make_connection(
        sydney, "ledgerly", "Sydney ledger", auth_kind="oauth2", status=Connection.Status.EXPIRED, environment="lab"
    )
    answer = admin.post(f"/marketplace/connections/{connection.pk}/reconnect/", {"how": "oauth2"})
    assert "Taking you to Ledgerly" in answer.content.decode()
    (wish,) = asked.oauth
    assert (wish["connection"].pk, wish["name"], wish["environment"]) == (connection.pk, "Sydney ledger", "lab")


def test_a_sign_in_that_opens_several_accounts_asks_which(sydney, admin, asked):
    connection = waiting_for_account(sydney)
    address = f"/marketplace/connections/{connection.pk}/account/"
    assert "Waiting for you to choose the account" in admin.get("/marketplace/?show=attention").content.decode()
    assert "Choose the account" in admin.get(f"/marketplace/connections/{connection.pk}/").content.decode()
    page = admin.get(address).content.decode()
    assert "Sydney Inc" in page
    assert "Sydney Events" in page
    assert "Choose one account." in admin.post(address, {}).content.decode()
    assert "Choose one of the accounts shown." in admin.post(address, {"account": "of-another"}).content.decode()
    assert asked.chosen == []
    assert admin.post(address, {"account": "a2"}).status_code == 302
    assert asked.chosen == [(connection.pk, "a2")]


def test_accounts_that_cannot_be_asked_for_may_be_tried_again(sydney, admin, monkeypatch):
    def silent(connection):
        raise Temporary("Ledgerly did not answer.")

    monkeypatch.setattr(services, "accounts", silent)
    connection = make_connection(sydney, "ledgerly", "Ledger", account_id="")
    answer = admin.get(f"/marketplace/connections/{connection.pk}/account/")
    assert answer.status_code == 502
    assert "Try again" in answer.content.decode()


def test_a_sign_in_that_opens_no_account_says_what_to_do(sydney, admin, monkeypatch):
    monkeypatch.setattr(services, "accounts", lambda connection: [])
    connection = make_connection(sydney, "ledgerly", "Ledger", account_id="")
    assert "opens no account" in admin.get(f"/marketplace/connections/{connection.pk}/account/").content.decode()


def test_connecting_without_the_forgery_token_is_refused(sydney, admin, asked):
    from .staging import make_person, sign_in

    browser = sign_in(sydney, make_person(sydney, "Treasurer"))
    browser.handler.enforce_csrf_checks = True
    answer = browser.post(TILL, {"how": "api_key", "name": "X", "credential_key": KEY})
    assert answer.status_code == 403
    assert "That form was too old" in answer.content.decode()
    with hub.enter(sydney):
        assert not Connection.objects.exists()
