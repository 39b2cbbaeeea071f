"""Where a vendor delivers to, and by what its deliveries are known. Inside the chapter."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.hub import webhook_secrets
from integrations.hub.models import AccountRoute
from integrations.provider import SharedToken, Webhook


@dataclass(frozen=True, kw_only=True)
class Address:
    """`url` is what the vendor is told; it holds a secret where `secret_inside`. `signed`: the vendor's own secret has to be
    known here, and `ready` says whether anything can be accepted."""

    url: str
    secret_inside: bool
    signed: bool
    ready: bool
    for_all: bool


def prepare(connection: Connection) -> None:
    """Have deliveries find the connection; where we are to make up a token, one is made."""
    webhook = _declared(connection)
    if webhook is None:
        return
    route, _ = AccountRoute.objects.get_or_create(
        connection_id=connection.pk,
        defaults={"provider": connection.provider, "account_id": connection.account_id, "chapter": hub.inside()},
    )
    if isinstance(webhook.verify, SharedToken) and route.webhook_secrets is None:
        _keep(route, webhook_secrets.made(), webhook_secrets.OVERLAP_SECONDS)


def of(connection: Connection) -> Address | None:
    """None where the provider delivers nothing, or the connection is not connected."""
    webhook, route = _declared(connection), _route(connection)
    if webhook is None or route is None:
        return None
    base = f"{settings.PUBLIC_URL.rstrip('/')}/api/v1/webhooks/{connection.provider}"
    if webhook.app_level:
        return Address(url=base, secret_inside=False, signed=True, ready=True, for_all=True)
    known = _known(route)
    token = isinstance(webhook.verify, SharedToken)
    inside = token and webhook.verify.in_address
    query = f"?{urlencode({webhook.verify.param: known[0].secret})}" if inside and known else ""
    return Address(
        url=f"{base}/{hub.inside().slug}{query}",
        secret_inside=inside,
        signed=not token,
        ready=bool(known),
        for_all=False,
    )


def keep_secret(connection: Connection, secret: str, *, overlap: float = webhook_secrets.OVERLAP_SECONDS) -> None:
    """What the vendor signs with, as it was typed in or came with a subscription; the one before is taken for `overlap`
    seconds more. ValueError where there is nothing to keep it for."""
    route = _route(connection)
    if route is None:
        raise ValueError("The connection is not connected, or its provider delivers nothing.")
    _keep(route, secret, overlap)


def new_token(connection: Connection, *, overlap: float = webhook_secrets.OVERLAP_SECONDS) -> None:
    """Another token for the address; the old address goes on for `overlap` seconds."""
    keep_secret(connection, webhook_secrets.made(), overlap=overlap)


def _keep(route: AccountRoute, secret: str, overlap: float) -> None:
    webhook_secrets.put(route, secret, overlap=overlap)
    route.save(update_fields=["webhook_secrets"])


def _declared(connection: Connection) -> Webhook | None:
    provider = registry.all_providers().get(connection.provider)
    return provider.webhook if provider else None


def _route(connection: Connection) -> AccountRoute | None:
    return AccountRoute.objects.filter(connection_id=connection.pk, chapter=hub.inside()).first()


def _known(route: AccountRoute) -> list[webhook_secrets.Known]:
    found, now = route.webhook_secrets, time.time()
    return [
        one for one in webhook_secrets.stored(found.reveal() if found else "") if one.until is None or one.until > now
    ]
