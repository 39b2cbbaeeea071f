"""A set-aside record as the vendor sent it: read back from the stored text, or fetched again where the text is not enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from integrations.http import Door
from integrations.http.decode import decode
from integrations.mapping.paths import getter
from integrations.provider import Permanent, ProviderError, RateLimited, Resource, Temporary

from .models import QuarantinedRecord

Form = QuarantinedRecord.Form
GONE = (404, 410)


class NotReadable(Exception):
    """The record cannot be had again; the sentence says why, and what to do."""


class Gone(NotReadable):
    """The vendor has it no more."""


def stored(row: QuarantinedRecord, *, exact: bool) -> Any:
    """The record in the row's text. `exact`: the mapping needs every digit of a number. NotReadable where the text is not the
    whole record."""
    if row.form == Form.SHOWN:
        raise NotReadable("what is kept of it is not the whole record")
    if exact and row.form == Form.ROUNDED:
        raise NotReadable("it was kept before every digit of its numbers was needed")
    try:
        return decode(row.body.encode(), exact=exact)
    except Temporary:
        raise NotReadable("what is kept of it cannot be read") from None


def fetched(door: Door, resource: Resource, external_id: str, *, exact: bool) -> Any:
    """The record asked for by its own address (`Resource.one`). NotReadable where there is none, Gone where the vendor has
    it no more; what may pass (a pause, a fault) is raised as it is."""
    if resource.one is None or not external_id:
        raise NotReadable("the vendor has no address for a single one: correct it there, the next full sync takes it")
    parent, key = external_id.split("/", 1) if resource.within and "/" in external_id else ("", external_id)
    path = resource.path.replace("{parent}", quote(parent, safe=""))
    try:
        document = door.decoded(door.fetch("GET", f"{path}/{quote(key, safe='')}", params={}), exact=exact)
    except (RateLimited, Temporary):
        raise
    except Permanent as error:
        if error.status in GONE:
            raise Gone("it is not there any more: dismiss it") from None
        raise NotReadable(f"it could not be fetched again: {error}") from None
    except ProviderError as error:
        raise NotReadable(f"it could not be fetched again: {error}") from None
    record = getter(resource.one)(document)
    if type(record) is not dict:
        raise NotReadable("the vendor answered with something else when it was fetched again")
    if resource.within:
        record[resource.within.into] = parent
    return record


@dataclass(frozen=True, kw_only=True)
class Reread:
    """A row with its record; `why` says why there is none."""

    row: QuarantinedRecord
    record: Any = None
    why: str = ""
