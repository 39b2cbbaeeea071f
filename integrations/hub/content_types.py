"""Django's cache of content types, one for each thread.

The same model has another id in another chapter's schema. django-tenants empties the cache when a connection changes schema,
but the cache is the process's and the schema the thread's: a thread would find what another had just read elsewhere.
"""

from __future__ import annotations

import threading
from collections import UserDict
from typing import Any


class CacheOfThisThread(threading.local, UserDict[str, Any]):
    """Begins empty in every thread."""


def separate() -> None:
    from django.contrib.contenttypes.models import ContentType

    ContentType.objects._cache = CacheOfThisThread()  # type: ignore[attr-defined]
