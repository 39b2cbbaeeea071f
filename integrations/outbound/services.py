"""What pages and the API do with endpoints. Sentences of EndpointError are for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations.http import guard, receiver

from . import catalogue, changes, events, filters, signing, states, upkeep, wishes
from .models import Delivery, Endpoint, EndpointSecret

OVERLAP = timedelta(hours=24)
MOST_ENDPOINTS = 200
TEST = "webhook.test"


class EndpointError(Exception):
    """`field` is what is wrong: url, events or filter; empty for the whole."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def create(
    *,
    url: str,
    patterns: Sequence[str],
    description: str = "",
    narrowed: Mapping[str, Any] | None = None,
    user: Any = None,
) -> tuple[Endpoint, str]:
    """A new endpoint and its secret: the only moment, with a rotation, at which a secret is shown."""
    _check(url, patterns, narrowed or {})
    with transaction.atomic():
        if Endpoint.objects.count() >= MOST_ENDPOINTS:
            raise EndpointError(f"A chapter has at most {MOST_ENDPOINTS} webhooks. Delete one that is not used.")
        if not events.interested().exists():
            changes.begin()
        endpoint = Endpoint.objects.create(
            url=url,
            events=_in_order(patterns),
            description=description,
            filter=dict(narrowed or {}),
            version=catalogue.VERSION,
            created_by=user,
        )
        return endpoint, _new_secret(endpoint)


def change(endpoint: Endpoint, **wanted: Any) -> None:
    """`url`, `patterns`, `description`, `narrowed`, `enabled`: those that are named."""
    _check(
        wanted.get("url", endpoint.url),
        wanted.get("patterns", endpoint.events),
        wanted.get("narrowed", endpoint.filter),
        ask="url" in wanted and wanted["url"] != endpoint.url,
    )
    with transaction.atomic():
        endpoint.url = wanted.get("url", endpoint.url)
        endpoint.events = _in_order(wanted.get("patterns", endpoint.events))
        endpoint.description = wanted.get("description", endpoint.description)
        endpoint.filter = dict(wanted.get("narrowed", endpoint.filter))
        endpoint.save(update_fields=["url", "events", "description", "filter"])
        if wanted.get("enabled", endpoint.enabled) != endpoint.enabled:
            if wanted["enabled"]:
                states.enable(endpoint)
            else:
                disable(endpoint)


def disable(endpoint: Endpoint) -> None:
    states.disable(endpoint, "Somebody switched it off.")


def delete(endpoint: Endpoint) -> None:
    upkeep.forget_endpoint(endpoint.pk)


def rotate(endpoint: Endpoint) -> str:
    """The new secret. Those of before sign as well, for OVERLAP."""
    with transaction.atomic():
        until = timezone.now() + OVERLAP
        older = EndpointSecret.objects.filter(Q(expires_at=None) | Q(expires_at__gt=until), endpoint=endpoint)
        older.update(expires_at=until)
        return _new_secret(endpoint)


def send_test(endpoint: Endpoint) -> Delivery:
    """One event to this endpoint alone, whatever it asks for."""
    if not endpoint.enabled:
        raise EndpointError("It is disabled: enable it first.")
    with transaction.atomic():
        event = events.keep(TEST, {"message": "This is a test. Nothing has happened."})
        made = Delivery.objects.create(endpoint=endpoint, event=event, next_at=timezone.now())
        wishes.send(endpoint)
    return made


def _check(url: str, patterns: Sequence[str], narrowed: Any, *, ask: bool = True) -> None:
    if ask:
        try:
            receiver.check(url)
        except guard.Refused as refused:
            raise EndpointError(
                f"The endpoint {refused}. It must be a public address that begins with https://.", "url"
            ) from None
    if not patterns:
        raise EndpointError("Choose at least one type of event.", "events")
    for pattern in patterns:
        if mistake := catalogue.wrong_pattern(pattern):
            raise EndpointError(mistake, "events")
    if mistake := filters.mistake(narrowed):
        raise EndpointError(mistake, "filter")


def _in_order(patterns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(patterns))


def _new_secret(endpoint: Endpoint) -> str:
    secret = signing.new_secret()
    EndpointSecret.objects.create(endpoint=endpoint, secret=secret)
    return secret
