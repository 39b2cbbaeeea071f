"""What every view of the API is."""

from __future__ import annotations

from datetime import UTC
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from integrations.changes import origins

from .models import ApiKey


class ApiView(APIView):
    """`scopes`: method -> the scope it takes. `asks_the_vendor`: its answers may be the vendor's refusals.
    `names_things`: what is sent names things by their ids, which may not be there, though the address names none.

    Times are in UTC, whatever zone the chapter's pages show. Answers are kept by nobody on the way.
    """

    scopes: ClassVar[dict[str, str]]
    asks_the_vendor: ClassVar[bool] = False
    names_things: ClassVar[bool] = False

    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        with timezone.override(UTC):
            response = super().dispatch(*args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whoever the key belongs to is the origin of what the request changes. (Of persons the middleware knows.)"""
        super().initial(request, *args, **kwargs)
        if request.method not in SAFE_METHODS and isinstance(request.auth, ApiKey):
            origins.speak_for_the_request(origins.of_key(request.auth))
