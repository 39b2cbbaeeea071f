"""Xero's fields and ours."""
# fmt: off

from typing import Any

from integrations.provider import Converter, Each, Field, Mapping, convert, fields

to_money, read_only = convert.money_major.inward, convert.read_only
AMOUNT, RATE = read_only(convert.money_major), read_only(convert.rate)
STATUS = convert.one_of({"ACTIVE": "active", "ARCHIVED": "archived", "GDPRREQUEST": "archived", "DELETED": "archived"})
DOCUMENT = convert.one_of({word.upper(): word for word in "draft submitted authorised paid voided deleted".split()})
CREDITS = ("ACCRECCREDIT", "ACCPAYCREDIT", "AROVERPAYMENT", "APOVERPAYMENT", "ARPREPAYMENT", "APPREPAYMENT")
TYPE = convert.one_of({"ACCREC": "receivable", "ACCPAY": "payable", **dict.fromkeys(CREDITS, "credit_note")})
# The payment of a credit note, overpayment or prepayment gives money back: the other way round.
IN = ("ACCRECPAYMENT", "APCREDITPAYMENT", "APPREPAYMENTPAYMENT", "APOVERPAYMENTPAYMENT")
OUT = ("ACCPAYPAYMENT", "ARCREDITPAYMENT", "ARPREPAYMENTPAYMENT", "AROVERPAYMENTPAYMENT")
RANKS = {"DEFAULT": 2, "MOBILE": 1}
DIRECTION = convert.one_of(dict.fromkeys(IN, "in") | dict.fromkeys(OUT, "out"))


def _phone(phones: Any) -> str | None:
    """The default number, else the mobile, else any: country, area and number in one."""
    phone: Any = max(phones or [{}], key=lambda p: (bool(p.get("PhoneNumber")), RANKS.get(p.get("PhoneType"), 0)))
    parts = map(phone.get, ("PhoneCountryCode", "PhoneAreaCode", "PhoneNumber"))
    return " ".join(filter(None, parts)) if phone.get("PhoneNumber") else None


def _used(total: Any, remaining: Any, currency: Any) -> Any:
    """How much of a credit note is spent: applied to invoices or paid back."""
    whole, left = to_money(total, currency), to_money(remaining, currency)
    return whole and left and {**whole, "minor": whole["minor"] - left["minor"]}


def _invoice(kind: Any, invoice: Any) -> Any:
    """Where a payment pays a credit note, `Invoice` is that note, which is not among our invoices."""
    return invoice if kind in ("ACCRECPAYMENT", "ACCPAYPAYMENT") else None


contacts = Mapping(
    *fields(convert.text, name="Name", given_name="FirstName", family_name="LastName"),
    *fields(convert.text, number="ContactNumber", tax_number="TaxNumber"),
    Field("email", "EmailAddress", convert.lower),
    # The parts that are there would stand before ours.
    Field("phone", "Phones", Converter(_phone, lambda phone: [
        {"PhoneType": "DEFAULT", "PhoneNumber": phone, "PhoneAreaCode": "", "PhoneCountryCode": ""}])),
    Field("currency", "DefaultCurrency", convert.upper),
    Field("status", "ContactStatus", read_only(STATUS)),
)
LINES = Each("lines", "LineItems", (
    *fields(convert.text, description="Description", account_code="AccountCode", tax_code="TaxType"),
    *fields(convert.decimal(4), quantity="Quantity", unit_amount="UnitAmount"),
    *fields(AMOUNT, "/CurrencyCode", tax="TaxAmount"),
    # A line of words alone has no amount.
    Field("amount", ("LineAmount", "/CurrencyCode"), Converter(lambda n, code: to_money(n or 0, code), exact=True)),
))
DOCUMENTS: tuple[Field | Each, ...] = (
    Field("type", "Type", TYPE),
    Field("party", "Contact.ContactID", convert.text, ref="contacts"),
    *fields(convert.day, issued_on="Date", due_on="DueDate"),
    Field("status", "Status", DOCUMENT),
    Field("tax_mode", "LineAmountTypes", convert.one_of({"Exclusive": "exclusive", "Inclusive": "inclusive", "NoTax": "none"})),
    Field("fx_rate", "CurrencyRate", RATE),
    *fields(AMOUNT, "CurrencyCode", subtotal="SubTotal", tax="TotalTax"),
    # Xero adds up the total itself; the currency is ours to say.
    Field("total", ("Total", "CurrencyCode"), Converter(to_money, lambda total: (None, total["currency"]), exact=True)),
    LINES,
)
invoices = Mapping(
    *fields(convert.text, number="InvoiceNumber", reference="Reference"), *DOCUMENTS,
    *fields(AMOUNT, "CurrencyCode", paid="AmountPaid", credited="AmountCredited", due="AmountDue"),
)
credit_notes = Mapping(
    *fields(convert.text, number="CreditNoteNumber", reference="Reference"), *DOCUMENTS,
    Field("paid", "CurrencyCode", Converter(lambda code: to_money(0, code))),
    Field("credited", ("Total", "RemainingCredit", "CurrencyCode"), Converter(_used, exact=True)),
    *fields(AMOUNT, "CurrencyCode", due="RemainingCredit"),
)
payments = Mapping(
    *fields(convert.text, processor_ref="PaymentID", reference="Reference"),
    Field("status", "Status", convert.one_of({"AUTHORISED": "succeeded", "DELETED": "cancelled"})),
    Field("direction", "PaymentType", DIRECTION),
    *fields(AMOUNT, "Invoice.CurrencyCode", amount="Amount"),
    Field("party", "Invoice.Contact.ContactID", convert.text, ref="contacts"),
    Field("invoice", ("PaymentType", "Invoice.InvoiceID"), Converter(_invoice), ref="invoices"),
    Field("fx_rate", "CurrencyRate", RATE),
    Field("occurred_at", "Date", convert.instant),
)
accounts = Mapping(
    *fields(convert.text, code="Code", name="Name", kind="Type", system="SystemAccount"),
    Field("category", "Class", convert.lower), Field("currency", "CurrencyCode", convert.upper),
    Field("takes_payments", "EnablePaymentsToAccount", convert.boolean), Field("status", "Status", STATUS),
)
tax_rates = Mapping(
    *fields(convert.text, code="TaxType", name="Name"),
    Field("rate", "EffectiveRate", convert.rate),
    Field("status", "Status", convert.one_of({word.upper(): word for word in "active archived deleted pending".split()})),
)
