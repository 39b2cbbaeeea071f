"""Deliveries whose signature needs a key of the vendor's: fetched, and the question settled."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from integrations import registry
from integrations.connections.models import Connection
from integrations.encryption import CannotDecrypt
from integrations.http import documents
from integrations.hub import webhook_secrets
from integrations.hub.jobs import Retry, Work
from integrations.hub.models import AccountRoute, InboxDelivery, ProviderApp
from integrations.provider import Delivery, FetchesKey

from . import refusals, taking

AGAIN_SECONDS = 30.0


def settle(connection: Connection, work: Work) -> None:
    """What waits in the inbox for a connection of this chapter: verified, or gone. Raises Retry where the vendor's key cannot
    be had at the moment."""
    rows = InboxDelivery.objects.filter(chapter=work.chapter, connection_id=connection.pk, verified=False)
    _settle(connection.provider, rows.order_by("id"), work)


def settle_apps(slug: str, work: Work) -> None:
    """The same for what is for several chapters."""
    _settle(slug, InboxDelivery.objects.filter(provider=slug, chapter=None, verified=False).order_by("id"), work)


def _settle(slug: str, waiting: Iterable[InboxDelivery], work: Work) -> None:
    webhook = registry.get(slug).webhook
    for row in waiting:
        verify = webhook.verify if webhook else None
        right = isinstance(verify, FetchesKey) and _is_right(verify, row)
        with transaction.atomic():
            work.fence()
            mine = InboxDelivery.objects.filter(pk=row.pk)
            if right:
                mine.update(verified=True)
            else:
                mine.delete()
        if not right:
            refusals.write({slug: 1})


def _is_right(verify: FetchesKey, row: InboxDelivery) -> bool:
    try:
        delivery = Delivery(body=taking.opened(row), headers=row.headers)
    except CannotDecrypt:
        return False
    address = verify.key_address(delivery)
    if address is None:
        return False
    try:
        key = documents.fetch(address)
    except documents.NotThere as error:
        raise Retry(AGAIN_SECONDS, str(error)) from error
    at = row.received_at.timestamp()
    return verify.verify_with(key, delivery, _secrets(row, at), at)


def _secrets(row: InboxDelivery, at: float) -> tuple[bytes, ...]:
    whose: AccountRoute | ProviderApp | None = (
        ProviderApp.objects.filter(pk=row.app_id).first()
        if row.app_id
        else AccountRoute.objects.filter(connection_id=row.connection_id).first()
    )
    found = whose.webhook_secrets if whose else None
    return webhook_secrets.valid(webhook_secrets.stored(found.reveal()), at) if found else ()
