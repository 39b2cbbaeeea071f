"""A chapter's Django admin: what stands in it, who sees it, what cannot be changed there."""

from __future__ import annotations

import re
from datetime import date

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from finance.admin import amount
from finance.models import BalanceEntry, Dispute, Invoice, InvoiceLine, Party, Payment, Payout, Refund
from integrations import hub
from integrations.connections.models import Connection, Credential
from integrations.sync.models import QuarantinedRecord
from members.models import Member, MemberConsent

from .staging import CANARY, make_connection, make_history, make_person, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def text(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def models_of_chapter() -> set[type]:
    of_chapter = [
        config
        for config in apps.get_app_configs()
        if {config.name, f"{type(config).__module__}.{type(config).__qualname__}"} & set(settings.CHAPTER_APPS)
    ]
    return {model for config in of_chapter for model in config.get_models()}


def make_money(sydney) -> Invoice:
    with hub.enter(sydney):
        party = Party.objects.create(name="Jo Citizen", currency="AUD")
        day = date(2026, 3, 4)
        for number, (currency, minor) in enumerate([("AUD", 123450), ("JPY", 5000), ("KWD", 1234567)]):
            invoice = Invoice.objects.create(
                type="receivable", number=f"INV-{number}", party=party, issued_on=day, status="open", currency=currency,
                subtotal_minor=minor, tax_minor=0, total_minor=minor, due_minor=minor,
            )  # fmt: skip
            InvoiceLine.objects.create(invoice=invoice, position=1, quantity=1, unit_amount=1, amount_minor=minor)
            payment = Payment.objects.create(
                processor_ref=f"py_{number}", status="paid", currency=currency, amount_minor=minor, party=party,
                invoice=invoice, occurred_at=timezone.now(),
            )  # fmt: skip
            same = {"currency": currency, "amount_minor": -minor, "status": "done"}
            Refund.objects.create(processor_ref=f"re_{number}", payment=payment, occurred_at=timezone.now(), **same)
            Dispute.objects.create(processor_ref=f"dp_{number}", payment=payment, occurred_at=timezone.now(), **same)
            Payout.objects.create(processor_ref=f"po_{number}", initiated_at=timezone.now(), arrives_on=day, **same)
            BalanceEntry.objects.create(
                processor_ref=f"txn_{number}", category="charge", kind="charge", status="available", currency=currency,
                gross_minor=minor, fee_minor=100, net_minor=minor - 100, occurred_at=timezone.now(), available_on=day,
            )  # fmt: skip
        return Invoice.objects.get(number="INV-0")


def test_a_chapters_admin_holds_no_model_of_the_hub():
    foreign = [model._meta.label for model in django_admin.site._registry if model not in models_of_chapter()]
    assert foreign == [], "from inside a chapter these could be changed for everybody"


def test_the_chapters_admin_does_not_open_in_the_hub(db):
    from django.test import RequestFactory

    request = RequestFactory().get("/admin/")
    request.user = User(username="operator", is_staff=True, is_superuser=True, is_active=True)
    assert not django_admin.site.has_permission(request)


def test_the_front_page_leads_to_the_marketplace(sydney, admin):
    page = text(admin.get("/admin/"))
    assert 'href="/admin/marketplace/"' in page
    assert "Sydney" in page


def test_the_marketplace_stands_in_the_admin_with_its_own_links(sydney, admin):
    make_connection(sydney)
    page = text(admin.get("/admin/marketplace/"))
    assert 'id="site-name"' in page
    assert "Sydney till" in page
    assert 'href="/marketplace/connections/' not in page
    assert 'href="/admin/marketplace/connections/' in page


def test_who_is_not_staff_gets_the_marketplace_and_not_the_admin(sydney):
    browser = sign_in(sydney, make_person(sydney, "Treasurer"))
    assert browser.get("/marketplace/").status_code == 200
    assert browser.get("/admin/marketplace/")["Location"].startswith("/admin/login/")


def test_no_credential_is_on_any_admin_page(sydney, admin):
    connection = make_connection(sydney)
    assert Credential not in django_admin.site._registry
    for address in ("", f"{connection.pk}/change/", f"{connection.pk}/history/"):
        page = text(admin.get(f"/admin/integrations/connection/{address}"))
        assert CANARY not in page
        assert "Sydney till" in page


def test_histories_links_and_money_are_read_only_even_for_a_superuser(sydney):
    with hub.enter(sydney):
        root = User.objects.create_superuser("root", password="x")
    browser = sign_in(sydney, root)
    make_history(sydney, make_connection(sydney))
    make_money(sydney)
    with hub.enter(sydney):
        rows = [
            (model._meta, model.objects.first())
            for model in django_admin.site._registry
            if model._meta.app_label in {"integrations", "finance"} and model._meta.model_name != "apikey"
        ]
    for meta, row in rows:
        base = f"/admin/{meta.app_label}/{meta.model_name}/"
        assert browser.get(base + "add/").status_code == 403, base
        if row is None:
            continue
        page = text(browser.get(f"{base}{row.pk}/change/"))
        assert 'name="_save"' not in page, base
        assert browser.post(f"{base}{row.pk}/change/", {"name": "x"}).status_code == 403, base
        assert browser.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403, base


def test_money_is_shown_exactly_in_its_currency(sydney, admin):
    invoice = make_money(sydney)
    page = text(admin.get("/admin/finance/invoice/"))
    for shown in ("1,234.50 AUD", "5,000 JPY", "1,234.567 KWD"):
        assert shown in page
    one = text(admin.get(f"/admin/finance/invoice/{invoice.pk}/change/"))
    assert one.count("1,234.50 AUD") >= 3
    assert "123450" not in one


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [
        (0, "AUD", "0.00 AUD"),
        (-1, "AUD", "-0.01 AUD"),
        (2**63 - 1, "JPY", "9,223,372,036,854,775,807 JPY"),
        (None, "AUD", ""),
    ],
)
def test_amounts(minor, currency, said):
    assert amount(minor, currency) == said


def test_lists_cost_the_same_queries_however_long_they_are(sydney, admin, queries_of):
    invoice = make_money(sydney)
    with hub.enter(sydney):
        Member.objects.create(display_name="Jo")
    names = ["invoice", "payment", "refund", "dispute", "payout", "balanceentry", "party", "account", "taxrate"]
    lists = [f"/admin/finance/{name}/" for name in names] + ["/admin/members/member/", "/admin/auth/user/"]
    lists.append(f"/admin/finance/invoice/{invoice.pk}/change/")
    before = {address: queries_of(admin, address) for address in lists}
    with hub.enter(sydney):
        for model in (Invoice, Payment, Refund, Dispute, Payout, BalanceEntry):
            for row in list(model.objects.all()) * 6:
                row.pk, row._state.adding = row._meta.pk.default(), True
                row.save()
        for number in range(20):
            InvoiceLine.objects.create(invoice=invoice, position=number + 2, quantity=1, unit_amount=1, amount_minor=1)
            Member.objects.create(display_name=f"Member {number}")
            user = User.objects.create_user(f"person{number}")
            user.groups.set(Group.objects.all())
    assert {address: queries_of(admin, address) for address in lists} == before
    assert max(before.values()) <= 16, before


def test_every_list_can_be_searched_and_filtered_without_an_error(sydney, admin):
    make_history(sydney, make_connection(sydney))
    make_money(sydney)
    for model in models_of_chapter() & set(django_admin.site._registry):
        page = django_admin.site._registry[model]
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        answer = admin.get(address + "?q=jo", follow=True)
        assert answer.status_code == 200, address
        for name in page.list_filter:
            assert (
                admin.get(f"{address}?{name if isinstance(name, str) else name[0]}=x", follow=True).status_code == 200
            )


def test_set_aside_records_say_why_in_the_list_and_show_the_record_on_their_own_page(sydney, admin):
    make_history(sydney, make_connection(sydney))
    with hub.enter(sydney):
        QuarantinedRecord.objects.update(body='{"email": "not an address"}')
        record = QuarantinedRecord.objects.get()
    page = text(admin.get("/admin/integrations/quarantinedrecord/"))
    assert "is not an e-mail address" in page
    assert "{&quot;email" not in page
    assert "{&quot;email" in text(admin.get(f"/admin/integrations/quarantinedrecord/{record.pk}/change/"))


def test_rows_of_connections_follow_the_roles_kinds_of_provider(sydney):
    make_history(sydney, make_connection(sydney))
    marketing = sign_in(sydney, make_person(sydney, "Marketing", is_staff=True))
    for name in ("connection", "syncrun", "quarantinedrecord", "recordlink"):
        page = text(marketing.get(f"/admin/integrations/{name}/"))
        assert "0 " in page
        assert "Sydney till" not in re.sub(r"(?s)<nav.*?</nav>", "", page.partition('id="changelist-form"')[2])


def test_the_other_chapters_rows_are_not_found_in_the_admin(sydney, melbourne):
    connection = make_connection(sydney)
    stranger = sign_in(melbourne, make_person(melbourne, "Chapter admin", is_staff=True, is_superuser=True))
    answer = stranger.get(f"/admin/integrations/connection/{connection.pk}/change/", follow=True)
    assert "doesn’t exist" in answer.content.decode()


# --- members ----------------------------------------------------------------------------------------------------------
def test_a_members_address_is_edited_in_fields_and_the_change_is_counted(sydney, admin):
    with hub.enter(sydney):
        member = Member.objects.create(
            display_name="Jo Citizen", address={"label": "work", "lines": ["1 High St"], "country": "AU"}
        )
        MemberConsent.objects.create(member=member, channel="email", purpose="newsletter", state="granted")
    address = f"/admin/members/member/{member.pk}/change/"
    page = text(admin.get(address))
    assert "1 High St" in page
    assert "newsletter" in page
    form = {
        "display_name": "Jo Citizen", "status": "current", "lines": "1 High St\nLevel 2", "locality": "Manly",
        "country": "AU", "consents-TOTAL_FORMS": "0", "consents-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert admin.post(address, form).status_code == 302
    with hub.enter(sydney):
        member = Member.objects.get()
    assert member.address == {
        "label": "work", "lines": ["1 High St", "Level 2"], "locality": "Manly", "region": None, "postcode": None,
        "country": "AU",
    }  # fmt: skip
    assert member.version == 2
    assert member.member_number is None


def test_two_members_may_have_no_number(sydney, admin):
    form = {"status": "current", "consents-TOTAL_FORMS": "0", "consents-INITIAL_FORMS": "0"}
    for name in ("Jo", "Sam"):
        assert admin.post("/admin/members/member/add/", form | {"display_name": name}).status_code == 302
    with hub.enter(sydney):
        assert Member.objects.filter(version=1).count() == 2


def test_marketing_reads_members_and_changes_none(sydney):
    with hub.enter(sydney):
        member = Member.objects.create(display_name="Jo")
    browser = sign_in(sydney, make_person(sydney, "Marketing", is_staff=True))
    assert browser.get("/admin/members/member/").status_code == 200
    assert browser.post(f"/admin/members/member/{member.pk}/change/", {"display_name": "X"}).status_code == 403


# --- people -----------------------------------------------------------------------------------------------------------
def test_a_list_offers_no_name_of_a_connection_whose_rows_one_may_not_see(sydney):
    for name in ("Sydney till", "Second till"):
        make_history(sydney, make_connection(sydney, name=name))
    for role, seen in (("Treasurer", True), ("Marketing", False)):
        browser = sign_in(sydney, make_person(sydney, role, is_staff=True))
        for model in ("syncrun", "recordlink", "quarantinedrecord"):
            assert ("Second till" in text(browser.get(f"/admin/integrations/{model}/"))) is seen, (role, model)


@pytest.mark.parametrize("role", ["Treasurer", "Membership secretary", "Marketing"])
def test_people_are_the_chapter_admins_business(sydney, role):
    browser = sign_in(sydney, make_person(sydney, role, is_staff=True))
    assert browser.get("/admin/auth/user/").status_code == 403


def test_the_chapter_admin_makes_a_person_and_gives_a_role(sydney, admin):
    password = "a long enough pass phrase"
    form = {"username": "pat", "usable_password": "true", "password1": password, "password2": password}
    answer = admin.post("/admin/auth/user/add/", form)
    assert answer.status_code == 302, answer.context["errors"]
    with hub.enter(sydney):
        pat = User.objects.get(username="pat")
        role = Group.objects.get(name="Treasurer")
    change = f"/admin/auth/user/{pat.pk}/change/"
    page = text(admin.get(change))
    assert "May open the admin" in page
    assert "is_superuser" not in page
    assert "user_permissions" not in page
    assert admin.post(change, {"username": "pat", "groups": [role.pk], "is_active": "on"}).status_code == 302
    with hub.enter(sydney):
        assert [group.name for group in User.objects.get(pk=pat.pk).groups.all()] == ["Treasurer"]


def test_the_chapter_admin_cannot_become_or_change_a_superuser(sydney, admin):
    with hub.enter(sydney):
        root = User.objects.create_superuser("root", password="correct horse battery")
        own = User.objects.get(username="chapter-admin")
        role = Group.objects.get(name="Chapter admin")
    form = {"username": own.username, "is_superuser": "on", "is_active": "on", "is_staff": "on"}
    form["groups"] = [role.pk]
    assert admin.post(f"/admin/auth/user/{own.pk}/change/", form).status_code == 302
    assert admin.post(f"/admin/auth/user/{root.pk}/change/", {"username": "root", "is_active": ""}).status_code == 403
    assert admin.get(f"/admin/auth/user/{root.pk}/password/").status_code == 403
    with hub.enter(sydney):
        assert list(User.objects.filter(is_superuser=True)) == [root]
        assert User.objects.get(pk=root.pk).is_active


def test_the_chapter_admin_cannot_change_what_a_role_may_do(sydney, admin):
    with hub.enter(sydney):
        role = Group.objects.get(name="Marketing")
    assert admin.get(f"/admin/auth/group/{role.pk}/change/").status_code == 200
    assert admin.post(f"/admin/auth/group/{role.pk}/change/", {"name": "Marketing"}).status_code == 403


def test_a_connection_is_not_made_by_hand_in_the_admin(sydney, admin):
    assert admin.get("/admin/integrations/connection/add/").status_code == 403
    with hub.enter(sydney):
        assert not Connection.objects.exists()
