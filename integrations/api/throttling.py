"""How often one caller may ask: a token bucket per key or person in Postgres, shared by every process."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from integrations import hub

from .models import ApiKey

# Taken and refilled in one statement. No row comes back when the bucket is empty.
_TAKE = """
INSERT INTO public.hub_ratebucket AS bucket (key, tokens, updated_at)
VALUES (%(key)s, %(burst)s - 1, clock_timestamp())
ON CONFLICT (key) DO UPDATE SET
    tokens = LEAST(%(burst)s, bucket.tokens + EXTRACT(EPOCH FROM clock_timestamp() - bucket.updated_at) * %(rate)s) - 1,
    updated_at = clock_timestamp()
WHERE LEAST(%(burst)s, bucket.tokens + EXTRACT(EPOCH FROM clock_timestamp() - bucket.updated_at) * %(rate)s) >= 1
RETURNING tokens
"""


class CallerThrottle(BaseThrottle):
    """API_REQUESTS_PER_MINUTE on average, a minute's worth at once. The bucket's name carries the chapter."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.auth is None and not request.user.is_authenticated:
            return True  # only the description of the API answers to nobody in particular
        per_minute = settings.API_REQUESTS_PER_MINUTE
        values = {"key": _bucket(request), "burst": float(per_minute), "rate": per_minute / 60}
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, values)
            return cursor.fetchone() is not None

    def wait(self) -> float:
        return 60 / float(settings.API_REQUESTS_PER_MINUTE)


def _bucket(request: Request) -> str:
    caller = f"key:{request.auth.pk}" if isinstance(request.auth, ApiKey) else f"person:{request.user.pk}"
    return f"api|{hub.schema()}|{caller}"
