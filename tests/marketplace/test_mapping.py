"""The editor of field mappings, its preview and its versions, as a browser without JavaScript meets them."""

from __future__ import annotations

import re

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations import hub
from integrations.connections.models import Connection
from integrations.mapping.models import FieldMapping, MappingVersion
from integrations.mapping.services import save_field_rules
from integrations.sync.models import RecordLink, ResourceState
from tests.sync.conftest import running_vendor
from tests.sync.vendor import Reply, tiny_door

from .staging import make_connection, make_person, sign_in

__all__ = ["running_vendor"]
pytestmark = [pytest.mark.django_db, pytest.mark.services]

THEIRS = [
    {"ContactID": "c1", "Name": "Ada <b>", "First": "Ada", "EmailAddress": "ADA@EXAMPLE.ORG", "ContactNumber": "7"},
    {"ContactID": "c2", "Name": "Bob", "First": "Bob", "EmailAddress": "nonsense", "ContactNumber": None},
]


@pytest.fixture
def vendor(running_vendor, monkeypatch):
    running_vendor.reset()
    running_vendor.routes["/Contacts"] = lambda asked: Reply({"Contacts": THEIRS})
    monkeypatch.setattr("integrations.http.open_door", tiny_door(running_vendor.url))
    return running_vendor


@pytest.fixture
def ledger(sydney):
    return make_connection(sydney, "ledgerly", "Ledger")


def at(connection: Connection, page: str = "") -> str:
    return f"/marketplace/connections/{connection.pk}/mappings/contacts/{page}"


def text(answer) -> str:
    return answer.content.decode()


def typed(answer) -> dict[str, str]:
    return {field.html_name: field.value() or "" for field in answer.context["form"]}


def number_of(answer, field: str) -> int:
    return next(row.number for row in answer.context["form"].rows() if row.rule.field == field)


def filled(answer, field: str, **parts: str) -> dict[str, str]:
    number = number_of(answer, field)
    return typed(answer) | {f"{number}-{part.replace('__', '-')}": value for part, value in parts.items()}


def saved(chapter, field: str) -> FieldMapping:
    with hub.enter(chapter):
        return FieldMapping.objects.get(field=field)


def link(chapter, connection, count=3):
    with hub.enter(chapter):
        RecordLink.objects.bulk_create(
            RecordLink(
                connection=connection, resource="contacts", external_id=f"c{n}", target="finance.party",
                record_id=connection.pk, content_hash="0" * 32, first_seen=timezone.now(), last_changed=timezone.now(),
            )
            for n in range(count)
        )  # fmt: skip


def test_every_field_shows_how_it_is_filled_and_by_which_rules(admin, ledger):
    page = text(admin.get(at(ledger)))
    for shown in (
        "EmailAddress",
        "Their field as it is",
        "Looked up in a table",
        "Worked out by a formula",
        "Not taken",
    ):
        assert shown in page, shown
    for shown in (
        "Which way email goes",
        "When our email is written there",
        "What a formula can do",
        "join(&quot; &quot;",
    ):
        assert shown in page, shown
    assert "kind" not in [row.rule.field for row in admin.get(at(ledger)).context["form"].rows()]  # a constant


def test_a_resource_that_is_not_written_there_offers_no_way_out(admin, ledger):
    page = text(admin.get(at(ledger).replace("contacts", "invoices")))
    assert "Which way" not in page
    assert "A list is taken as it is" in page


def test_a_formula_is_saved(sydney, admin, ledger):
    form = filled(admin.get(at(ledger)), "email", transform="formula", formula="lower(EmailAddress)", direction="in")
    assert admin.post(at(ledger), form | {"note": "They shout."}).status_code == 302
    row = saved(sydney, "email")
    assert (row.transform, row.formula, row.direction, row.owner) == ("formula", "lower(EmailAddress)", "in", "newest")
    assert "worked out as lower(EmailAddress)" in text(admin.get(f"/marketplace/connections/{ledger.pk}/mappings/"))
    with hub.enter(sydney):
        assert MappingVersion.objects.first().note == "They shout."
        assert MappingVersion.objects.first().who == "chapter-admin"


@pytest.mark.parametrize("formula", ["9 ** 9 ** 9", "First.__class__", "nonsense(", "", "x" * 1001])
def test_a_formula_that_cannot_be_is_refused_beside_it_and_nothing_is_saved(sydney, admin, ledger, formula):
    page = admin.get(at(ledger))
    answer = admin.post(at(ledger), filled(page, "email", transform="formula", formula=formula))
    assert answer.status_code == 422
    assert f'id="id_{number_of(page, "email")}-formula_error"' in text(answer)
    with hub.enter(sydney):
        assert not FieldMapping.objects.exists()


def test_a_field_is_no_longer_taken_and_taken_again(sydney, admin, ledger):
    admin.post(at(ledger), filled(admin.get(at(ledger)), "email", transform="none"))
    assert saved(sydney, "email").source == ""
    assert "not taken" in text(admin.get(f"/marketplace/connections/{ledger.pk}/mappings/"))
    admin.post(at(ledger), filled(admin.get(at(ledger)), "email", transform="direct"))
    with hub.enter(sydney):
        assert not FieldMapping.objects.exists()


def test_a_field_that_the_provider_does_not_fill_can_be_filled(sydney, admin, ledger):
    page = admin.get(at(ledger))
    assert "not taken" in text(page)
    assert (
        admin.post(at(ledger), filled(page, "phone", transform="direct", source="Phones.0.Number")).status_code == 302
    )
    with hub.enter(sydney):
        assert [(row.field, row.source) for row in FieldMapping.objects.all()] == [("phone", "Phones.0.Number")]


def test_a_table_grows_and_shrinks_without_being_saved(sydney, admin, ledger):
    form = filled(admin.get(at(ledger)), "number", transform="lookup", theirs__0="7", ours__0="seven")
    number = number_of(admin.get(at(ledger)), "number")
    grown = admin.post(at(ledger), form | {"more": str(number)})
    assert grown.status_code == 200
    assert 'value="seven"' in text(grown)
    assert f'name="{number}-theirs-6"' in text(grown)
    assert f'<details class="mapping" id="field-{number}" open>' in text(grown)
    form = typed(grown) | {f"{number}-theirs-6": "8", f"{number}-ours-6": "eight", "less": f"{number}-0"}
    shrunk = admin.post(at(ledger), form)
    assert 'value="seven"' not in text(shrunk)
    with hub.enter(sydney):
        assert not FieldMapping.objects.exists()
    assert admin.post(at(ledger), typed(shrunk)).status_code == 302
    assert saved(sydney, "number").table == [["8", "eight"]]


@pytest.mark.parametrize(
    "button", [{"more": "x"}, {"more": "9999999"}, {"less": "0"}, {"less": "0-x"}, {"more": ""}, {"less": "²-1"}]
)
def test_a_button_that_somebody_made_up_changes_nothing(admin, ledger, button):
    assert admin.post(at(ledger), typed(admin.get(at(ledger))) | button).status_code == 200


@pytest.mark.parametrize("count", ["x", "-1", "99999999999", "²", "0"])
def test_a_count_of_rows_that_somebody_made_up_is_held_to_the_limit(admin, ledger, count):
    form = filled(admin.get(at(ledger)), "number", rows=count)
    assert admin.post(at(ledger), form | {"more": "0"}).status_code == 200


def test_a_table_keeps_numbers_and_yes_or_no_as_the_vendor_has_them(sydney, admin, ledger):
    with hub.enter(sydney):
        table = [[7, "seven"], [True, "yes"]]
        save_field_rules(
            ledger, "contacts", {"number": {"transform": "lookup", "source": "ContactNumber", "table": table}}
        )
    form = filled(admin.get(at(ledger)), "number", theirs__2="8", ours__2="eight")
    assert admin.post(at(ledger), form).status_code == 302
    assert saved(sydney, "number").table == [[7, "seven"], [True, "yes"], ["8", "eight"]]


def test_a_table_that_cannot_be_is_refused_beside_the_field(admin, ledger):
    page = admin.get(at(ledger))
    wrong = {"theirs__0": "7", "ours__0": "a", "theirs__1": "7", "ours__1": "b"}
    answer = admin.post(at(ledger), filled(page, "number", transform="lookup", **wrong))
    assert answer.status_code == 422
    assert "“7” stands in two rows." in text(answer)


def test_an_ambiguous_way_back_is_said_on_the_page(sydney, admin, ledger):
    with hub.enter(sydney):
        table = [["1", "one"], ["I", "one"]]
        save_field_rules(
            ledger, "contacts", {"number": {"transform": "lookup", "source": "ContactNumber", "table": table}}
        )
    assert "On the way out “one” could be “1” or “I”" in text(admin.get(at(ledger)))


def test_saving_offers_to_re_apply_and_says_to_how_many(sydney, admin, ledger):
    assert "already here" not in text(admin.get(at(ledger)))
    link(sydney, ledger)
    page = text(admin.get(at(ledger)))
    assert "The 3 records already here" in page
    assert 'name="reapply" value="yes" checked' in page


@pytest.mark.parametrize(("choice", "cursor", "said"), [
    ("yes", "", "The next sync reads every record again"), ("no", "2026-01-01T00:00:00+00:00", "It counts from now on"),
])  # fmt: skip
def test_what_is_here_is_re_applied_or_left_alone(sydney, admin, ledger, choice, cursor, said):
    link(sydney, ledger)
    with hub.enter(sydney):
        ResourceState.objects.create(connection=ledger, resource="contacts", cursor="2026-01-01T00:00:00+00:00")
    form = filled(admin.get(at(ledger)), "email", source="Mail") | {"reapply": choice}
    assert said in text(admin.post(at(ledger), form, follow=True))
    with hub.enter(sydney):
        assert ResourceState.objects.get().cursor == cursor
        assert MappingVersion.objects.first().reapplied is (choice == "yes")


# --- the preview ----------------------------------------------------------------------------------------------------------


def test_the_preview_shows_theirs_ours_now_and_ours_then_and_saves_nothing(sydney, admin, ledger, vendor):
    form = filled(admin.get(at(ledger)), "number", transform="formula", formula="text(number(ContactNumber) + 0.5)")
    answer = admin.post(at(ledger), form | {"preview": "yes"})
    page = text(answer)
    assert "ContactNumber: 7" in page
    assert "7.5" in page
    assert "Ada &lt;b&gt;" in page
    assert "1 field would be otherwise" in page
    assert 'value="text(number(ContactNumber) + 0.5)"' in page or "text(number(ContactNumber) + 0.5)</textarea>" in page
    for model in (FieldMapping, MappingVersion, RecordLink, ResourceState):
        with hub.enter(sydney):
            assert not model.objects.exists()


def test_errors_of_a_record_stand_beside_its_field(admin, ledger, vendor):
    page = text(admin.post(at(ledger), typed(admin.get(at(ledger))) | {"preview": "yes"}))
    assert re.search(
        r'<th scope="row">email</th>\s*<td class="long">nonsense</td>\s*<td class="long"><span class="state bad">', page
    )


def test_what_is_refused_stands_beside_its_field_in_the_preview_too(admin, ledger, vendor):
    page = admin.get(at(ledger))
    answer = admin.post(at(ledger), filled(page, "email", transform="formula", formula="x(") | {"preview": "yes"})
    assert answer.status_code == 422
    assert f'id="id_{number_of(page, "email")}-formula_error"' in text(answer)


def test_trying_again_asks_the_vendor_nothing(admin, ledger, vendor):
    first = admin.post(at(ledger), typed(admin.get(at(ledger))) | {"preview": "yes"})
    assert len(vendor.asked) == 1
    assert 'hx-trigger="input delay:500ms' in text(first)
    form = filled(first, "email", transform="formula", formula='First + "@example.org"')
    live = admin.post(at(ledger), form | {"preview": "live"}, headers={"HX-Request": "true"})
    assert len(vendor.asked) == 1
    assert "Ada@example.org" in text(live)
    assert "<html" not in text(live)


def test_a_live_preview_says_what_is_refused_beside_the_field(admin, ledger, vendor):
    first = admin.post(at(ledger), typed(admin.get(at(ledger))) | {"preview": "yes"})
    form = filled(first, "email", transform="formula", formula="First +")
    live = admin.post(at(ledger), form | {"preview": "live"}, headers={"HX-Request": "true"})
    number = number_of(first, "email")
    assert live.status_code == 200
    assert re.search(
        rf'id="said-{number}" class="said" hx-swap-oob="true"><p class="error">The formula cannot be read', text(live)
    )


def test_before_the_first_preview_nothing_is_asked_for_by_itself(admin, ledger):
    assert "hx-trigger" not in text(admin.get(at(ledger)))


def test_offline_the_page_says_so(sydney, admin, vendor):
    gone = make_connection(sydney, "ledgerly", "Old ledger", status=Connection.Status.EXPIRED)
    page = text(admin.post(at(gone), typed(admin.get(at(gone))) | {"preview": "yes"}))
    assert "“Old ledger” is not connected, so there is no record to try it on." in page
    assert vendor.asked == []


def test_who_may_not_see_the_records_sees_none_here(sydney, ledger, vendor):
    person = make_person(sydney, "Treasurer")
    with hub.enter(sydney):
        person.groups.get().permissions.remove(*person.groups.get().permissions.filter(codename="view_party"))
    browser = sign_in(sydney, person)
    page = text(browser.post(at(ledger), typed(browser.get(at(ledger))) | {"preview": "yes"}))
    assert "may not see" in page
    assert vendor.asked == []


# --- versions -------------------------------------------------------------------------------------------------------------


def save(chapter, connection, **fields):
    with hub.enter(chapter):
        save_field_rules(connection, "contacts", fields, who="Ada")


def test_without_versions_the_page_teaches(admin, ledger):
    assert "No versions yet" in text(admin.get(at(ledger, "versions/")))


def test_versions_are_listed_with_what_each_changed(sydney, admin, ledger):
    save(sydney, ledger, email={"source": "Mail"})
    save(sydney, ledger, email={"source": "Post"})
    page = text(admin.get(at(ledger, "versions/")))
    for said in (
        "email: Post, before: Mail",
        "email: Mail, before: EmailAddress",
        "by Ada",
        "As it was before the first change.",
    ):
        assert said in page, said


def test_versions_have_pages_and_each_is_compared_with_the_one_before_it(sydney, admin, ledger):
    for n in range(25):
        save(sydney, ledger, email={"source": f"Mail{n}"})
    page = text(admin.get(at(ledger, "versions/")))
    assert "Page 1 of 2" in page
    assert "email: Mail5, before: Mail4" in page
    assert "email: Mail4, before: Mail3" in text(admin.get(at(ledger, "versions/?page=2")))


def test_two_versions_are_compared(sydney, admin, ledger):
    for name in ("A", "B", "C"):
        save(sydney, ledger, email={"source": name})
    assert "email: A, before: C" in text(admin.get(at(ledger, "versions/2/")))
    assert "email: A, before: B" in text(admin.get(at(ledger, "versions/2/?with=3")))
    assert "both say the same" in text(admin.get(at(ledger, "versions/4/")))
    assert admin.get(at(ledger, "versions/2/?with=²")).status_code == 200


def test_restoring_shows_first_what_it_would_change(sydney, admin, ledger):
    save(sydney, ledger, email={"source": "Mail"})
    assert "email: EmailAddress, before: Mail" in text(admin.get(at(ledger, "versions/1/")))
    page = admin.post(at(ledger, "versions/1/"), {"reapply": "no"}, follow=True)
    assert "Version 1 is in force again. It counts from now on" in text(page)
    with hub.enter(sydney):
        assert not FieldMapping.objects.exists()
        assert MappingVersion.objects.first().reapplied is False


def test_a_version_that_cannot_be_had_again_says_why(sydney, admin, ledger):
    save(sydney, ledger, email={"source": "Mail"})
    save(sydney, ledger, email=None)
    with hub.enter(sydney):
        MappingVersion.objects.filter(number=2).update(snapshot={"shoe_size": {"source": "shoe"}})
    answer = admin.post(at(ledger, "versions/2/"))
    assert answer.status_code == 422
    assert "shoe_size: There is no such field." in text(answer)


@pytest.mark.parametrize("page", ["versions/9/", "versions/99999999999999999999/"])
def test_a_version_there_is_not_is_not_found(admin, ledger, page):
    assert admin.get(at(ledger, page)).status_code == 404


def test_who_may_only_look_sees_the_versions_and_restores_none(sydney, ledger):
    save(sydney, ledger, email={"source": "Mail"})
    browser = sign_in(sydney, make_person(sydney, "Auditor"))
    page = text(browser.get(at(ledger, "versions/")))
    assert "email: Mail, before: EmailAddress" in page
    assert "Compare or restore" not in page
    assert browser.post(at(ledger, "versions/1/")).status_code == 403


def test_the_number_of_queries_does_not_grow_with_versions_or_rows(sydney, admin, ledger, queries_of):
    save(sydney, ledger, email={"source": "Mail"})
    few = [queries_of(admin, at(ledger, page)) for page in ("", "versions/", "versions/1/")]
    table = [[f"t{n}", f"o{n}"] for n in range(100)]
    for n in range(8):
        save(sydney, ledger, email={"source": f"M{n}"}, number={"transform": "lookup", "source": "N", "table": table})
    assert [queries_of(admin, at(ledger, page)) for page in ("", "versions/", "versions/1/")] == few


def test_one_chapters_mapping_and_versions_are_not_the_others(sydney, melbourne, admin, ledger):
    other = make_connection(melbourne, "ledgerly", "Ledger")
    save(sydney, ledger, email={"source": "Mail"})
    stranger = sign_in(melbourne, make_person(melbourne, "Chapter admin"))
    assert stranger.get(at(ledger)).status_code == 404
    assert stranger.get(at(ledger, "versions/")).status_code == 404
    assert "No versions yet" in text(stranger.get(at(other, "versions/")))
    database.set_tenant(melbourne)
    assert not FieldMapping.objects.exists()


def test_a_long_table_fits_in_the_form(sydney, admin, ledger):
    with hub.enter(sydney):
        table = [[f"t{n}", f"o{n}"] for n in range(200)]
        for field in ("number", "email", "phone", "country"):
            save_field_rules(ledger, "contacts", {field: {"transform": "lookup", "source": "N", "table": table}})
    answer = admin.post(at(ledger), filled(admin.get(at(ledger)), "number", source="Other"))
    assert answer.status_code == 302
    assert len(saved(sydney, "number").table) == 200
