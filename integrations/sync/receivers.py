"""What connecting and disconnecting mean for syncing."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from integrations.connections.models import Connection
from integrations.connections.signals import connected, disconnected, status_changed

from . import schedules, services
from .push import soon, wishes


@receiver(connected, dispatch_uid="sync.begin")
def begin(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    services.begin(connection)
    wishes.begin_again(connection)


@receiver(disconnected, dispatch_uid="sync.stop")
def stop(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    services.stop(connection)


@receiver(status_changed, dispatch_uid="sync.schedules")
def follow(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    """Nothing is due while a sign-in is refused; what the chapter chose is taken up again when it works."""
    schedules.align(connection)


post_save.connect(soon.saved, dispatch_uid="push.saved")
