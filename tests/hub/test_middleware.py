"""Which chapter a request is for."""

from __future__ import annotations

import pytest
from django.test import Client

from integrations import hub
from integrations.hub.models import Chapter

pytestmark = pytest.mark.django_db


def test_the_health_check_answers_under_any_host():
    answer = Client(headers={"host": "10.0.0.7:8000"}).get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_a_chapter_answers_at_its_own_host(sydney):
    assert Client(headers={"host": "sydney.localhost:8000"}).get("/admin/login/").status_code == 200
    assert hub.schema() == "public"


def test_a_host_is_the_same_in_capitals(sydney, client):
    assert client.get("/login/", headers={"host": "SYDNEY.localhost:8000"}).status_code == 200


def test_unknown_suspended_and_schemaless_chapters_look_alike(sydney, melbourne):
    Chapter.objects.filter(pk=melbourne.pk).update(status=Chapter.Status.SUSPENDED)
    answers = [
        Client(headers={"host": host}).get("/admin/login/") for host in ("nowhere.localhost", "melbourne.localhost")
    ]
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_a_session_of_one_chapter_is_nothing_in_another_or_in_the_hub(sydney, melbourne):
    from django.contrib.auth.models import User

    with hub.enter(sydney):
        user = User.objects.create_superuser("anna", "anna@example.org", "x")
    client = Client(headers={"host": "sydney.localhost"})
    with hub.enter(sydney):
        client.force_login(user)
    assert client.get("/admin/").status_code == 200
    for host in ("melbourne.localhost", "hub.localhost"):
        assert client.get("/admin/", headers={"host": host}).status_code == 302
