"""Canonical records about money. Amounts are Money; a reference to another record is its id, or None until it is known."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from integrations.canonical import Canonical, Country, Currency, Decimals, Email, LongText, Money, Text


def _one_currency(what: str, *amounts: Money | None) -> None:
    """The row has one column for it: an amount in another would be stored as what it is not."""
    if len({amount.currency for amount in amounts if amount}) > 1:
        raise ValueError(f"{what} has one currency")


class Party(Canonical):
    """Who owes or pays: a contact of a ledger, a customer of a payment provider."""

    URN: ClassVar = "urn:canonical:party:1.0.0"

    kind: Literal["person", "organisation", "unknown"] = "unknown"
    number: Annotated[Text, Field(max_length=50)] | None = None
    name: Text
    given_name: Text | None = None
    family_name: Text | None = None
    email: Email | None = None
    phone: Annotated[Text, Field(max_length=40)] | None = None
    tax_number: Text | None = None
    currency: Currency | None = None
    country: Country | None = None
    status: Literal["active", "archived"] = "active"


class InvoiceLine(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    description: LongText = ""
    quantity: Decimals = "1"
    unit_amount: Decimals = "0"
    account_code: Text | None = None
    tax_code: Text | None = None
    tax: Money | None = None
    amount: Money


class Invoice(Canonical):
    """A receivable, payable or credit note. `due = total - paid - credited`."""

    URN: ClassVar = "urn:canonical:invoice:1.0.0"

    type: Literal["receivable", "payable", "credit_note"]
    number: Text | None = None
    reference: Text | None = None
    party: UUID | None = None
    issued_on: date
    due_on: date | None = None
    status: Literal["draft", "submitted", "authorised", "paid", "voided", "deleted"]
    tax_mode: Literal["inclusive", "exclusive", "none"] = "exclusive"
    fx_rate: Decimals | None = None
    subtotal: Money
    tax: Money
    total: Money
    paid: Money
    credited: Money
    due: Money
    lines: list[InvoiceLine] = []

    @model_validator(mode="after")
    def _adds_up(self) -> Invoice:
        amounts = [self.subtotal, self.tax, self.total, self.paid, self.credited, self.due]
        amounts += [amount for line in self.lines for amount in (line.amount, line.tax) if amount]
        _one_currency("an invoice", *amounts)
        if self.status in ("authorised", "paid") and self.due.minor != (
            self.total.minor - self.paid.minor - self.credited.minor
        ):
            raise ValueError(
                f"due {self.due.minor} is not total {self.total.minor} - paid {self.paid.minor}"
                f" - credited {self.credited.minor} (minor units)"
            )
        return self


class Payment(Canonical):
    """Money received from or returned to somebody: a charge, a ledger payment."""

    URN: ClassVar = "urn:canonical:payment:1.0.0"

    processor_ref: Text
    status: Literal[
        "requires_action", "pending", "succeeded", "failed", "cancelled", "partially_refunded", "refunded", "disputed",
        "charged_back", "reversed",
    ]  # fmt: skip
    direction: Literal["in", "out"] = "in"
    amount: Money
    refunded: Money | None = None
    method: Literal["card", "direct_debit", "bank_transfer", "wallet", "cash", "cheque", "other"] = "other"
    party: UUID | None = None
    invoice: UUID | None = None
    balance_ref: Text | None = None
    description: LongText | None = None
    reference: Text | None = None
    fx_rate: Decimals | None = None
    occurred_at: datetime
    livemode: bool = True

    @model_validator(mode="after")
    def _refunded_as_paid(self) -> Payment:
        _one_currency("a payment", self.amount, self.refunded)
        return self


class Refund(Canonical):
    URN: ClassVar = "urn:canonical:refund:1.0.0"

    processor_ref: Text
    payment: UUID | None = None
    status: Literal["requires_action", "pending", "succeeded", "failed", "cancelled"]
    amount: Money
    reason: Text | None = None
    balance_ref: Text | None = None
    occurred_at: datetime


class Dispute(Canonical):
    URN: ClassVar = "urn:canonical:dispute:1.0.0"

    processor_ref: Text
    payment: UUID | None = None
    status: Literal["warning", "needs_response", "under_review", "won", "lost", "closed"]
    amount: Money
    reason: Text | None = None
    occurred_at: datetime


class Payout(Canonical):
    """Money on its way from a payment provider to the chapter's bank."""

    URN: ClassVar = "urn:canonical:payout:1.0.0"

    processor_ref: Text
    status: Literal["pending", "in_transit", "paid", "failed", "cancelled"]
    amount: Money
    automatic: bool = True
    method: Text | None = None
    description: LongText | None = None
    balance_ref: Text | None = None
    initiated_at: datetime
    arrives_on: date


class BalanceEntry(Canonical):
    """One line of a payment provider's balance: `net = gross - fee`, in settlement currency."""

    URN: ClassVar = "urn:canonical:balance_entry:1.0.0"

    processor_ref: Text
    category: Text
    kind: Text
    source_ref: Text | None = None
    status: Literal["available", "pending"]
    gross: Money
    fee: Money
    net: Money
    fx_rate: Decimals | None = None
    description: LongText | None = None
    occurred_at: datetime
    available_on: date

    @model_validator(mode="after")
    def _net(self) -> BalanceEntry:
        _one_currency("a balance entry", self.gross, self.fee, self.net)
        if self.net.minor != self.gross.minor - self.fee.minor:
            raise ValueError(
                f"net {self.net.minor} is not gross {self.gross.minor} - fee {self.fee.minor} (minor units)"
            )
        return self


class Account(Canonical):
    """An account of the ledger's chart."""

    URN: ClassVar = "urn:canonical:account:1.0.0"

    code: Text | None = None
    name: Text
    kind: Text
    category: Literal["asset", "equity", "expense", "liability", "revenue"] | None = None
    currency: Currency | None = None
    takes_payments: bool = False
    system: Text | None = None
    status: Literal["active", "archived"] = "active"


class TaxRate(Canonical):
    URN: ClassVar = "urn:canonical:tax_rate:1.0.0"

    code: Text
    name: Text
    rate: Decimals
    status: Literal["active", "archived", "deleted", "pending"] = "active"
