"""What is told about money. Further events are registered by what they are about, when it is there."""

from __future__ import annotations

from integrations import targets
from integrations.outbound import catalogue
from integrations.outbound.catalogue import becomes, changed, made
from integrations.outbound.shapes import of_record


def register() -> None:
    invoice, payment, payout = (targets.get(f"finance.{name}") for name in ("invoice", "payment", "payout"))
    catalogue.register(
        of_record("invoice.created", invoice, made, "An invoice, bill or credit note is here that was not before."),
        of_record("invoice.updated", invoice, changed, "An invoice's fields or lines have changed."),
        of_record("invoice.paid", invoice, becomes("status", "paid"), "An invoice is paid, or arrived as paid."),
        of_record("invoice.voided", invoice, becomes("status", "voided"), "An invoice is void, or arrived as void."),
        of_record("payment.created", payment, made, "A payment is here that was not before."),
        of_record("payment.updated", payment, changed, "A payment has changed: its status, what was refunded."),
        of_record("payout.created", payout, made, "A payout to the chapter's bank is here that was not before."),
        of_record("payout.updated", payout, changed, "A payout has changed."),
        of_record("payout.paid", payout, becomes("status", "paid"), "A payout has reached the bank."),
        of_record("payout.failed", payout, becomes("status", "failed"), "A payout did not reach the bank."),
    )
