"""Signing in and out, the first page, the pages for what went wrong, and the policy they all carry."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

from integrations import hub
from integrations.connections import services
from integrations.marketplace import csp

from .staging import make_person, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def test_signing_in_leads_to_where_one_wanted_to_go(sydney):
    make_person(sydney, "Treasurer")
    browser = sign_in(sydney)
    form = {"username": "treasurer", "password": "correct horse battery", "next": "/marketplace/providers/ledgerly/"}
    assert browser.post("/login/", form)["Location"] == "/marketplace/providers/ledgerly/"
    assert browser.post("/login/", form | {"next": "https://evil.example/"})["Location"] == "/marketplace/"


def test_a_wrong_password_says_so_without_saying_which_part(sydney):
    make_person(sydney, "Treasurer")
    answers = [
        sign_in(sydney).post("/login/", {"username": name, "password": "wrong"}).content.decode()
        for name in ("treasurer", "nobody-here")
    ]
    for page in answers:
        assert "That name and password do not belong together." in page
        assert "wrong" not in page.replace("Nothing you typed was wrong", "")


def test_a_person_of_one_chapter_does_not_get_into_the_other(sydney, melbourne):
    user = make_person(sydney, "Treasurer")
    form = {"username": "treasurer", "password": "correct horse battery"}
    assert sign_in(melbourne).post("/login/", form).status_code == 200
    browser = sign_in(sydney, user)
    stolen = Client(headers={"host": "melbourne.localhost"})
    stolen.cookies = browser.cookies
    assert stolen.get("/marketplace/").status_code == 302


def test_signing_out_needs_a_post_and_ends_the_session(sydney):
    browser = sign_in(sydney, make_person(sydney, "Treasurer"))
    assert browser.get("/logout/").status_code == 405
    assert browser.post("/logout/")["Location"] == "/login/"
    assert browser.get("/marketplace/").status_code == 302


def test_the_first_page_of_a_chapter_is_its_marketplace(sydney):
    assert sign_in(sydney).get("/")["Location"] == "/marketplace/"


def test_the_first_page_of_the_hub_names_it_and_leads_to_its_admin(db):
    answer = Client(headers={"host": "hub.localhost"}).get("/")
    assert "The Chapterhouse hub" in answer.content.decode()
    assert 'href="/admin/"' in answer.content.decode()


def test_the_hub_has_no_marketplace(db):
    assert Client(headers={"host": "hub.localhost"}).get("/marketplace/").status_code == 404


def test_what_is_not_there_gets_a_kind_page(sydney):
    answer = sign_in(sydney).get("/nothing/here/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()
    assert "Content-Security-Policy" in answer


def test_an_error_page_needs_neither_database_nor_request():
    page = render_to_string("500.html")
    assert "Something broke on our side" in page


def test_a_broken_page_is_the_friendly_one(sydney, monkeypatch):
    from integrations.marketplace.views import catalogue

    def broken(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(catalogue, "read_catalogue", broken)
    browser = sign_in(sydney, make_person(sydney, "Treasurer"))
    browser.raise_request_exception = False
    answer = browser.get("/marketplace/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_a_developers_debug_page_shows_no_secret(sydney, monkeypatch, settings, accept):
    settings.DEBUG = True

    def broken(**wish):
        secret = wish["fields"]["key"]
        raise ValueError(f"api_key={secret}")

    monkeypatch.setattr(services, "connect_with_secret", broken)
    browser = sign_in(sydney, make_person(sydney, "Treasurer"))
    browser.raise_request_exception = False
    session = browser.cookies["sessionid"].value
    answer = browser.post(
        "/marketplace/providers/tillstream/connect/?code=canary-of-the-address",
        {"how": "api_key", "name": "Till", "credential_key": "sk_test_canary0000000000"},
        headers={"accept": accept},
    )
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "ValueError" in page
    assert "credential_key" in page
    assert "canary" not in page
    assert session not in page


def test_every_response_carries_the_policy_even_for_an_unknown_host(db):
    answer = Client(headers={"host": "nobody.localhost"}).get("/")
    assert answer.status_code == 404
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_view_may_loosen_named_directives_and_no_others(settings):
    @csp.csp_override(img_src=["'self'", "data:"])
    def view(request):
        return HttpResponse()

    middleware = csp.ContentSecurityPolicyMiddleware(view)
    policy = middleware(RequestFactory().get("/"))["Content-Security-Policy"]
    assert "img-src 'self' data:" in policy
    assert "script-src 'self';" in policy


def test_a_developers_debug_page_keeps_its_styles(settings):
    settings.DEBUG = True
    shown = csp.ContentSecurityPolicyMiddleware(lambda request: HttpResponse(status=500))(RequestFactory().get("/"))
    assert "Content-Security-Policy" not in shown


def test_a_session_of_the_hub_opens_nothing_in_a_chapter(sydney):
    from django.contrib.auth.models import User

    user = User.objects.create_superuser("operator", password="correct horse battery")
    browser = Client(headers={"host": "hub.localhost"})
    browser.force_login(user)
    stolen = Client(headers={"host": "sydney.localhost"})
    stolen.cookies = browser.cookies
    assert stolen.get("/marketplace/").status_code == 302
    with hub.enter(sydney):
        assert not User.objects.filter(username="operator").exists()
