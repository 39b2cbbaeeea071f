"""What can be asked of Stripe: through its SDK, over our own transport."""

from collections.abc import Mapping
from typing import Any

from integrations.provider import Client, refusal

VERSION = "2026-10-28.endive"
TOLD = ("id", "status", "amount", "currency", "client_secret")


def create_payment_intent(client: Client, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return _create(client, "payment_intents", given, automatic_payment_methods={"enabled": True})


def refund(client: Client, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return _create(client, "refunds", given)


def _create(client: Client, service: str, given: Mapping[str, Any], **fixed: Any) -> Mapping[str, Any]:
    """One client per call: a key set on the SDK's module would be every chapter's."""
    import stripe  # here, because it takes longer to import than everything else at start

    transport = stripe.RequestsClient(session=client.session)
    sdk = stripe.StripeClient(client.secret(), http_client=transport, stripe_version=VERSION, max_network_retries=0)
    params = {name: value for name, value in given.items() if name != "idempotency_key" and value not in (None, "")}
    options = {"idempotency_key": given["idempotency_key"]} if given.get("idempotency_key") else {}
    try:
        made = getattr(sdk.v1, service).create(params={**params, **fixed}, options=options).to_dict()
    except stripe.StripeError as error:
        raise refusal("Stripe", error.http_status, error.user_message or str(error.code)) from None
    return {name: made[name] for name in TOLD if name in made}
