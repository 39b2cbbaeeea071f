"""One resource of one account: the samples as often as `scale` says, with what was written laid over them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

from integrations.provider import Find, Resource, dig
from integrations.provider.paths import plant

from .created import completed
from .samples import Samples
from .store import Store
from .variation import APART, Variation, spelled_like
from .wire import json_bytes, read_json


@lru_cache(maxsize=20_000)
def variation(samples: Samples, seed: str, copy: int) -> Variation:
    return Variation(samples, seed, copy)


class Shelf:
    """`entries` are (moment of change or None, key, copy, index of the sample), in the vendor's order."""

    def __init__(self, samples: Samples, resource: Resource, seed: str, copies: int) -> None:
        self.samples, self.resource, self.seed, self.copies = samples, resource, seed, copies

    def variation(self, copy: int) -> Variation:
        return variation(self.samples, self.seed, copy)

    @cached_property
    def originals(self) -> list[dict[str, Any]]:
        return self.samples.records(self.resource)

    @cached_property
    def moments(self) -> list[datetime | None]:
        cursor = self.resource.cursor
        return [cursor.moment(dig(record, cursor.field)) if cursor else None for record in self.originals]

    @cached_property
    def descending(self) -> bool:
        """Newest first, as the samples stand."""
        known = [moment for moment in self.moments if moment]
        return len(known) > 1 and known[0] > known[-1]

    @cached_property
    def entries(self) -> list[tuple[datetime | None, str, int, int]]:
        name = self.resource.key.rpartition(".")[2]
        keys = [dig(record, self.resource.key) for record in self.originals]
        found = [
            (moment - copy * APART if moment else None, str(self.variation(copy).of(key, name)), copy, index)
            for copy in range(self.copies)
            for index, (moment, key) in enumerate(zip(self.moments, keys, strict=True))
        ]
        if self.resource.cursor:
            found.sort(key=lambda entry: entry[0] or datetime.min.replace(tzinfo=UTC), reverse=self.descending)
        return found

    @cached_property
    def places(self) -> dict[str, tuple[datetime | None, str, int, int]]:
        return {entry[1]: entry for entry in self.entries}

    def record(self, copy: int, index: int) -> dict[str, Any]:
        made: dict[str, Any] = self.variation(copy).of(self.originals[index])
        cursor, moment = self.resource.cursor, self.moments[index]
        if cursor and moment and copy:
            plant(made, cursor.field, spelled_like(dig(made, cursor.field), moment - copy * APART))
        return made


class Records:
    """A shelf with what was written in this account: the list, one record, and writing."""

    def __init__(self, shelf: Shelf, store: Store, account: str) -> None:
        self.shelf, self.store = shelf, store
        self.place = (shelf.samples.provider.slug, account, shelf.resource.name)

    def listing(self, since: datetime | None, parent: tuple[str, Shelf] | None) -> list[tuple[str, int, int]]:
        """(key, copy, index) of what is to be listed; index -1 for a record that is written down. `parent`: the key of the
        record it lives in, and that record's shelf."""
        written = self._written()
        within = self.shelf.resource.within
        entries = self.shelf.entries
        if parent and within:
            key, shelf = parent
            home = shelf.places.get(key)
            original = dig(shelf.originals[home[3]], shelf.resource.key) if home else object()
            inside = [dig(record, within.into) == original for record in self.shelf.originals]
            entries = [e for e in entries if home and e[2] == home[2] and inside[e[3]]]
        listed = [e for e in entries if e[1] not in written] if written else list(entries)
        for key, body in written.items():
            if body is not None and not (parent and within and str(dig(body, within.into)) != parent[0]):
                listed.append((self._moment(body), key, 0, -1))
        if written and self.shelf.resource.cursor:
            listed.sort(key=lambda e: e[0] or datetime.min.replace(tzinfo=UTC), reverse=self.shelf.descending)
        if since is not None:
            listed = [e for e in listed if e[0] is not None and e[0] >= since]
        return [(key, copy, index) for _, key, copy, index in listed]

    def found(
        self, listed: list[tuple[str, int, int]], find: Find, query: Mapping[str, str]
    ) -> list[tuple[str, int, int]]:
        """Those that hold what is searched for, where anything is; small and capital letters are one, as with most vendors."""
        wanted = {
            template.strip("{}"): query[name].casefold() for name, template in find.params.items() if query.get(name)
        }
        return [
            one
            for one in listed
            if not wanted or all(text in str(dig(self.at(one), path) or "").casefold() for path, text in wanted.items())
        ]

    def get(self, key: str) -> dict[str, Any] | None:
        written = self.store.row(
            "SELECT body FROM records WHERE provider = ? AND account = ? AND resource = ? AND key = ?", *self.place, key
        )
        if written is not None:
            return None if written["body"] is None else read_json(written["body"])
        entry = self.shelf.places.get(key)
        return self.shelf.record(entry[2], entry[3]) if entry else None

    def at(self, listed: tuple[str, int, int]) -> dict[str, Any]:
        key, copy, index = listed
        return self.shelf.record(copy, index) if index >= 0 else self.get(key) or {}

    def create(self, posted: Mapping[str, Any], parent: str | None = None) -> dict[str, Any]:
        """A new record with a key of the vendor's, and what the vendor fills in itself."""
        resource = self.shelf.resource
        number = len(self._written())
        name = resource.key.rpartition(".")[2]
        like = dig(self.shelf.originals[0], resource.key) if self.shelf.originals else f"new_{'0' * 24}"
        key = Variation(self.shelf.samples, f"{self.shelf.seed}|new|{number}|{time.time_ns()}", 0).of(like, name)
        made = completed(self.shelf.samples.created(resource), posted)
        plant(made, resource.key, key)
        if resource.within and parent:
            plant(made, resource.within.into, parent)
        self._stamp(made)
        return self._write(str(key), made)

    def change(self, key: str, posted: Mapping[str, Any]) -> dict[str, Any] | None:
        known = self.get(key)
        if known is None:
            return None
        plant(changed := filled(known, posted), self.shelf.resource.key, dig(known, self.shelf.resource.key))
        if self.shelf.resource.cursor and not self.shelf.resource.cursor.creation:
            self._stamp(changed)
        return self._write(key, changed)

    def delete(self, key: str) -> None:
        self._keep(key, None)

    def deleted(self, since: datetime | None) -> list[tuple[str, datetime]]:
        """What was deleted, and when, in that order."""
        rows = self.store.rows(
            "SELECT key, changed_at FROM records WHERE provider = ? AND account = ? AND resource = ? AND body IS NULL"
            " ORDER BY changed_at, key",
            *self.place,
        )
        found = [(row["key"], datetime.fromtimestamp(row["changed_at"], UTC)) for row in rows]
        return [one for one in found if since is None or one[1] >= since]

    def _stamp(self, record: dict[str, Any]) -> None:
        cursor = self.shelf.resource.cursor
        if cursor and self.shelf.originals:
            sample = dig(self.shelf.originals[0], cursor.field)
            plant(record, cursor.field, spelled_like(sample, datetime.now(UTC)))

    def _write(self, key: str, record: dict[str, Any]) -> dict[str, Any]:
        self._keep(key, json_bytes(record).decode())
        return record

    def _keep(self, key: str, body: str | None) -> None:
        self.store.do(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET body = excluded.body, changed_at = excluded.changed_at",
            *self.place, key, body, time.time(),
        )  # fmt: skip

    def _written(self) -> dict[str, dict[str, Any] | None]:
        rows = self.store.rows(
            "SELECT key, body FROM records WHERE provider = ? AND account = ? AND resource = ? ORDER BY changed_at, key",
            *self.place,
        )
        return {row["key"]: None if row["body"] is None else read_json(row["body"]) for row in rows}

    def _moment(self, body: Mapping[str, Any]) -> datetime | None:
        cursor = self.shelf.resource.cursor
        return cursor.moment(dig(body, cursor.field)) if cursor else None


def filled(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, dictionary by dictionary; lists are replaced whole."""
    made = dict(base)
    for name, value in over.items():
        below = made.get(name)
        made[name] = filled(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return made
