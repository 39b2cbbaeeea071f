"""What the awkward samples mean here: the judgements in the mappings, one by one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from integrations import registry
from integrations.lab import samples
from tests.providers.plainly import canonical, inward, outward


def found(slug: str, name: str, wanted: Callable[[dict[str, Any]], bool]) -> Any:
    """The canonical record of the one sample that is wanted."""
    resource = registry.get(slug).resource(name)
    (record,) = [record for record in samples.of(slug).records(resource) if wanted(record)]
    return canonical(resource, record)


def minor(money: Any) -> tuple[int, str]:
    return money.minor, money.currency


# --- Xero ----------------------------------------------------------------------------------------------------------------------


def invoice(number: str) -> Any:
    return found("xero", "invoices", lambda record: record.get("InvoiceNumber") == number)


def contact(name: str) -> Any:
    return found("xero", "contacts", lambda record: record["Name"].strip() == name)


@pytest.mark.parametrize(
    ("name", "phone"),
    [("Aroha Ngata", "61 02 5550 1001"), ("Zoë Müller-Okafor", "61 491 570 156"), ("Liam O'Brien", "5550 1009"),
     ("Fatima Al-Sabah", None), ("Bright Venue Hire", None)],
)  # fmt: skip
def test_xero_the_default_number_counts_then_the_mobile_then_any(name: str, phone: str | None):
    assert contact(name).phone == phone


def test_xero_an_archived_contact_and_one_being_erased_are_archived():
    assert contact("Siobhán Ní Bhriain").status == "archived"
    assert contact("Corner Café & Söhne").status == "archived"
    assert contact("Aroha Ngata").status == "active"


def test_xero_an_empty_text_says_nothing():
    assert contact("Mai Nguyễn").email is None
    assert contact("Northern Rivers Council").tax_number is None
    assert contact("José María Pérez").email == "jose.perez@example.net"


def test_xero_amounts_have_the_decimals_of_their_currency():
    assert minor(invoice("INV-1001").total) == (22000, "AUD")
    assert minor(invoice("INV-1007").total) == (12000, "JPY")
    assert minor(invoice("INV-1008").total) == (12345, "KWD")


def test_xero_a_part_paid_and_a_part_credited_invoice_owe_the_rest():
    part = invoice("INV-1003")
    assert (part.status, part.paid.minor, part.due.minor) == ("authorised", 6500, 10000)
    credited = invoice("INV-1009")
    assert (credited.status, credited.paid.minor, credited.credited.minor, credited.due.minor) == (
        "paid",
        5500,
        5500,
        0,
    )


def test_xero_voided_deleted_and_draft_keep_their_words():
    assert [invoice(f"INV-100{n}").status for n in (4, 5, 6)] == ["draft", "voided", "deleted"]


def test_xero_a_line_of_words_alone_costs_nothing():
    words, chairs = invoice("INV-1010").lines
    assert (words.quantity, minor(words.amount)) == ("1", (0, "AUD"))
    assert (chairs.quantity, chairs.unit_amount, minor(chairs.amount)) == ("2.5", "12.004", (3001, "AUD"))
    assert invoice("INV-1010").tax_mode == "inclusive"


def test_xero_two_suppliers_may_number_alike():
    resource = registry.get("xero").resource("invoices")
    bills = [canonical(resource, r) for r in samples.of("xero").records(resource) if r.get("InvoiceNumber") == "INV-77"]
    assert [bill.type for bill in bills] == ["payable", "payable"]
    assert bills[0].party != bills[1].party


def credit_note(number: str) -> Any:
    return found("xero", "credit_notes", lambda record: record["CreditNoteNumber"] == number)


def test_xero_a_credit_note_owes_what_of_it_is_left():
    spent, left, yen = credit_note("CN-0001"), credit_note("CN-0002"), credit_note("CN-0006")
    assert (spent.type, spent.credited.minor, spent.due.minor) == ("credit_note", 5500, 0)
    assert (left.credited.minor, left.due.minor) == (0, 3250)
    assert (minor(yen.credited), minor(yen.due)) == ((2000, "JPY"), (1000, "JPY"))
    assert credit_note("").number is None


def payments(kind: str) -> list[dict[str, Any]]:
    resource = registry.get("xero").resource("payments")
    return [inward(resource, r) for r in samples.of("xero").records(resource) if r["PaymentType"] == kind]


def test_xero_a_payment_of_a_credit_note_goes_the_other_way_and_is_for_no_invoice():
    assert {p["direction"] for p in payments("ACCRECPAYMENT")} == {"in"}
    assert {p["direction"] for p in payments("ACCPAYPAYMENT")} == {"out"}
    back = payments("ARCREDITPAYMENT")
    assert {p["direction"] for p in back} == {"out"}
    assert all("invoice" not in p and p["party"] for p in back)
    assert all(p["invoice"] for p in payments("ACCRECPAYMENT"))


def test_xero_a_deleted_payment_is_cancelled():
    assert {p["status"] for p in payments("ACCRECPAYMENT")} == {"succeeded", "cancelled"}


def test_xero_accounts_and_taxes():
    clearing = found("xero", "accounts", lambda record: record.get("Code") == "090")
    assert (clearing.category, clearing.currency, clearing.kind) == ("asset", "AUD", "BANK")
    assert found("xero", "accounts", lambda record: record["Name"] == "Everyday account").code is None
    assert found("xero", "accounts", lambda record: record.get("Code") == "630").takes_payments
    assert found("xero", "tax_rates", lambda record: record["TaxType"] == "TAX001").rate == "8.2625"


def test_xero_is_told_numbers_as_numbers_and_no_total_of_ours():
    resource = registry.get("xero").resource("invoices")
    record = next(r for r in samples.of("xero").records(resource) if r.get("InvoiceNumber") == "INV-1010")
    sent = outward(resource, inward(resource, record))
    assert sent["LineItems"][1]["UnitAmount"] == 12.004
    assert sent["CurrencyCode"] == "AUD"
    assert not {"Total", "SubTotal", "TotalTax", "AmountPaid", "AmountDue", "CurrencyRate"} & set(sent)
    assert sent["Contact"]["ContactID"] == record["Contact"]["ContactID"]


# --- Stripe --------------------------------------------------------------------------------------------------------------------


def charge(description: str) -> Any:
    return found("stripe", "charges", lambda record: record["description"] == description)


@pytest.mark.parametrize(
    ("description", "status"),
    [
        ("Gift", "succeeded"),
        ("Dues 2026", "partially_refunded"),
        ("Workshop, called off", "refunded"),
        ("Annual dinner", "disputed"),
        ("Deposit, authorised only", "pending"),
        ("Deposit, released", "cancelled"),
    ],
)
def test_stripe_a_charge_is_one_word(description: str, status: str):
    assert charge(description).status == status


def test_stripe_failed_and_pending_are_what_they_are():
    resource = registry.get("stripe").resource("charges")
    words = {
        r["status"]: canonical(resource, r).status
        for r in samples.of("stripe").records(resource)
        if r["status"] != "succeeded"
    }
    assert words == {"failed": "failed", "pending": "pending"}


def test_stripe_amounts_are_whole_units_of_the_currency_here():
    assert minor(charge("会費 2026").amount) == (12000, "JPY")
    assert minor(charge("12.340 dinars").amount) == (12340, "KWD")
    assert minor(charge("5,000 krónur, which Stripe writes with two decimals").amount) == (5000, "ISK")
    assert minor(charge("20,000 ariary, which Stripe writes without decimals").amount) == (2000000, "MGA")


@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd", "isk", "mga", "ugx"])
def test_stripe_is_told_amounts_as_it_counts_them(currency: str):
    from providers.stripe.mapping import MONEY

    value = MONEY.inward(120000, currency)
    assert MONEY.outward(value) == (120000, currency)


def test_stripe_a_nameless_customer_is_known_by_whatever_there_is():
    resource = registry.get("stripe").resource("customers")
    names = {record["id"]: canonical(resource, record) for record in samples.of("stripe").records(resource)}
    assert {"jose.perez@example.net", "Walk-in at the annual dinner"} <= {
        name.name.lower() if "@" in name.name else name.name for name in names.values()
    }
    assert any(record.name == key for key, record in names.items()), "when nothing else is known, by the id"
    kinds = {record.name: record.kind for record in names.values()}
    assert (kinds["Northern Rivers Council"], kinds["Liam O'Brien"], kinds["Aroha Ngata"]) == (
        "organisation",
        "person",
        "unknown",
    )


def test_stripe_means_of_payment_we_do_not_know_are_other_means():
    resource = registry.get("stripe").resource("charges")
    record = samples.of("stripe").records(resource)[0]
    method = {kind: canonical(resource, {**record, "payment_method_details": {"type": kind}}).method
              for kind in ("card", "au_becs_debit", "link", "customer_balance", "seashells")}  # fmt: skip
    assert list(method.values()) == ["card", "direct_debit", "wallet", "bank_transfer", "other"]
    assert canonical(resource, {**record, "payment_method_details": None}).method == "other"


def test_stripe_the_balance_adds_up_line_by_line_and_payout_by_payout():
    resource = registry.get("stripe").resource("balance_transactions")
    entries = [canonical(resource, record) for record in samples.of("stripe").records(resource)]
    before = [e for e in entries if e.net.currency == "AUD" and str(e.available_on) <= "2026-03-12"]
    assert sum(e.net.minor for e in before) == 0
    (payout,) = [e for e in before if e.category == "payout"]
    paid = found("stripe", "payouts", lambda record: record["id"] == payout.source_ref)
    assert (minor(paid.amount), -payout.net.minor) == ((32889, "AUD"), 32889)
    assert {e.category for e in before} == {"charge", "refund", "dispute", "fee", "payout"}
    converted = next(e for e in before if e.fx_rate)
    assert Decimal(converted.fx_rate) == Decimal("1.52")


# --- Mailchimp -----------------------------------------------------------------------------------------------------------------


def member(address: str, audience: str = "") -> Any:
    return found(
        "mailchimp", "members", lambda r: r["email_address"] == address and (not audience or r["list_id"] == audience)
    )


def test_mailchimp_consent_is_for_one_audience_with_the_moment_it_was_given():
    zoe = member("zoe.mueller@example.org")
    (consent,) = zoe.consents
    assert (consent.channel, consent.state) == ("email", "granted")
    assert consent.purpose.startswith("newsletter:")
    assert consent.captured_at.isoformat() == "2026-01-10T09:00:00+00:00"
    (withdrawn,) = member("liam.obrien@example.com").consents
    assert (withdrawn.state, withdrawn.captured_at.isoformat()) == ("withdrawn", "2026-03-04T10:00:00+00:00")


def test_mailchimp_one_person_in_two_audiences_says_two_things():
    resource = registry.get("mailchimp").resource("members")
    twice = [
        canonical(resource, r)
        for r in samples.of("mailchimp").records(resource)
        if r["email_address"] == "aroha.ngata@example.org"
    ]
    assert {one.consents[0].state for one in twice} == {"granted", "withdrawn"}
    assert len({one.consents[0].purpose for one in twice}) == 2


def test_mailchimp_an_address_that_is_none_yet_is_no_address():
    assert member("zoe.mueller@example.org").address is None
    assert member("priya.sharma@example.org").address is None
    address = member("siobhan.nibhriain@example.org").address
    assert (address.lines, address.locality, address.region, address.country) == (
        ["Fibber Magee's, 5 High St", "Upstairs"], "Galway", None, "IE",
    )  # fmt: skip


def test_mailchimp_whoever_has_no_name_is_called_by_their_address():
    assert member("info@example.com").display_name == "info@example.com"
    assert member("grace.hopkins@example.com").display_name == "Grace Hopkins"


def test_mailchimp_tags_are_words():
    assert member("zoe.mueller@example.org").tags == ["Volunteer"]
