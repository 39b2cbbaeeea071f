"""What a record from outside may become among the money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from integrations import targets
from integrations.canonical import Money
from integrations.targets import Children, Target

from . import canonical, models


def _plain(record: BaseModel, *names: str) -> dict[str, Any]:
    """Columns that are called what the canonical field is called; an absent text is an empty one."""
    values = record.__dict__
    return {name: "" if (value := values[name]) is None else value for name in names}


def _minor(**amounts: Money | None) -> dict[str, Any]:
    """`amount=Money` -> `amount_minor` and the `currency` they share."""
    present = [amount for amount in amounts.values() if amount is not None]
    columns: dict[str, Any] = {f"{name}_minor": amount.minor if amount else 0 for name, amount in amounts.items()}
    return {**columns, "currency": present[0].currency}


def _rate(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _party(r: canonical.Party) -> dict[str, Any]:
    return _plain(
        r, "kind", "number", "name", "given_name", "family_name", "phone", "tax_number", "currency", "country", "status"
    ) | {"email": (r.email or "").lower()}


def _invoice(r: canonical.Invoice) -> dict[str, Any]:
    return {
        **_plain(r, "type", "number", "reference", "status", "tax_mode"),
        **_minor(subtotal=r.subtotal, tax=r.tax, total=r.total, paid=r.paid, credited=r.credited, due=r.due),
        "party_id": r.party,
        "issued_on": r.issued_on,
        "due_on": r.due_on,
        "fx_rate": _rate(r.fx_rate),
    }


def _lines(record: BaseModel) -> list[dict[str, Any]]:
    assert isinstance(record, canonical.Invoice)
    return [
        {
            **_plain(line, "description", "account_code", "tax_code"),
            "position": position,
            "quantity": Decimal(line.quantity),
            "unit_amount": Decimal(line.unit_amount),
            "tax_minor": line.tax.minor if line.tax else None,
            "amount_minor": line.amount.minor,
        }
        for position, line in enumerate(record.lines, 1)
    ]


def _payment(r: canonical.Payment) -> dict[str, Any]:
    return {
        **_plain(r, "processor_ref", "status", "direction", "method", "balance_ref", "description", "reference"),
        **_minor(amount=r.amount, refunded=r.refunded),
        "party_id": r.party,
        "invoice_id": r.invoice,
        "fx_rate": _rate(r.fx_rate),
        "occurred_at": r.occurred_at,
        "livemode": r.livemode,
    }


def _refund(r: canonical.Refund) -> dict[str, Any]:
    return {
        **_plain(r, "processor_ref", "status", "reason", "balance_ref"),
        **_minor(amount=r.amount),
        "payment_id": r.payment,
        "occurred_at": r.occurred_at,
    }


def _dispute(r: canonical.Dispute) -> dict[str, Any]:
    return {
        **_plain(r, "processor_ref", "status", "reason"),
        **_minor(amount=r.amount),
        "payment_id": r.payment,
        "occurred_at": r.occurred_at,
    }


def _payout(r: canonical.Payout) -> dict[str, Any]:
    return {
        **_plain(r, "processor_ref", "status", "method", "description", "balance_ref"),
        **_minor(amount=r.amount),
        "automatic": r.automatic,
        "initiated_at": r.initiated_at,
        "arrives_on": r.arrives_on,
    }


def _balance_entry(r: canonical.BalanceEntry) -> dict[str, Any]:
    return {
        **_plain(r, "processor_ref", "category", "kind", "source_ref", "status", "description"),
        **_minor(gross=r.gross, fee=r.fee, net=r.net),
        "fx_rate": _rate(r.fx_rate),
        "occurred_at": r.occurred_at,
        "available_on": r.available_on,
    }


def _account(r: canonical.Account) -> dict[str, Any]:
    return _plain(r, "code", "name", "kind", "category", "currency", "takes_payments", "system", "status")


def _tax_rate(r: canonical.TaxRate) -> dict[str, Any]:
    return {**_plain(r, "code", "name", "status"), "rate": Decimal(r.rate)}


# The natural keys of money: what a processor or ledger calls the document, never a likeness.
_PROCESSOR_REF = (("processor_ref",),)

TARGETS = (
    Target(
        name="finance.party",
        label="Party",
        canonical=canonical.Party,
        model=models.Party,
        row=_party,
        natural_keys=(("number",), ("email", "name")),
        mergeable=True,
    ),
    Target(
        name="finance.invoice",
        label="Invoice",
        canonical=canonical.Invoice,
        model=models.Invoice,
        row=_invoice,
        children=(Children(field="lines", model=models.InvoiceLine, parent="invoice_id", rows=_lines),),
        natural_keys=(("type", "number"),),
        own_numbers=True,
        refs={"party": "finance.party"},
    ),
    Target(
        name="finance.payment",
        label="Payment",
        canonical=canonical.Payment,
        model=models.Payment,
        row=_payment,
        natural_keys=_PROCESSOR_REF,
        refs={"party": "finance.party", "invoice": "finance.invoice"},
    ),
    Target(
        name="finance.refund",
        label="Refund",
        canonical=canonical.Refund,
        model=models.Refund,
        row=_refund,
        natural_keys=_PROCESSOR_REF,
        refs={"payment": "finance.payment"},
    ),
    Target(
        name="finance.dispute",
        label="Dispute",
        canonical=canonical.Dispute,
        model=models.Dispute,
        row=_dispute,
        natural_keys=_PROCESSOR_REF,
        refs={"payment": "finance.payment"},
    ),
    Target(
        name="finance.payout",
        label="Payout",
        canonical=canonical.Payout,
        model=models.Payout,
        row=_payout,
        natural_keys=_PROCESSOR_REF,
    ),
    Target(
        name="finance.balance_entry",
        label="Balance entry",
        canonical=canonical.BalanceEntry,
        model=models.BalanceEntry,
        row=_balance_entry,
        natural_keys=_PROCESSOR_REF,
    ),
    Target(
        name="finance.account",
        label="Account",
        canonical=canonical.Account,
        model=models.Account,
        row=_account,
        natural_keys=(("code",),),
        own_numbers=True,
    ),
    Target(
        name="finance.tax_rate",
        label="Tax rate",
        canonical=canonical.TaxRate,
        model=models.TaxRate,
        row=_tax_rate,
        natural_keys=(("code",),),
        own_numbers=True,
    ),
)


def register() -> None:
    for target in TARGETS:
        targets.register(target)
