"""Events are kept for WEBHOOK_EVENTS_KEEP_DAYS, with everything that was made of them."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from .models import EndpointSecret

BATCH = 5_000
_OLD = """
WITH old AS (SELECT id FROM integrations_event WHERE at < now() - %(keep)s ORDER BY at LIMIT %(batch)s),
addressed AS (SELECT d.id FROM integrations_delivery d JOIN old ON old.id = d.event_id),
attempts AS (DELETE FROM integrations_attempt WHERE delivery_id IN (SELECT id FROM addressed)),
deliveries AS (DELETE FROM integrations_delivery WHERE id IN (SELECT id FROM addressed))
DELETE FROM integrations_event WHERE id IN (SELECT id FROM old)
"""
_OF_ENDPOINT = """
WITH attempts AS (DELETE FROM integrations_attempt WHERE endpoint_id = %(id)s),
deliveries AS (DELETE FROM integrations_delivery WHERE endpoint_id = %(id)s),
secrets AS (DELETE FROM integrations_endpointsecret WHERE endpoint_id = %(id)s)
DELETE FROM integrations_endpoint WHERE id = %(id)s
"""


def prune() -> int:
    """In short transactions; returns how many events went. Secrets that sign no more go too."""
    EndpointSecret.objects.filter(Q(expires_at__lt=timezone.now())).delete()
    pruned = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_OLD, {"keep": timedelta(days=settings.WEBHOOK_EVENTS_KEEP_DAYS), "batch": BATCH})
            pruned += cursor.rowcount
            if cursor.rowcount < BATCH:
                return pruned


def forget_endpoint(endpoint_id: object) -> None:
    """The endpoint with everything that was sent to it. Its events stay, for the others."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_OF_ENDPOINT, {"id": endpoint_id})
