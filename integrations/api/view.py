"""What every view of the API is."""

from __future__ import annotations

from datetime import UTC
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework.views import APIView


class ApiView(APIView):
    """`scopes`: method -> the scope it takes. `asks_the_vendor`: its answers may be the vendor's refusals.

    Times are in UTC, whatever zone the chapter's pages show. Answers are kept by nobody on the way.
    """

    scopes: ClassVar[dict[str, str]]
    asks_the_vendor: ClassVar[bool] = False

    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        with timezone.override(UTC):
            response = super().dispatch(*args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
