"""A vendor that can be written to, over real HTTP: it keeps records, knows keys again, and can lose its answers.

Three kinds of record, for three kinds of vendor: `contacts` are written many in a call and read since last time, `clients` one
by one and read whole, `bare` are known by nothing but their address.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cheroot.wsgi import Server

from integrations.provider import (
    Cursor,
    Field,
    Find,
    FullComparison,
    Mapping,
    NoAuth,
    PageNumber,
    Provider,
    Resource,
    SinglePage,
    Write,
    convert,
)
from tests.sync.vendor import Asked

Record = dict[str, Any]
ONCE = "Idempotency-Key"

CONTACT = Mapping(
    Field("name", "name", convert.text, required=True),
    Field("given_name", "first", convert.text),
    Field("number", "number", convert.text),
    Field("email", "email", convert.lower),
    Field("phone", "phone", convert.text),
    Field("country", "country", convert.read_only(convert.upper)),
    Field("status", "status", convert.one_of({"ACTIVE": "active", "OLD": "archived"})),
)
INVOICE = Mapping(
    Field("type", "type", convert.one_of({"sale": "receivable", "bill": "payable"})),
    Field("number", "number", convert.text),
    Field("party", "contact", convert.text, ref="contacts"),
    Field("issued_on", "date", convert.day),
    Field("status", "status", convert.one_of({"open": "authorised", "draft": "draft", "void": "voided"})),
    *(
        Field(name, (name, "currency"), convert.money_major)
        for name in ("subtotal", "tax", "total", "paid", "credited", "due")
    ),
)
provider = Provider(
    slug="shop",
    name="Shop",
    category="accounting",
    website="https://shop.example",
    summary="For tests",
    auth=NoAuth(),
    base_url="https://shop.example",
    test="/ping",
    resources=(
        Resource("contacts", path="/contacts", records="items", key="id", target="finance.party", mapping=CONTACT,
                 pages=PageNumber(size=100, size_param="size"), cursor=Cursor(field="updated", header="If-Modified-Since"),
                 one="items.0", write=Write(
                     create="PUT /contacts", update="POST /contacts/{key}", update_all="POST /contacts", wrap="items",
                     list_wrap=True, batch=5, batch_params={"each": "1"}, refused="errors.0.message", empty="",
                     idempotency=ONCE, find=Find(params={"q": "{name}"}, equal=("name", "number")),
                     never={"status": ("OLD",)})),
        Resource("clients", path="/clients", records="items", key="id", target="finance.party", mapping=CONTACT,
                 pages=SinglePage(), deletes=FullComparison(), one="", write=Write(
                     create="POST /clients", update="POST /clients/{key}", idempotency=ONCE, gone="deleted",
                     find=Find(params={"q": "{email}"}, equal=("email", "name")))),
        Resource("bare", path="/bare", records="items", key="id", target="finance.party", mapping=CONTACT,
                 pages=SinglePage(), write=Write(create="POST /bare", update="PUT /bare/{key}")),
        Resource("invoices", path="/invoices", records="items", key="id", target="finance.invoice", mapping=INVOICE,
                 pages=SinglePage(), one="", write=Write(
                     create="POST /invoices", update="POST /invoices/{key}", idempotency=ONCE,
                     never={"status": ("void",)})),
        Resource("read_only", path="/read_only", records="items", key="id", target="finance.party", mapping=CONTACT),
    ),
)  # fmt: skip


@dataclass
class Shop:
    """`after` runs behind a write that was kept and before its answer; `drop` answers are lost then. `refuse` are values of
    `name` that are not taken, with the reason; `statuses` are answered instead of the next writes."""

    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    replies: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    refuse: dict[str, str] = field(default_factory=dict)
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    drop: int = 0
    after: Callable[[], None] | None = None
    made: int = 0
    executed: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.clock = 1_750_000_000

    # --- for tests ----------------------------------------------------------------------------------------------------

    def put(self, kind: str, key: str, **more: Any) -> Record:
        """Somebody there makes or edits a record."""
        with self.lock:
            known = self.records.setdefault(kind, {})
            known[key] = {**known.get(key, {"id": key, "status": "ACTIVE"}), **more, "updated": self._now()}
            return known[key]

    def of(self, kind: str) -> list[Record]:
        return list(self.records.get(kind, {}).values())

    def writes(self) -> list[Asked]:
        return [one for one in self.asked if one.method != "GET"]

    def bodies(self) -> list[Any]:
        return [json.loads(one.body) for one in self.writes()]

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    def answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        asked = asked_of(environ)
        status, headers, body = self._answered(asked)
        start(f"{status or 200} X", [("Content-Type", "application/json"), *headers.items()])
        if status == 0:
            return _dead()
        return [body]

    def _answered(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        _, kind, *key = asked.path.split("/")
        with self.lock:
            self.asked.append(asked)
            if asked.method == "GET":
                return self._read(kind, key[0] if key else "", asked)
            if self.statuses:
                status, headers = self.statuses.pop(0)
                return status, headers, json.dumps({"message": "not now"}).encode()
            once = asked.headers.get(ONCE.lower(), "")
            if once in self.replies:
                before, body = self.replies[once]
                if before != asked.body.decode():
                    return 422, {}, b'{"message": "another request had this key"}'
                return self._lost_or(200, body)
            status, body = self._write(kind, key[0] if key else "", asked)
            if once and status == 200:
                self.replies[once] = (asked.body.decode(), body)
        if self.after:
            self.after()
        return self._lost_or(status, body)

    def _lost_or(self, status: int, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.drop:
            self.drop -= 1
            return 0, {}, b""
        return status, {}, body

    def _read(self, kind: str, key: str, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if key:
            found = self.records.get(kind, {}).get(key)
            if found is None:
                return 404, {}, b'{"message": "no such thing"}'
            one = {"items": [found]} if kind == "contacts" else found
            return 200, {}, json.dumps(one).encode()
        listed = [one for one in self.of(kind) if not one.get("deleted")]
        if since := asked.headers.get("if-modified-since"):
            listed = [one for one in listed if one["updated"] >= since]
        if query := asked.query.get("q"):
            listed = [one for one in listed if query.lower() in json.dumps(one).lower()]
        size, page = int(asked.query.get("size", 10_000)), int(asked.query.get("page", 1))
        return 200, {}, json.dumps({"items": listed[(page - 1) * size : page * size]}).encode()

    def _write(self, kind: str, key: str, asked: Asked) -> tuple[int, bytes]:
        body = json.loads(asked.body)
        if kind == "contacts":
            taken = [self._taken(kind, one.get("id", ""), one, new=asked.method == "PUT") for one in body["items"]]
            return 200, json.dumps({"items": taken}).encode()
        taken = self._taken(kind, key, body, new=not key)
        return (400 if "errors" in taken else 200), json.dumps(taken).encode()

    def _taken(self, kind: str, key: str, sent: Record, *, new: bool) -> Record:
        if reason := self.refuse.get(sent.get("name", "")):
            return {**sent, "errors": [{"message": reason}]}
        if not new and key not in self.records.get(kind, {}):
            return {**sent, "errors": [{"message": "no such thing"}]}
        self.executed += 1
        if new:
            self.made += 1
            key = f"new{self.made}"
        given = {name: (None if value == "" else value) for name, value in sent.items() if name != "id"}
        return self.put(kind, key, **given)

    def _now(self) -> str:
        self.clock += 1
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock))


def asked_of(environ: dict[str, Any]) -> Asked:
    from urllib.parse import parse_qsl

    return Asked(
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"],
        dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)),
        {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")},
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)),
    )


def _dead() -> Any:
    raise ConnectionResetError(104, "no answer")
    yield b""


def serving(shop_of: Callable[[], Shop]) -> Server:
    server = Server(("127.0.0.1", 0), lambda environ, start: shop_of().answer(environ, start), numthreads=4)
    server.prepare()
    threading.Thread(target=server.serve, daemon=True).start()
    return server
