"""Money as the ledgers and processors have it: read here, changed there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from integrations.matching.admin import MergeableAdmin
from integrations.provider.money import exponent, to_major
from integrations.readonly import ReadOnlyAdmin, ReadOnlyInline

from . import models

_WRITTEN = ("created_at", "updated_at")


def amount(minor: int | None, currency: str) -> str:
    """`amount(123450, "AUD") == "1,234.50 AUD"`; with the decimals the currency has."""
    return "" if minor is None else f"{to_major(minor, currency):,.{exponent(currency)}f} {currency}"


def money(name: str, currency: str = "currency") -> Callable[[Any, Any], str]:
    """A column that shows `<name>_minor` in the row's currency (a dotted path) and sorts by it."""

    @admin.display(description=name.replace("_", " ").capitalize(), ordering=f"{name}_minor")
    def column(self: Any, row: Any) -> str:
        code: Any = row
        for step in currency.split("."):
            code = getattr(code, step)
        return amount(getattr(row, f"{name}_minor"), code)

    return column


@admin.register(models.Party)
class PartyAdmin(MergeableAdmin, ReadOnlyAdmin):
    list_display: ClassVar = ["name", "number", "email", "kind", "country", "status"]
    list_filter: ClassVar = ["kind", "status", "country"]
    search_fields: ClassVar = ["name", "email", "=number", "tax_number"]
    fields: ClassVar = [
        "name", "kind", "number", "given_name", "family_name", "email", "phone", "tax_number", "currency", "country",
        "status", *_WRITTEN,
    ]  # fmt: skip


class Lines(ReadOnlyInline):
    model = models.InvoiceLine
    fields: ClassVar = [
        "position",
        "description",
        "quantity",
        "unit_amount",
        "account_code",
        "tax_code",
        "tax",
        "amount",
    ]
    readonly_fields: ClassVar = ["tax", "amount"]
    tax = money("tax", "invoice.currency")
    amount = money("amount", "invoice.currency")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("invoice")


@admin.register(models.Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["number", "type", "party", "issued_on", "due_on", "status", "total", "due"]
    list_filter: ClassVar = ["type", "status", "currency"]
    search_fields: ClassVar = ["number", "reference", "party__name"]
    date_hierarchy = "issued_on"
    list_select_related: ClassVar = ["party"]
    inlines: ClassVar = [Lines]
    fields: ClassVar = [
        "number", "type", "reference", "party", "issued_on", "due_on", "status", "tax_mode", "fx_rate", "subtotal", "tax",
        "total", "paid", "credited", "due", *_WRITTEN,
    ]  # fmt: skip
    subtotal, tax, total = money("subtotal"), money("tax"), money("total")
    paid, credited, due = money("paid"), money("credited"), money("due")


@admin.register(models.Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display: ClassVar = [
        "party", "amount", "status", "occurred_at", "method", "invoice", "refunded", "processor_ref",
    ]  # fmt: skip
    list_display_links: ClassVar = ["party", "amount"]
    list_filter: ClassVar = ["status", "direction", "method", "currency", "livemode"]
    search_fields: ClassVar = ["=processor_ref", "reference", "description", "party__name"]
    date_hierarchy = "occurred_at"
    list_select_related: ClassVar = ["party", "invoice"]
    fields: ClassVar = [
        "processor_ref", "direction", "status", "method", "party", "invoice", "occurred_at", "amount", "refunded",
        "description", "reference", "balance_ref", "fx_rate", "livemode", *_WRITTEN,
    ]  # fmt: skip
    amount, refunded = money("amount"), money("refunded")


@admin.register(models.Refund, models.Dispute)
class ReversalAdmin(ReadOnlyAdmin):
    """Money that went, or may go, back to the payer."""

    list_display: ClassVar = ["processor_ref", "payment", "status", "reason", "occurred_at", "amount"]
    list_filter: ClassVar = ["status", "currency"]
    search_fields: ClassVar = ["=processor_ref", "=payment__processor_ref"]
    date_hierarchy = "occurred_at"
    list_select_related: ClassVar = ["payment"]
    fields: ClassVar = ["processor_ref", "payment", "status", "reason", "occurred_at", "amount", *_WRITTEN]
    amount = money("amount")


@admin.register(models.Payout)
class PayoutAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["processor_ref", "status", "initiated_at", "arrives_on", "amount"]
    list_filter: ClassVar = ["status", "currency", "automatic"]
    search_fields: ClassVar = ["=processor_ref", "description"]
    date_hierarchy = "arrives_on"
    fields: ClassVar = [
        "processor_ref", "status", "amount", "automatic", "method", "description", "balance_ref", "initiated_at",
        "arrives_on", *_WRITTEN,
    ]  # fmt: skip
    amount = money("amount")


@admin.register(models.BalanceEntry)
class BalanceEntryAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["processor_ref", "category", "status", "occurred_at", "gross", "fee", "net"]
    list_filter: ClassVar = ["category", "status", "currency"]
    search_fields: ClassVar = ["=processor_ref", "=source_ref", "description"]
    date_hierarchy = "occurred_at"
    fields: ClassVar = [
        "processor_ref", "category", "kind", "source_ref", "status", "gross", "fee", "net", "fx_rate", "description",
        "occurred_at", "available_on", *_WRITTEN,
    ]  # fmt: skip
    gross, fee, net = money("gross"), money("fee"), money("net")


@admin.register(models.Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["code", "name", "kind", "category", "currency", "status"]
    list_filter: ClassVar = ["category", "status", "takes_payments"]
    search_fields: ClassVar = ["=code", "name"]
    fields: ClassVar = ["code", "name", "kind", "category", "currency", "takes_payments", "system", "status", *_WRITTEN]


@admin.register(models.TaxRate)
class TaxRateAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["name", "code", "rate", "status"]
    list_filter: ClassVar = ["status"]
    search_fields: ClassVar = ["=code", "name"]
    fields: ClassVar = ["name", "code", "rate", "status", *_WRITTEN]
