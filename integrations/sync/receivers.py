"""What connecting and disconnecting mean for syncing."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from integrations.connections.models import Connection
from integrations.connections.signals import connected, disconnected

from . import services


@receiver(connected, dispatch_uid="sync.begin")
def begin(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    services.begin(connection)


@receiver(disconnected, dispatch_uid="sync.stop")
def stop(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    services.stop(connection)
