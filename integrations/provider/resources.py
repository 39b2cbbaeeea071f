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
class Find:
    """How a record that may have been created is looked for: the resource's list is asked for with `params`, whose `{Name}` are
    filled from what was sent (dotted paths). It is the one that equals what was sent at every path of `equal`."""

    params: Dict[str, str]
    equal: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Write:
    """How one record is created and changed: `"PUT /Contacts"`, `"POST /customers/{key}"`.

    `wrap` is the key the vendor wants around the record, `list_wrap` whether as a list under it; the answer is wrapped as
    the request was. `body` json or form (nested values as `address[city]`). `idempotency` is the header that carries our
    key, `remembers` how long the vendor surely knows it again (zero: not known).

    `batch` is how many records one call takes, with `batch_params`: new ones at `create`, changed ones at `update_all`, each
    with its key in it; the answer lists them in the order sent, and what was not taken says why at `refused`. `find` is how
    a record is looked for whose creation was not answered. `empty` is what clears a text (None: nothing is cleared there).
    A record that was deleted says so at `gone` when it is asked for by its address. `never` are values no sync may send
    (path -> values): what they do cannot be undone.
    """

    create: str | None = None
    update: str | None = None
    update_all: str | None = None
    wrap: str | None = None
    list_wrap: bool = False
    body: str = "json"
    idempotency: str | None = None
    remembers: timedelta = timedelta(0)
    batch: int = 1
    batch_params: Dict[str, str] = dataclasses.field(default_factory=dict)
    refused: str = ""
    find: Find | None = None
    empty: str | None = None
    gone: str = ""
    never: Dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


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
class Tombstones:
    """The vendor says what it deleted. Either in the list itself, where a record with any value at `field` is a tombstone
    (nothing else need be in it but the key), or in a list of its own at `path`, read after the resource's.

    `records`, `key`, `pages`, `params` and `cursor` are of that list what a Resource's are of its own. `brake`: the largest
    share of links that such a list deletes without a person.
    """

    field: str = ""
    path: str = ""
    records: str = ""
    key: str = "id"
    pages: Pages = SinglePage()
    params: Dict[str, str] = dataclasses.field(default_factory=dict)
    cursor: Cursor | None = None
    brake: float = 0.2


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
    deletes: Flag | Tombstones | FullComparison | NoDeletes = NoDeletes()
    every: timedelta = timedelta(minutes=15)
    label: str = ""

    @property
    def title(self) -> str:
        """What it is called on a page."""
        return self.label or self.name.replace("_", " ").capitalize()
