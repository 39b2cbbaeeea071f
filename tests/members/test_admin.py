"""Members as people type them in."""

from __future__ import annotations

import pytest

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
