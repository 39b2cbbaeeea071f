"""What a person changes on a page is theirs in the feed, what a partner changes is their key's, and no name lasts longer than
its request."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from rest_framework.response import Response

from integrations import hub
from integrations.api import keys
from integrations.api.authentication import ApiKeyAuthentication
from integrations.api.view import ApiView
from integrations.changes import feed, origins
from integrations.changes.feed import START
from integrations.changes.middleware import OriginMiddleware
from integrations.hub.models import Chapter
from members.models import Member

pytestmark = pytest.mark.services


def session_origin() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('chapterhouse.origin', true), '')")
        return cursor.fetchone()[0]


def test_an_edit_in_the_administration_is_the_persons_who_made_it(committed: dict[str, Chapter]) -> None:
    with hub.enter("sydney"):
        admin = User.objects.create_superuser("anne", "anne@example.org", "a long password")
        jane = Member.objects.create(display_name="Jane", email="jane@example.org")
    with hub.enter("melbourne"):
        Member.objects.create(display_name="Jane", email="jane@example.org")
    client = Client(headers={"host": "sydney.localhost"})
    with hub.enter("sydney"):
        client.force_login(admin)
    page = client.get(f"/admin/members/member/{jane.pk}/change/")
    assert page.status_code == 200
    sent = {name: value for name, value in page.context["adminform"].form.initial.items() if value not in (None, [])}
    sent |= {"display_name": "Jane C", "tags": "", "_save": "Save"}
    for formset in page.context["inline_admin_formsets"]:
        sent |= {f"{formset.formset.prefix}-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    answer = client.post(f"/admin/members/member/{jane.pk}/change/", sent)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    with hub.enter("sydney"):
        told = feed.history("members.member", jane.pk)[0]
        assert (told.origin, told.after) == (f"user:{admin.pk}", {"display_name": "Jane C"})
    with hub.enter("melbourne"):
        assert {one.origin for one in feed.read(START)} == {""}
    assert session_origin() == ""


class _Changes(ApiView):
    authentication_classes = [ApiKeyAuthentication]
    permission_classes: list[Any] = []

    def post(self, request: Any) -> Response:
        Member.objects.create(display_name="Made by a partner")
        return Response({})


def test_what_a_partner_changes_is_their_keys(committed: dict[str, Chapter]) -> None:
    with hub.enter("sydney") as chapter:
        key, token = keys.issue(name="Website", scopes=["records:read"])
        request = RequestFactory().post("/api/v1/x", headers={"authorization": f"Bearer {token}"})
        request.chapter = chapter
        OriginMiddleware(_Changes.as_view())(request)
        assert [one.origin for one in feed.read(START)] == [f"api:{key.pk}"]
        assert session_origin() == ""


def test_a_request_that_fails_leaves_no_name_behind(committed: dict[str, Chapter]) -> None:
    def fails(request: HttpRequest) -> HttpResponse:
        assert session_origin() == "user:7"
        raise ZeroDivisionError

    with hub.enter("sydney") as chapter:
        request = RequestFactory().post("/x")
        request.chapter, request.user = chapter, User(pk=7)
        with pytest.raises(ZeroDivisionError):
            OriginMiddleware(fails)(request)
        assert session_origin() == ""


def test_what_a_transaction_says_goes_before_the_requests_person(committed: dict[str, Chapter]) -> None:
    with hub.enter("sydney"):
        origins.speak_for_the_request("user:7")
        with origins.by("connection:1"):
            Member.objects.create(display_name="Jane")
        Member.objects.create(display_name="Joe")
        origins.speak_for_the_request("")
        assert [one.origin for one in feed.read(START)] == ["connection:1", "user:7"]
