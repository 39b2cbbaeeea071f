"""The jobs that empty the inbox and act on what was in it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from integrations import hub, registry
from integrations.connections.models import Connection
from integrations.hub.jobs import Fail, Work, inbox, job
from integrations.hub.jobs.regular import regular
from integrations.hub.models import InboxDelivery

from . import addresses, settling, spreading, taking
from .acting import USABLE, Acting
from .models import InboundEvent

UPKEEP = "inbound.upkeep"
PRUNED_AT_ONCE = 5_000


@job(inbox.DRAIN, lease=120)
def drain(work: Work) -> None:
    """Payload: {"connection": id}. Inbox to events, and what is due of them acted on."""
    connection = Connection.objects.filter(pk=work.payload["connection"]).first()
    if connection is None:
        _drop(work)
        return
    if connection.provider not in registry.all_providers():
        raise Fail(f"The provider '{connection.provider}' is not installed here: install it, then replay.")
    settling.settle(connection, work)
    while taking.take(connection.pk, connection.provider, work):
        pass
    Acting(connection, work).all()


@job(inbox.SPREAD, lease=120)
def spread(work: Work) -> None:
    """Payload: {"provider": slug}. In the hub: each chapter gets its own of what is for several."""
    spreading.spread(work.payload["provider"], work)


@regular(UPKEEP, every=timedelta(hours=1))
@job(UPKEEP, max_attempts=3)
def upkeep(work: Work) -> None:
    """Every connection has what its deliveries are known by, also where a later release made its provider deliver; and what is
    over is kept for as long as a vendor may repeat it."""
    for connection in Connection.objects.filter(status__in=USABLE):
        addresses.prepare(connection)
    _prune(work)


def _prune(work: Work) -> None:
    old = Now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS)
    over = InboundEvent.objects.filter(~Q(state=InboundEvent.State.WAITING), received_at__lt=old)
    while True:
        with transaction.atomic():
            work.fence()
            found = list(over.values_list("pk", flat=True)[:PRUNED_AT_ONCE])
            InboundEvent.objects.filter(pk__in=found).delete()
        if len(found) < PRUNED_AT_ONCE:
            return


def _drop(work: Work) -> None:
    """The connection was removed, and its records with it: nobody is left to tell."""
    with transaction.atomic():
        work.fence()
        InboxDelivery.objects.filter(chapter=hub.inside(), connection_id=UUID(work.payload["connection"])).delete()
