"""One kind of object at the vendor: where it is, how it is read since last time, how it is written, how it goes away."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from . import convert
from .mapping import Mapping
from .pagination import Pages, SinglePage

CURSOR_FORMATS = ("iso", "iso_seconds", "http", "unix")


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Read only what changed: the newest `field` seen is sent as `header` or `param` next time.

    `format`: iso (2026-01-31T00:00:00Z), iso_seconds (without zone, UTC), http (RFC 9110), unix (seconds).
    `lookback` is subtracted: for clock skew, and for vendors that filter by `creation` and change records later.
    """

    field: str
    header: str | None = None
    param: str | None = None
    format: str = "iso"
    lookback: timedelta = timedelta(minutes=2)
    creation: bool = False

    def moment(self, value: Any) -> datetime | None:
        """When a record changed, from the value of its `field`, however the vendor spells instants. None for no value;
        ValueError for one that is no instant."""
        spelt = convert.instant.inward(value) if isinstance(value, str) else convert.unix.inward(value)
        return None if spelt is None else datetime.fromisoformat(spelt)

    def asked(self, text: str) -> datetime:
        """What `spell` said."""
        if self.format == "http":
            return parsedate_to_datetime(text).astimezone(UTC)
        moment = self.moment(int(text) if self.format == "unix" else text)
        if moment is None:
            raise ValueError("no moment is asked for")
        return moment

    def spell(self, since: datetime) -> str:
        """What is sent to ask for everything since then, without fractions (the lookback is the caller's to subtract)."""
        since = since.astimezone(UTC)
        match self.format:
            case "unix":
                return str(int(since.timestamp()))
            case "http":
                return format_datetime(since, usegmt=True)
            case "iso_seconds":
                return since.strftime("%Y-%m-%dT%H:%M:%S")
            case "iso":
                return since.isoformat(timespec="seconds").replace("+00:00", "Z")
        raise ValueError(f"'{self.format}' is not a format of a cursor: {', '.join(CURSOR_FORMATS)}")


@dataclass(frozen=True, kw_only=True)
class Write:
    """How one record is created and changed: `"PUT /Contacts"`, `"POST /customers/{key}"`.

    `wrap` is the key the vendor wants around the record, `list_wrap` whether as a one-element list under it; the answer
    is wrapped as the request was. `body` json or form (nested values as `address[city]`); `idempotency` the header that
    carries our key; `batch` how many records one call takes.
    """

    create: str | None = None
    update: str | None = None
    wrap: str | None = None
    list_wrap: bool = False
    body: str = "json"
    idempotency: str | None = None
    batch: int = 1


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A deleted record stays in the list and says so: `field` equals `value`."""

    field: str = dataclasses.field(kw_only=False)
    value: object = dataclasses.field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class FullComparison:
    """What a complete read no longer shows is gone. `brake`: largest share of links deleted without a person."""

    brake: float = 0.05


@dataclass(frozen=True, kw_only=True)
class NoDeletes:
    """The vendor never deletes these (ledger entries), or never tells."""


@dataclass(frozen=True, kw_only=True)
class Within:
    """The resource lives inside another one's records: `path` holds `{parent}`, read once per parent.

    `resource` names it; its records are known from their links. `into` is where the parent's key is put in each record.
    """

    resource: str = dataclasses.field(kw_only=False)
    into: str


@dataclass(frozen=True, kw_only=True)
class Resource:
    """`records` is the dotted path of the list in the answer ("" = the answer is the list); `key` of the record's id.

    `path` is below the provider's base URL. `every` is how often it is read when nobody asks. `one` is the dotted path of
    the record in the answer to `GET {path}/{key}`: "" where the answer is the record, `Contacts.0` where it is the only one
    of a list, None where the vendor has no such address.
    """

    name: str = dataclasses.field(kw_only=False)
    path: str
    records: str
    key: str
    target: str
    mapping: Mapping
    pages: Pages = SinglePage()
    cursor: Cursor | None = None
    params: Dict[str, str] = dataclasses.field(default_factory=dict)
    within: Within | None = None
    write: Write | None = None
    one: str | None = None
    deletes: Flag | FullComparison | NoDeletes = NoDeletes()
    every: timedelta = timedelta(minutes=15)
    label: str = ""

    @property
    def title(self) -> str:
        """What it is called on a page."""
        return self.label or self.name.replace("_", " ").capitalize()
