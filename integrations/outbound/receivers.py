"""What other slices do that outbound webhooks tell of, or look for. All of it inside the transaction that does it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import models
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from integrations.changes.watched import watched
from integrations.connections.models import Connection
from integrations.connections.signals import status_changed
from integrations.matching.models import Merge
from integrations.sync.models import SyncRun

from . import platform, wishes


@receiver(status_changed, dispatch_uid="outbound.connection")
def tell_of_connection(sender: type[Connection], connection: Connection, previous: str, **_: Any) -> None:
    platform.status_changed(connection, previous)


@receiver(post_save, sender=SyncRun, dispatch_uid="outbound.run")
def tell_of_run(sender: type[SyncRun], instance: SyncRun, update_fields: Any = None, **_: Any) -> None:
    """A run ends by being saved with its end."""
    if update_fields and "finished_at" in update_fields:
        platform.run_ended(instance)


def look_after(sender: type[models.Model], **_: Any) -> None:
    """Somebody saved or deleted a record, merged two, or a run has come further."""
    if sender in _telling():
        wishes.look_soon()


@cache
def _telling() -> frozenset[type[models.Model]]:
    return frozenset({*(one.model for one in watched()), Merge, SyncRun})


post_save.connect(look_after, dispatch_uid="outbound.look_after_save")
post_delete.connect(look_after, dispatch_uid="outbound.look_after_delete")
