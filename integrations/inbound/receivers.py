"""What connecting means for deliveries. (Disconnecting removes the route, and with it what they are verified by.)"""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from integrations.connections.models import Connection
from integrations.connections.signals import connected

from . import addresses


@receiver(connected, dispatch_uid="inbound.prepare")
def prepare(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    addresses.prepare(connection)
