"""Where writes are handed in: one record or many in a call, each taken or refused by itself."""

from __future__ import annotations

from typing import Any

from integrations.provider import Resource, dig
from integrations.provider.paths import plant

from .routes import UPDATE_ALL
from .shelf import Records
from .store import Store
from .wire import Answer, Refusal, json_bytes

Record = dict[str, Any]


class Desk:
    """The writes of one resource in one account. `parent`: the key of the record whose list is written to."""

    def __init__(self, store: Store, resource: Resource, records: Records, parent: str | None) -> None:
        self.store, self.resource, self.records, self.parent = store, resource, records, parent
        self.provider = records.place[0]

    def write(self, kind: str, key: str | None, posted: list[Record]) -> Answer:
        """The answer, wrapped as the request was. A record that is not taken says why in its place, where several travel
        together; else it is refused."""
        assert self.resource.write is not None
        made = [self._taken(kind, key, one) for one in posted]
        wrap = self.resource.write.wrap
        return Answer(body=json_bytes({wrap: made if self.resource.write.list_wrap else made[0]} if wrap else made[0]))

    def _taken(self, kind: str, key: str | None, record: Record) -> Record:
        tried = self._tried(str(dig(record, self.resource.key) or "") if kind == UPDATE_ALL else key, record)
        if not isinstance(tried, Refusal):
            return tried
        refused = self.resource.write.refused if self.resource.write else ""
        if not refused:
            raise tried
        return {**record, **_at(refused, tried.message)}

    def _tried(self, key: str | None, record: Record) -> Record | Refusal:
        if reason := self._reason(record):
            return Refusal(400, reason)
        if not key:
            self.store.count(self.provider, f"{self.resource.name} created")
            return self.records.create(record, self.parent)
        made = self.records.change(key, record)
        if made is None:
            return Refusal(404, f"There is no {self.resource.name} with the key '{key[:80]}'.")
        self.store.count(self.provider, f"{self.resource.name} changed")
        return made

    def _reason(self, record: Record) -> str:
        rows = self.store.rows(
            "SELECT path, value, message FROM refusals WHERE provider = ? AND resource = ? ORDER BY id",
            self.provider, self.resource.name,
        )  # fmt: skip
        return next((row["message"] for row in rows if str(dig(record, row["path"])) == row["value"]), "")


def _at(path: str, message: str) -> Record:
    """`ValidationErrors.0.Message` -> {"ValidationErrors": [{"Message": ...}]}"""
    head, _, rest = path.partition(".")
    if not rest:
        return {head: message}
    if not rest.startswith("0"):
        made: Record = {}
        plant(made, path, message)
        return made
    below = rest.partition(".")[2]
    return {head: [_at(below, message) if below else message]}
