"""Idempotency-Key: a request that is sent again, because its answer was lost, changes nothing and is answered alike."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import hub

from .models import ApiKey, IdempotentRequest
from .problems import Problem

KEPT = timedelta(hours=24)
# A request that has not answered after this long died with its process: the next one takes its place.
ABANDONED = timedelta(minutes=5)
_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


def once(request: Request, act: Callable[[str], tuple[int, dict[str, Any]]]) -> Response:
    """`act(vendor_key)` -> status and body, carried out once per Idempotency-Key of this caller; always when there is none.

    The answer of a success is kept for a day and given again, marked `Idempotent-Replayed: true`. A failure is not kept: the
    request may be repeated with the same key, and `vendor_key` is then the same too. The same key with another request is
    422; while the first is under way, 409.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return _answer(*act(uuid.uuid4().hex))
    if not _KEY.fullmatch(key):
        raise Problem(
            400,
            "The request is not valid.",
            kind="invalid",
            errors=[{"header": "Idempotency-Key", "detail": "1 to 128 visible ASCII characters."}],
        )
    claim, kept = _claim(_caller(request), key, _fingerprint(request))
    if kept is not None:
        return _answer(kept.status or 200, kept.body, replayed=True)
    try:
        status, body = act(_vendor_key(claim))
    except BaseException:
        claim.delete()
        raise
    IdempotentRequest.objects.filter(pk=claim.pk).update(status=status, body=json.loads(json.dumps(body, default=str)))
    return _answer(status, body)


def _claim(caller: str, key: str, fingerprint: str) -> tuple[IdempotentRequest, IdempotentRequest | None]:
    """This request's row, and the earlier one when that has been answered."""
    now = timezone.now()
    IdempotentRequest.objects.filter(started_at__lt=now - KEPT).delete()
    wish = IdempotentRequest(caller=caller, key=key, fingerprint=fingerprint, started_at=now)
    IdempotentRequest.objects.bulk_create([wish], ignore_conflicts=True)
    row = IdempotentRequest.objects.get(caller=caller, key=key)
    if row.pk == wish.pk:
        return row, None
    if row.fingerprint != fingerprint:
        raise Problem(422, "This Idempotency-Key was used for another request.", kind="key-reused")
    if row.status is not None:
        return row, row
    abandoned = Q(pk=row.pk, status=None, started_at__lt=now - ABANDONED)
    if IdempotentRequest.objects.filter(abandoned).update(started_at=now):
        return row, None
    raise Problem(409, "The first request with this Idempotency-Key is under way.", kind="under-way", retry_after=2)


def _answer(status: int, body: Any, *, replayed: bool = False) -> Response:
    return Response(body, status=status, headers={"Idempotent-Replayed": "true"} if replayed else None)


def _caller(request: Request) -> str:
    return f"key:{request.auth.pk}" if isinstance(request.auth, ApiKey) else f"person:{request.user.pk}"


def _fingerprint(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def _vendor_key(claim: IdempotentRequest) -> str:
    """What the vendor is told: no two callers or chapters share one, whatever keys they choose. 64 characters."""
    return hashlib.sha256(f"{hub.schema()}|{claim.caller}|{claim.key}".encode()).hexdigest()
