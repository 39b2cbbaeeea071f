"""The lab: a stand-in for every vendor, made of nothing but the providers' declarations and samples.

A vendor's `https://HOST/PATH` is served at `/HOST/PATH`. It is deterministic: the same credential opens the same account with
the same data, and a run after a restart finds what was written before (with a database file).
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from integrations import registry
from integrations.provider import ClientCredentials, Cursor, OAuth2, PageNumber, Provider, Resource, Tombstones
from integrations.provider.paths import plant

from . import callers, control, deletions, faults, forms, oauth, paging, routes, samples
from .desk import Desk
from .limits import Windows
from .samples import Samples
from .shelf import Records, Shelf, filled
from .store import Store
from .variation import Variation
from .wire import Answer, Refusal, Request, StartResponse, json_bytes, request_of

WSGI = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def make_lab(database: Path | None = None, scale: int = 1) -> WSGI:
    """The WSGI application. `database` keeps its state over restarts, else it is in memory; `scale` is how often every
    sample that comes in pages is repeated, with other ids and people."""
    lab = Lab(Store(database), scale)
    return lab.wsgi


class Lab:
    def __init__(self, store: Store, scale: int) -> None:
        self.store, self.scale = store, scale
        self.samples = {slug: samples.of(slug) for slug in registry.all_providers()}
        self.routes = routes.Routes(list(self.samples.values()))
        self.windows = Windows()
        self._shelf = lru_cache(maxsize=256)(self._new_shelf)

    def wsgi(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = request_of(environ)
        return self.answer(request).send(start_response)

    def answer(self, request: Request) -> Answer:
        if request.host == control.HOST:
            return control.answer(self, request)
        found = self.routes.find(request.method, request.host, request.path)
        if not isinstance(found, routes.Found):
            return self._unknown(request, found)
        provider = found.route.provider
        about = found.route.about
        name = about.name if isinstance(about, Resource) else found.route.kind
        self.store.count(provider.slug, name)
        fault = self.store.take_fault(provider.slug, name)
        try:
            return self._answer(request, found, fault["fault"] if fault else "", fault["retry_after"] if fault else 0)
        except Refusal as refusal:
            oauth_words = found.route.kind in routes.OPEN and not fault  # RFC 6749, 5.2: the same for every vendor
            body = json_bytes({"error": refusal.message}) if oauth_words else error_body(provider, refusal)
            return Answer(status=refusal.status, body=body, headers=refusal.headers)

    def records(self, provider: Provider, resource: Resource, caller: callers.Caller) -> Records:
        return Records(self._shelf(provider.slug, resource.name, caller.seed), self.store, caller.account)

    def _new_shelf(self, slug: str, resource: str, seed: str) -> Shelf:
        declared = registry.get(slug).resource(resource)
        known = self.samples[slug]
        return Shelf(known, declared, seed, self.scale if known.is_copied(declared) else 1)

    def _unknown(self, request: Request, methods: list[str] | None) -> Answer:
        provider = self.routes.provider_of(request.host)
        status = 405 if methods else 404
        message = f"{request.method} {request.path[:200]} is not declared."
        refusal = Refusal(status, message)
        body = error_body(provider, refusal) if provider else json_bytes({"error": {"message": message}})
        return Answer(status=status, body=body, headers={"Allow": ", ".join(methods)} if methods else {})

    def _answer(self, request: Request, found: routes.Found, fault: str, retry_after: float) -> Answer:
        if fault in faults.STATUSES:
            wait = {"Retry-After": f"{retry_after:g}"} if fault in ("429", "503") and retry_after else {}
            raise Refusal(int(fault), f"The lab was asked to answer {fault}.", wait)
        if fault == "html":
            return Answer(body=faults.HTML, content_type="text/html; charset=utf-8")
        if fault == "slow":
            time.sleep(min(retry_after or 2, 60))
        answer = self._serve(request, found, fault)
        if fault in ("half_body", "dropped"):
            return dataclasses.replace(answer, cut=fault == "half_body", dropped=fault == "dropped")
        return answer

    def _serve(self, request: Request, found: routes.Found, fault: str) -> Answer:
        route, provider, about = found.route, found.route.provider, found.route.about
        if isinstance(about, OAuth2) and route.kind in routes.OPEN:
            serve = {routes.AUTHORIZE: oauth.authorize, routes.TOKEN: oauth.token}.get(route.kind)
            return serve(provider, about, self.store, request) if serve else oauth.revoke(about, self.store, request)
        if isinstance(about, ClientCredentials):
            return oauth.client_token(provider, about, self.store, request)
        known = self.samples[provider.slug]
        if route.kind in (routes.ACCOUNTS, routes.LOOKUP):
            return self._about_login(known, route.kind, callers.signed_in(known, self.store, request))
        caller = callers.caller(known, self.store, request)
        if self.store.setting("enforce_limits"):
            self.windows.pass_or_refuse(provider, caller.account)
        if isinstance(about, Resource):
            return self._resource(request, found, about, caller, fault)
        if route.kind == routes.TEST:
            return Answer(body=json_bytes(callers.about(known, known.answer("_test") or {}, caller.login)))
        return self._written(request, provider, caller, lambda: self._act(request, found, caller))

    def _about_login(self, known: Samples, kind: str, login: str) -> Answer:
        if kind == routes.LOOKUP:
            return Answer(body=json_bytes(callers.about(known, known.answer("_lookup") or {}, login)))
        declared, made = known.provider.accounts, callers.accounts_of(known, login)
        assert declared is not None
        if declared.records is None:
            return Answer(body=json_bytes(made[0] if made else {}))
        if not declared.records:
            return Answer(body=json_bytes(made))
        plant(answer := dict(known.answer("_accounts")), declared.records, made)
        return Answer(body=json_bytes(answer))

    def _resource(
        self, request: Request, found: routes.Found, resource: Resource, caller: callers.Caller, fault: str
    ) -> Answer:
        provider, known = found.route.provider, self.samples[found.route.provider.slug]
        records, key, parent = (
            self.records(provider, resource, caller),
            found.values.get("key"),
            found.values.get("parent"),
        )
        if found.route.kind == routes.LIST:
            return self._list(request, found, resource, caller, fault)
        if found.route.kind == routes.DELETED and isinstance(resource.deletes, Tombstones):
            return deletions.answer(resource, records.deleted(_since(resource.deletes.cursor, request)), request)
        if found.route.kind == routes.ONE:
            record = records.get(key or "")
            if record is None:
                raise Refusal(404, f"There is no {resource.name} with the key '{(key or '')[:80]}'.")
            return Answer(body=json_bytes(paging.wrapped(resource, known.envelope(resource), record)))

        desk = Desk(self.store, resource, records, parent)

        def write() -> Answer:
            return desk.write(found.route.kind, key, forms.posted(resource, request, known))

        assert resource.write is not None
        return self._written(request, provider, caller, write, resource.write.idempotency)

    def _list(
        self, request: Request, found: routes.Found, resource: Resource, caller: callers.Caller, fault: str
    ) -> Answer:
        provider, known = found.route.provider, self.samples[found.route.provider.slug]
        records = self.records(provider, resource, caller)
        parent = None
        if resource.within:
            above = provider.resource(resource.within.resource)
            parent = (found.values["parent"], self._shelf(provider.slug, above.name, caller.seed))
            if self.records(provider, above, caller).get(parent[0]) is None:
                raise Refusal(404, f"There is no {above.name} with the key '{parent[0][:80]}'.")
        listed = records.listing(_since(resource.cursor, request), parent)
        if resource.write and resource.write.find:
            listed = records.found(listed, resource.write.find, request.query)
        address, keys = f"https://{request.host}{request.path}", [entry[0] for entry in listed]
        if fault == faults.ENDLESS:
            cut = paging.endless(resource.pages, paging.cut(resource.pages, keys, {}, address), address)
        else:
            cut = paging.cut(resource.pages, keys, request.query, address)
        page = [records.at(entry) for entry in listed[cut.start : cut.stop]]
        if fault == faults.ENDLESS and isinstance(resource.pages, PageNumber):
            page = list(islice(cycle(page), resource.pages.size))  # only a short page would end it
        if fault in (*faults.DRIFTS, faults.DOUBLED, *faults.BAD, "bad_records"):
            page = faults.spoiled(resource, fault, page)
        body = json_bytes(paging.enveloped(resource, known.envelope(resource), page, cut.planted))
        return Answer(body=faults.raw(body), headers=cut.headers)

    def _act(self, request: Request, found: routes.Found, caller: callers.Caller) -> Answer:
        """An action's sample answer, with what was posted laid over the fields it has."""
        known = self.samples[found.route.provider.slug]
        name = str(found.route.about)
        sample = known.answer("_actions")[name].get("answer")
        if sample is None:
            return Answer(status=204)
        fresh = Variation(known, f"{caller.seed}|{time.time_ns()}", 0).of(sample)
        answer = filled(fresh, {k: v for k, v in forms.body_of(request, sample).items() if k in sample})
        for resource in found.route.provider.resources:
            if f"{found.route.methods[0]} {resource.path}" == known.answer("_actions")[name]["request"]:
                answer = self.records(found.route.provider, resource, caller).create(answer)
        return Answer(body=json_bytes(answer))

    def _written(
        self, request: Request, provider: Provider, caller: callers.Caller, write: Callable[[], Answer],
        header: str | None = "Idempotency-Key",
    ) -> Answer:  # fmt: skip
        """One write per idempotency key: the same request gets the same answer again, another one is refused."""
        key = request.headers.get((header or "").lower(), "")
        if not key:
            return write()
        with self.store.one_at_a_time():
            return self._once(request, provider, caller, write, key)

    def _once(
        self, request: Request, provider: Provider, caller: callers.Caller, write: Callable[[], Answer], key: str
    ) -> Answer:
        asked = hashlib.sha256(f"{request.method} {request.path}\n".encode() + request.body).hexdigest()
        known = self.store.row("SELECT * FROM replies WHERE provider = ? AND account = ? AND key = ?",
                               provider.slug, caller.account, key)  # fmt: skip
        if known and known["request"] != asked:
            raise Refusal(409, "The idempotency key was used before, with another request.")
        if known:
            return Answer(status=known["status"], body=known["body"], headers={"Idempotent-Replayed": "true"})
        answer = write()
        self.store.do("INSERT INTO replies VALUES (?, ?, ?, ?, ?, ?)", provider.slug, caller.account, key, asked,
                      answer.status, answer.body)  # fmt: skip
        return answer


def error_body(provider: Provider, refusal: Refusal) -> bytes:
    """An error where the vendor's own sentence would stand."""
    body: dict[str, Any] = {"status": refusal.status}
    path = next((p for p in provider.error if not any(step.isdigit() for step in p.split("."))), "error")
    plant(body, path, refusal.message)
    return json_bytes(body)


def _since(cursor: Cursor | None, request: Request) -> datetime | None:
    if cursor is None:
        return None
    given: Mapping[str, str] = request.headers if cursor.header else request.query
    text = given.get(cursor.header.lower() if cursor.header else cursor.param or "", "")
    if not text:
        return None
    try:
        return cursor.asked(text)
    except ValueError:
        raise Refusal(400, f"'{text[:60]}' is not a moment.") from None
