"""Writing, acting, and doing neither twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import requests

from integrations.lab import samples
from integrations.provider import (
    AuthExpired,
    Field,
    Permanent,
    Provider,
    RateLimited,
    Resource,
    Temporary,
    dig,
)
from tests.providers.lab_client import LabClient
from tests.providers.plainly import canonical, inward, outward, read_json

from .suite import Lab, promise, recorded

REFUSALS = (("401", AuthExpired), ("429", RateLimited), ("500", Temporary), ("400", Permanent))


def writable(provider: Provider, lab: Lab) -> Iterator[tuple[LabClient, Resource, dict[str, Any]]]:
    """Each resource that is written, with a record of ours that refers to what is really there."""
    client = LabClient(provider, lab.url).sign_in()
    for resource in (r for r in provider.resources if r.write):
        ours = inward(resource, recorded(provider, resource)[-1])
        for field in resource.mapping.fields:
            if isinstance(field, Field) and field.ref and field.to in ours:
                there = provider.resource(field.ref)
                ours[field.to] = dig(client.read(there)[0], there.key)
        yield client, resource, ours


def write(client: LabClient, resource: Resource, body: dict[str, Any], **more: str) -> requests.Response:
    """Create, or with `key` change; `once` is the idempotency key."""
    declared, key = resource.write, more.get("key", "")
    method, path = ((declared.update if key else declared.create) or "").replace("{key}", key).split(" ")
    wrapped: Any = {declared.wrap: [body] if declared.list_wrap else body} if declared.wrap else body
    sent = {"data": bracketed(wrapped)} if declared.body == "form" else {"json": wrapped}
    headers = {declared.idempotency or "": more["once"]} if "once" in more else {}
    return client.ask(method, path, headers=headers, **sent)


def written(resource: Resource, answer: requests.Response) -> Any:
    """The record in the answer, wrapped as the request was."""
    assert answer.status_code == 200, answer.text
    declared = resource.write
    return dig(
        read_json(answer.content), (declared.wrap + (".0" if declared.list_wrap else "")) if declared.wrap else ""
    )


def bracketed(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in bracketed(inner, f"{name}[{key}]" if name else key)]
    return [] if value is None else [(name, str(value))]


@promise("writes")
def what_is_written_is_read_back_and_is_valid_here(provider: Provider, lab: Lab):
    for client, resource, ours in writable(provider, lab):
        body = outward(resource, ours)
        made = written(resource, write(client, resource, body))
        canonical(resource, made)
        key = str(dig(made, resource.key))
        listed = [record for record in client.read(resource) if str(dig(record, resource.key)) == key]
        assert len(listed) == 1
        assert outward(resource, inward(resource, listed[0])) == {**outward(resource, inward(resource, made)), **body}
        if resource.one is not None:
            assert client.ask("GET", f"{resource.path}/{key}").status_code == 200
        if resource.write.update:
            changed = written(resource, write(client, resource, body, key=key))
            assert str(dig(changed, resource.key)) == key


@promise("writes")
def the_same_write_twice_is_one_write(provider: Provider, lab: Lab):
    for client, resource, ours in writable(provider, lab):
        assert resource.write.idempotency, f"{resource.name}: an unknown outcome could not be repeated"
        body = outward(resource, ours)
        before = len(client.read(resource))
        first, second = (
            written(resource, write(client, resource, body, once=f"once-{resource.name}")) for _ in range(2)
        )
        assert first == second
        assert len(client.read(resource)) == before + 1
        assert write(client, resource, {**body, "another": "x"}, once=f"once-{resource.name}").status_code in (400, 409)


def examples(provider: Provider) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each action with its request and input, as the samples have them."""
    known = samples.of(provider.slug).answer("_actions") or {}
    for action in provider.actions:
        assert action.name in known, f"no example of {action.name}"
        yield action, known[action.name]


@promise("actions")
def every_action_runs_over_our_own_transport(provider: Provider, lab: Lab):
    for auth in provider.auths:
        for action, example in examples(provider):
            client = LabClient(provider, lab.url, kind=auth.kind).sign_in()
            jsonschema.validate(example["input"], json.loads(json.dumps(action.input)))
            client.to_lab.sent.clear()
            assert isinstance(action.run(client, example["input"]), dict)
            method, _, path = example["request"].partition(" ")
            (sent,) = client.to_lab.sent
            assert sent.method == method
            assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", client.base_url + path), sent.url)


@promise("actions")
def a_refused_action_says_so(provider: Provider, lab: Lab):
    for action, example in examples(provider):
        client = LabClient(provider, lab.url).sign_in()
        for fault, error in REFUSALS:
            lab.tell("faults", provider=provider.slug, resource="action", fault=fault, retry_after=1)
            with pytest.raises(error) as refused:
                action.run(client, example["input"])
            assert client.secret() not in str(refused.value)


@promise("actions")
def what_cannot_be_undone_asks_first(provider: Provider, lab: Lab):
    for action in provider.actions:
        dangerous = re.search(r"refund|void|delete|unsubscribe|cancel|send", action.name)
        assert action.irreversible or not dangerous, action.name
