"""The one place that changes a connection's status."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from integrations.http.redaction import redact

from .models import Connection
from .signals import status_changed


def change(connection: Connection, status: Connection.Status, message: str = "") -> None:
    """Sets status, since when, and the error people read; tells whoever listens when the status is another one.

    Nothing else of the row is written, so a change made elsewhere meanwhile is not undone.
    """
    with transaction.atomic():
        row = Connection.objects.select_for_update().filter(pk=connection.pk).first()
        if row is None:
            return
        previous, row.status = row.status, status
        row.last_error = redact(message)[:2000]
        if previous != status:
            row.status_since = timezone.now()
        row.save(update_fields=["status", "status_since", "last_error", "updated_at"])
        connection.status, connection.status_since, connection.last_error = row.status, row.status_since, row.last_error
        if previous != status:
            status_changed.send(sender=Connection, connection=connection, previous=previous)


def expire(connection: Connection, message: str) -> None:
    """The vendor refused the sign-in. A connection that somebody disconnected meanwhile stays as it is."""
    now = Connection.objects.filter(pk=connection.pk).values_list("status", flat=True).first()
    if now in {Connection.Status.CONNECTED, Connection.Status.ERROR}:
        change(connection, Connection.Status.EXPIRED, message)
