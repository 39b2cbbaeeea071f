"""Who may do what: the matrix of roles, acts and kinds of provider."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from integrations import hub, registry, roles

from .staging import make_connection, make_person, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]

LEDGER, TILL, LETTERS, FORMS = "ledgerly", "tillstream", "birdpost", "hostile"
EVERYTHING = {LEDGER, TILL, LETTERS, FORMS}
# role -> providers whose connections it may see, may connect, may sync
MATRIX = {
    "Chapter admin": (EVERYTHING, EVERYTHING, EVERYTHING),
    "Treasurer": ({LEDGER, TILL}, {LEDGER, TILL}, {LEDGER, TILL}),
    "Membership secretary": ({FORMS}, {FORMS}, {FORMS}),
    "Marketing": ({LETTERS}, {LETTERS}, {LETTERS}),
    "Auditor": (EVERYTHING, set(), set()),
    None: (set(), set(), set()),
}
RECORDS = {
    "Chapter admin": {"members.view_member", "members.change_member", "finance.view_invoice", "auth.change_user"},
    "Treasurer": {"members.view_member", "finance.view_invoice"},
    "Membership secretary": {"members.view_member", "members.change_member"},
    "Marketing": {"members.view_member"},
    "Auditor": {"members.view_member", "finance.view_invoice"},
    None: set(),
}


@pytest.mark.parametrize("role", MATRIX)
def test_a_role_acts_on_its_own_kinds_of_provider_and_on_no_other(sydney, role):
    user = make_person(sydney, role)
    with hub.enter(sydney):
        may = {
            act: {slug for slug, provider in registry.all_providers().items() if roles.may(user, act, provider)}
            for act in roles.ACTS
        }
    assert (may["view"], may["connect"], may["sync"]) == MATRIX[role]


@pytest.mark.parametrize("role", RECORDS)
def test_a_role_sees_the_records_it_needs(sydney, role):
    user = make_person(sydney, role)
    asked_for = set().union(*RECORDS.values())
    with hub.enter(sydney):
        assert {name for name in asked_for if user.has_perm(name)} == RECORDS[role]


def test_nobody_but_the_chapter_admin_touches_people_or_api_keys():
    powerful = {
        role for role, names in roles.ROLES.items() if {"auth.change_user", "integrations.add_apikey"} & set(names)
    }
    assert powerful == {"Chapter admin"}


def test_no_role_may_write_what_a_ledger_owns():
    names = {name for permissions in roles.ROLES.values() for name in permissions if name.startswith("finance.")}
    assert {name.partition(".")[2].partition("_")[0] for name in names} == {"view"}


def test_an_auditor_has_only_view_permissions():
    other = [name for name in roles.ROLES["Auditor"] if ".view_" not in name and ".use_" not in name]
    assert other == []


def test_roles_may_be_applied_again_and_leave_other_groups_alone(sydney):
    with hub.enter(sydney):
        roles.apply_roles()
        Group.objects.create(name="Bridge club")
        Group.objects.get(name="Treasurer").permissions.clear()
        roles.apply_roles()
        assert Group.objects.get(name="Treasurer").permissions.count() == len(roles.ROLES["Treasurer"])
        assert set(Group.objects.values_list("name", flat=True)) == {*roles.ROLES, "Bridge club"}


def test_a_role_in_one_chapter_is_no_role_in_the_other(sydney, melbourne):
    make_person(sydney, "Treasurer")
    make_person(melbourne, "Auditor")
    with hub.enter(melbourne):
        assert not Group.objects.get(name="Treasurer").user_set.exists()


def test_roles_are_not_made_in_the_hub(db):
    with pytest.raises(hub.WrongSchema, match="enter one first"):
        roles.apply_roles()


@pytest.mark.parametrize(("role", "status"), [("Treasurer", 200), ("Marketing", 403), ("Auditor", 200), (None, 403)])
def test_a_connection_page_opens_for_the_roles_that_work_with_it(sydney, role, status):
    connection = make_connection(sydney)
    answer = sign_in(sydney, make_person(sydney, role)).get(f"/marketplace/connections/{connection.pk}/")
    assert answer.status_code == status


def test_a_refusal_names_the_roles_to_ask(sydney):
    connection = make_connection(sydney)
    answer = sign_in(sydney, make_person(sydney, "Marketing")).get(f"/marketplace/connections/{connection.pk}/")
    assert "It needs the role Chapter admin or Treasurer or Auditor" in answer.content.decode()


def test_an_auditor_is_offered_nothing_to_press(sydney):
    connection = make_connection(sydney)
    page = sign_in(sydney, make_person(sydney, "Auditor")).get(f"/marketplace/connections/{connection.pk}/")
    for offer in ("Sync now", "Test connection", "Disconnect", "Reconnect", "Settings"):
        assert offer not in page.content.decode()
