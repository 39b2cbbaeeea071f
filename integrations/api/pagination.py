"""Long lists, page by page: an opaque signed cursor says where the next page begins, so nothing is skipped or repeated while
rows are added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core import signing
from django.db.models import QuerySet
from rest_framework.request import Request

from integrations import hub

from .problems import Problem

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200


def limit(request: Request) -> int:
    """`?limit=`, 1 to 200, 50 when absent; 400 for anything else."""
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LARGEST_LIMIT):
        raise _wrong("limit", f"A whole number from 1 to {LARGEST_LIMIT}.")
    return int(text)


def position(request: Request) -> str:
    """Where `?cursor=` says the page begins; "" for the first. A cursor opens only the list that gave it: 400 otherwise."""
    text = request.query_params.get("cursor", "")
    if not text:
        return ""
    try:
        return str(signing.Signer(salt=_salt(request)).unsign_object(text))
    except signing.BadSignature as error:
        raise _wrong("cursor", "Not a cursor of this list. Begin again without one.") from error


def page(request: Request, results: list[Any], next_position: str | None) -> dict[str, Any]:
    """`{"results": [...], "next": address or null}`."""
    if not next_position:
        return {"results": results, "next": None}
    query = request.query_params.copy()
    query["cursor"] = signing.Signer(salt=_salt(request)).sign_object(next_position)
    return {"results": results, "next": request.build_absolute_uri(f"{request.path}?{query.urlencode()}")}


def page_of_rows(
    request: Request, rows: QuerySet[Any], show: Callable[[list[Any]], list[Any]], *, newest_first: bool = False
) -> dict[str, Any]:
    """A page of rows whose UUIDv7 ids are their order, in one query."""
    size, after = limit(request), position(request)
    if after:
        rows = rows.filter(pk__lt=after) if newest_first else rows.filter(pk__gt=after)
    found = list(rows.order_by("-pk" if newest_first else "pk")[: size + 1])
    last = str(found[size - 1].pk) if len(found) > size else None
    return page(request, show(found[:size]), last)


def _salt(request: Request) -> str:
    return f"api.cursor|{hub.schema()}|{request.path}"


def _wrong(parameter: str, detail: str) -> Problem:
    return Problem(
        400, "The request is not valid.", kind="invalid", errors=[{"parameter": parameter, "detail": detail}]
    )
