"""Members as people type them in."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations import hub
from members.admin import MemberForm
from members.models import Member

pytestmark = pytest.mark.django_db


def test_an_address_is_kept_as_a_sync_would_find_it(sydney, melbourne):
    typed = {"display_name": "Ada", "email": "Ada.Lovelace@Example.COM", "status": "current"}
    with hub.enter(sydney):
        form = MemberForm(typed)
        assert form.is_valid(), form.errors
        assert form.save().email == "ada.lovelace@example.com"
    with hub.enter(melbourne):
        assert not Member.objects.exists()


def test_two_members_are_chosen_in_the_list_and_looked_at_before_they_are_merged(sydney, melbourne):
    client = Client(headers={"host": "sydney.localhost"})
    with hub.enter(sydney):
        client.force_login(User.objects.create_superuser("chief"))
        first, second, third = (Member.objects.create(display_name=name) for name in ("Ada", "Ada B.", "Bea"))
    asked = {"action": "merge", "_selected_action": [str(second.pk), str(first.pk)]}
    answer = client.post("/admin/members/member/", asked)
    wanted = f"/admin/marketplace/merges/new/?target=members.member&kept={first.pk}&merged={second.pk}"
    assert (answer.status_code, answer["Location"]) == (302, wanted)
    assert "Nothing has happened yet." in client.get(wanted).content.decode()
    asked["_selected_action"].append(str(third.pk))
    assert "exactly two" in client.post("/admin/members/member/", asked, follow=True).content.decode()
    with hub.enter(sydney):
        assert Member.objects.count() == 3
    with hub.enter(melbourne):
        assert not Member.objects.exists()
