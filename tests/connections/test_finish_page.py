"""Coming back through the browser: the hub's address, then the chapter's."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User

from integrations import hub
from integrations.connections.models import Connection
from integrations.hub.models import OAuthState

from .conftest import BROWSER, at, begun, query

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def test_the_hub_sends_the_browser_on_to_the_chapter_that_began_it(sydney, ledger, ann, settings):
    settings.PUBLIC_URL = "https://hub.localhost:8443"
    back = begun(sydney, ann, ledger)
    response = at("hub.localhost").get(
        "/oauth/callback", {**back, "next": "https://evil.example", "host": "evil.example"}
    )
    assert response.status_code == 302
    sent = urlsplit(response["Location"])
    assert (sent.scheme, sent.netloc, sent.path) == ("https", "sydney.localhost:8443", "/oauth/finish")
    assert query(response["Location"]) == back
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    assert OAuthState.objects.get().used_at is None


def test_there_the_sign_in_is_finished_and_the_person_is_back_where_they_began(sydney, ledger, ann):
    back = begun(sydney, ann, ledger)
    client = at("sydney.localhost", ann, sydney)
    client.cookies["signing_in"] = BROWSER
    response = client.get("/oauth/finish", back)
    with hub.enter(sydney):
        connection = Connection.objects.get()
    assert connection.status == "connected"
    assert (response.status_code, response["Location"]) == (302, f"/marketplace/ledger/?connection={connection.pk}")


def test_an_address_elsewhere_that_stands_in_the_table_is_not_followed(sydney, ledger, ann):
    back = begun(sydney, ann, ledger)
    OAuthState.objects.update(return_to="https://evil.example/")
    client = at("sydney.localhost", ann, sydney)
    client.cookies["signing_in"] = BROWSER
    assert client.get("/oauth/finish", back)["Location"].startswith("/marketplace/?connection=")


def test_a_browser_that_did_not_begin_it_sees_a_clear_page(sydney, ledger, ann):
    back = begun(sydney, ann, ledger)
    response = at("sydney.localhost", ann, sydney).get("/oauth/finish", back)
    assert response.status_code == 400
    assert b"begun elsewhere" in response.content
    assert b"canary" not in response.content
    assert ledger.count("/token") == 0


def test_somebody_who_is_not_signed_in_here_signs_in_first(sydney, ledger, ann):
    back = begun(sydney, ann, ledger)
    client = at("sydney.localhost")
    client.cookies["signing_in"] = BROWSER
    response = client.get("/oauth/finish", back)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=")
    assert ledger.count("/token") == 0


def test_the_other_chapter_cannot_finish_it(sydney, melbourne, ledger, ann):
    back = begun(sydney, ann, ledger)
    with hub.enter(melbourne):
        bob = User.objects.create_user("bob", password="x" * 12)
    client = at("melbourne.localhost", bob, melbourne)
    client.cookies["signing_in"] = BROWSER
    assert client.get("/oauth/finish", back).status_code == 400
    with hub.enter(melbourne):
        assert not Connection.objects.exists()


@pytest.mark.parametrize("state", ["", "nobody", "a" * 5000])
def test_an_unknown_state_at_the_hub_is_a_clear_page(db, state):
    response = at("hub.localhost").get(f"/oauth/callback?code=x&state={state}")
    assert response.status_code == 400
    assert b"Not connected" in response.content


def test_neither_address_takes_a_post_or_stands_at_the_other_host(sydney, ann):
    assert at("hub.localhost").post("/oauth/callback").status_code == 405
    assert at("sydney.localhost", ann, sydney).post("/oauth/finish").status_code == 405
    assert at("sydney.localhost", ann, sydney).get("/oauth/callback").status_code == 404
    assert at("hub.localhost").get("/oauth/finish").status_code == 404
