"""Stripe. Contract: stripe/openapi at the pinned version, as the SDK restates it."""
# fmt: off

from datetime import timedelta
from typing import Any

from integrations.provider import (
    Accounts, Action, ApiKey, Cursor, CursorPage, Find, FullComparison, Provider, RateLimit, Residency, Resource, Runbook,
    TimestampedHmac, Webhook, Write,
)

from . import hooks, mapping

PAGES = CursorPage(param="starting_after", last="id", more="has_more", size=100)
MONEY = {"amount": {"type": "integer", "minimum": 1, "title": "Amount in the currency's smallest unit, as Stripe counts it"},
         "idempotency_key": {"type": "string", "maxLength": 255, "title": "Idempotency key"}}


def collection(name: str, target: str, *, days: int = 0, **more: Any) -> Resource:
    """Lists can only be asked for by creation, so we look back as far as such an object still changes."""
    since = Cursor(field="created", param="created[gte]", format="unix", creation=True, lookback=timedelta(days=days))
    return Resource(name, path=f"/v1/{name}", records="data", key="id", one="", pages=PAGES, target=target,
                    mapping=getattr(mapping, name), cursor=since if days else None, **more)


def action(name: str, label: str, required: tuple[str, ...], **properties: Any) -> Action:
    schema = {"type": "object", "additionalProperties": False, "required": required, "properties": {**MONEY, **properties}}
    return Action(name, label=label, input=schema, run=getattr(hooks, name), irreversible=name == "refund")


provider = Provider(
    slug="stripe", name="Stripe", category="payments", website="https://stripe.com",
    summary="Customers, charges, refunds, disputes, payouts and every line of the balance of a Stripe account.",
    auth=ApiKey(pattern=r"(rk|sk)_(live|test)_[0-9A-Za-z]{10,240}",
                hint="Starts with rk_live_ (or rk_test_). In Stripe: 'Developers', 'API keys', 'Create restricted key'."),
    accounts=Accounts(path="/v1/account", id="id", name="settings.dashboard.display_name"), test="/v1/account",
    base_url="https://api.stripe.com", api_version=hooks.VERSION, headers={"Stripe-Version": hooks.VERSION},
    limits=RateLimit(per_second=25, concurrent=10), error=("error.message",),
    resources=(
        collection("customers", "finance.party", every=timedelta(hours=1), deletes=FullComparison(), write=Write(
            create="POST /v1/customers", update="POST /v1/customers/{key}", body="form", empty="", gone="deleted",
            # Keys may be forgotten after a day: https://docs.stripe.com/api/idempotent_requests
            idempotency="Idempotency-Key", remembers=timedelta(hours=23),
            find=Find(params={"email": "{email}"}, equal=("name", "email")))),
        collection("charges", "finance.payment", days=30),
        collection("refunds", "finance.refund", days=30),
        collection("disputes", "finance.dispute", days=150, every=timedelta(hours=1)),
        collection("payouts", "finance.payout", days=30),
        collection("balance_transactions", "finance.balance_entry", days=30, label="Balance"),
    ),
    actions=(
        action("create_payment_intent", "Ask for a payment", ("amount", "currency"),
               currency={"type": "string", "pattern": "^[a-z]{3}$", "title": "Currency"},
               customer={"type": "string", "title": "Customer's id"}, description={"type": "string", "title": "What for"}),
        action("refund", "Refund a payment", ("charge",), charge={"type": "string", "title": "Charge's id"},
               reason={"enum": ["duplicate", "fraudulent", "requested_by_customer"], "title": "Reason"}),
    ),
    webhook=Webhook(verify=TimestampedHmac("stripe-signature"), event_id="id", record="data.object.id",
                    deletes=("customer.deleted",), topics={f"{kind}.{event}": about for about, kind, events in (
            ("customers", "customer", "created updated deleted"), ("charges", "charge", "succeeded failed refunded"),
            ("refunds", "refund", "created updated failed"), ("disputes", "charge.dispute", "created updated closed"),
            ("payouts", "payout", "created paid failed canceled")) for event in events.split()}),
    residency=Residency(regions=("US",), note="Stripe keeps payment data in the United States and may process it elsewhere."),
    runbook=Runbook(
        owner="The chapter's treasurer; at Stripe: 'Help' in the Dashboard.",
        throttling="25 requests a second in test mode, 100 live. We keep to 25; a 429 is retried after a pause.",
        fallback=("Look at https://status.stripe.com. Nothing is lost: lists are read back 30 days, disputes 150.",
                  "A key that was rolled in the Dashboard: enter the new one under Reconnect.")),
    setup=("In the Stripe Dashboard open 'Developers', then 'API keys', and choose 'Create restricted key'.",
           "Give 'Read' for Customers, Charges and Refunds, Disputes, Payouts, Balance and the account itself.",
           "Give 'Write' for Customers, PaymentIntents and Refunds only if payments are to be asked for or refunded here.",
           "Paste the key here. It is tested at once and never shown again."),
)
