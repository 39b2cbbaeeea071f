"""Money rows. An amount is an integer of minor units beside its currency; nothing here is ever a float."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.rows import Synced


def currency() -> models.CharField:
    return models.CharField(max_length=3)


def minor(**kwargs: object) -> models.BigIntegerField:
    """Minor units of the row's currency."""
    return models.BigIntegerField(**kwargs)


def natural(field: str, name: str) -> models.Index:
    """What matching looks records up by; the many empty ones are left out."""
    return models.Index(fields=[field], condition=~models.Q(**{field: ""}), name=name)


class Party(Synced):
    """Who owes or pays."""

    kind = models.CharField(max_length=12, default="unknown")
    number = models.CharField(max_length=50, blank=True, default="")
    name = models.CharField(max_length=500)
    given_name = models.CharField(max_length=500, blank=True, default="")
    family_name = models.CharField(max_length=500, blank=True, default="")
    email = models.EmailField(max_length=320, blank=True, default="")
    phone = models.CharField(max_length=40, blank=True, default="")
    tax_number = models.CharField(max_length=500, blank=True, default="")
    currency = models.CharField(max_length=3, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    status = models.CharField(max_length=10, default="active")

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "parties"
        indexes: ClassVar = [natural("email", "party_email"), natural("number", "party_number")]

    def __str__(self) -> str:
        return self.name


class Invoice(Synced):
    type = models.CharField(max_length=12)
    number = models.CharField(max_length=500, blank=True, default="")
    reference = models.CharField(max_length=500, blank=True, default="")
    party = models.ForeignKey(Party, null=True, blank=True, on_delete=models.PROTECT, related_name="invoices")
    issued_on = models.DateField()
    due_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=12)
    tax_mode = models.CharField(max_length=10, default="exclusive")
    fx_rate = models.DecimalField(max_digits=25, decimal_places=10, null=True, blank=True)
    currency = currency()
    subtotal_minor = minor()
    tax_minor = minor()
    total_minor = minor()
    paid_minor = minor(default=0)
    credited_minor = minor(default=0)
    due_minor = minor(default=0)

    class Meta:
        ordering: ClassVar = ["-issued_on"]
        indexes: ClassVar = [natural("number", "invoice_number")]

    def __str__(self) -> str:
        return self.number or str(self.id)


class InvoiceLine(models.Model):
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    description = models.TextField(blank=True, default="")
    quantity = models.DecimalField(max_digits=25, decimal_places=10)
    unit_amount = models.DecimalField(max_digits=25, decimal_places=10)
    account_code = models.CharField(max_length=500, blank=True, default="")
    tax_code = models.CharField(max_length=500, blank=True, default="")
    tax_minor = minor(null=True, blank=True)
    amount_minor = minor()

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return self.description[:60]


class Payment(Synced):
    processor_ref = models.CharField(max_length=500)
    status = models.CharField(max_length=20)
    direction = models.CharField(max_length=3, default="in")
    currency = currency()
    amount_minor = minor()
    refunded_minor = minor(default=0)
    method = models.CharField(max_length=15, default="other")
    party = models.ForeignKey(Party, null=True, blank=True, on_delete=models.PROTECT, related_name="payments")
    invoice = models.ForeignKey(Invoice, null=True, blank=True, on_delete=models.PROTECT, related_name="payments")
    balance_ref = models.CharField(max_length=500, blank=True, default="")
    description = models.TextField(blank=True, default="")
    reference = models.CharField(max_length=500, blank=True, default="")
    fx_rate = models.DecimalField(max_digits=25, decimal_places=10, null=True, blank=True)
    occurred_at = models.DateTimeField()
    livemode = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["-occurred_at"]
        indexes: ClassVar = [natural("processor_ref", "payment_ref")]

    def __str__(self) -> str:
        return self.processor_ref


class Refund(Synced):
    processor_ref = models.CharField(max_length=500)
    payment = models.ForeignKey(Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="refunds")
    status = models.CharField(max_length=20)
    currency = currency()
    amount_minor = minor()
    reason = models.CharField(max_length=500, blank=True, default="")
    balance_ref = models.CharField(max_length=500, blank=True, default="")
    occurred_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-occurred_at"]
        indexes: ClassVar = [natural("processor_ref", "refund_ref")]

    def __str__(self) -> str:
        return self.processor_ref


class Dispute(Synced):
    processor_ref = models.CharField(max_length=500)
    payment = models.ForeignKey(Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="disputes")
    status = models.CharField(max_length=20)
    currency = currency()
    amount_minor = minor()
    reason = models.CharField(max_length=500, blank=True, default="")
    occurred_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-occurred_at"]
        indexes: ClassVar = [natural("processor_ref", "dispute_ref")]

    def __str__(self) -> str:
        return self.processor_ref


class Payout(Synced):
    processor_ref = models.CharField(max_length=500)
    status = models.CharField(max_length=12)
    currency = currency()
    amount_minor = minor()
    automatic = models.BooleanField(default=True)
    method = models.CharField(max_length=500, blank=True, default="")
    description = models.TextField(blank=True, default="")
    balance_ref = models.CharField(max_length=500, blank=True, default="")
    initiated_at = models.DateTimeField()
    arrives_on = models.DateField()

    class Meta:
        ordering: ClassVar = ["-initiated_at"]
        indexes: ClassVar = [natural("processor_ref", "payout_ref")]

    def __str__(self) -> str:
        return self.processor_ref


class BalanceEntry(Synced):
    processor_ref = models.CharField(max_length=500)
    category = models.CharField(max_length=500)
    kind = models.CharField(max_length=500)
    source_ref = models.CharField(max_length=500, blank=True, default="")
    status = models.CharField(max_length=10)
    currency = currency()
    gross_minor = minor()
    fee_minor = minor()
    net_minor = minor()
    fx_rate = models.DecimalField(max_digits=25, decimal_places=10, null=True, blank=True)
    description = models.TextField(blank=True, default="")
    occurred_at = models.DateTimeField()
    available_on = models.DateField()

    class Meta:
        ordering: ClassVar = ["-occurred_at"]
        indexes: ClassVar = [
            natural("processor_ref", "balance_entry_ref"),
            natural("source_ref", "balance_entry_source"),
        ]
        verbose_name_plural = "balance entries"

    def __str__(self) -> str:
        return self.processor_ref


class Account(Synced):
    code = models.CharField(max_length=500, blank=True, default="")
    name = models.CharField(max_length=500)
    kind = models.CharField(max_length=500)
    category = models.CharField(max_length=10, blank=True, default="")
    currency = models.CharField(max_length=3, blank=True, default="")
    takes_payments = models.BooleanField(default=False)
    system = models.CharField(max_length=500, blank=True, default="")
    status = models.CharField(max_length=10, default="active")

    class Meta:
        ordering: ClassVar = ["code", "name"]

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


class TaxRate(Synced):
    code = models.CharField(max_length=500)
    name = models.CharField(max_length=500)
    rate = models.DecimalField(max_digits=25, decimal_places=10)
    status = models.CharField(max_length=10, default="active")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
