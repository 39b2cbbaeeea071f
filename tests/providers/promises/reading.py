"""Reading a vendor to the end, since last time, and in bad weather."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from typing import Any

from integrations.lab import faults
from integrations.provider import Provider, Resource, SinglePage, dig
from tests.providers.lab_client import LabClient
from tests.providers.plainly import canonical, read_json

from .records import UNREADABLE
from .signing_in import sentence
from .suite import Lab, place, promise, recorded, status


def expected(provider: Provider, resource: Resource, lab: Lab) -> int:
    here = len(recorded(provider, resource))
    return here * (1 if isinstance(resource.pages, SinglePage) else lab.scale)


@promise("paging")
def reading_ends_and_brings_every_record_once(provider: Provider, lab: Lab):
    client = LabClient(provider, lab.url).sign_in()
    for resource in provider.resources:
        found = Counter(place(resource, record) for record in client.read(resource))
        assert len(found) == expected(provider, resource, lab), resource.name
        assert set(found.values()) == {1}, f"{resource.name}: twice the same"


@promise("paging")
def reading_ends_at_every_edge_of_a_page(provider: Provider, lab: Lab):
    client = LabClient(provider, lab.url).sign_in()
    for resource in provider.resources:
        if isinstance(resource.pages, SinglePage) or not resource.pages.size_param:
            continue
        whole = expected(provider, resource, lab)
        for size in {whole, whole - 1, max(1, whole // 2)}:
            assert len(client.read(resource, size=size)) == whole, f"{resource.name} by {size}"


@promise("paging")
def what_is_read_becomes_valid_records(provider: Provider, lab: Lab):
    client = LabClient(provider, lab.url, "melbourne").sign_in()
    for resource in provider.resources:
        for record in client.read(resource):
            canonical(resource, record)


@promise("incremental")
def only_what_changed_since_is_read(provider: Provider, lab: Lab):
    client = LabClient(provider, lab.url).sign_in()
    for resource in (r for r in provider.resources if r.cursor):
        cursor = resource.cursor
        everything = client.read(resource)
        moments = sorted(filter(None, (cursor.moment(dig(r, cursor.field)) for r in everything)))
        middle = moments[len(moments) // 2].replace(microsecond=0)
        found = client.read(resource, since=cursor.spell(middle))
        wanted = {place(resource, r) for r in everything if cursor.moment(dig(r, cursor.field)) >= middle}
        assert {place(resource, record) for record in found} == wanted, resource.name
        assert client.read(resource, since=cursor.spell(moments[-1] + timedelta(seconds=2))) == [], resource.name


@promise("incremental")
def a_change_over_there_is_read_next_time(provider: Provider, lab: Lab):
    client = LabClient(provider, lab.url).sign_in()
    for resource in (r for r in provider.resources if r.cursor and not r.cursor.creation):
        before = time.time()
        client.read(resource)
        changed = lab.tell("change", provider=provider.slug, resource=resource.name, index=1, set={})["changed"]
        since = resource.cursor.spell(resource.cursor.moment(int(before)) - timedelta(seconds=1))
        found = {str(dig(record, resource.key)) for record in client.read(resource, since=since)}
        assert set(changed) & found, resource.name


@promise("refusals")
def throttling_faults_and_refusals_are_told_apart(provider: Provider, lab: Lab):
    client, resource = LabClient(provider, lab.url).sign_in(), provider.resources[0]
    for fault in ("401", "403", "404", "429", "500", "503"):
        lab.tell("faults", provider=provider.slug, resource=resource.name, fault=fault, retry_after=7)
        answer = client.ask("GET", resource.path)
        assert answer.status_code == int(fault)
        assert answer.headers.get("Retry-After") == ("7" if fault in ("429", "503") else None)
        assert sentence(provider, answer)
        assert client.ask("GET", resource.path).status_code == 200


@promise("refusals")
def a_bad_record_spoils_itself_only(provider: Provider, lab: Lab):
    """Whatever is wrong with one record of a page, the others stay good."""
    client, spoilt = LabClient(provider, lab.url).sign_in(), set()
    for resource in (r for r in provider.resources if not r.within):
        for fault in faults.BAD:
            lab.tell("faults", provider=provider.slug, resource=resource.name, fault=fault)
            answer = client.ask("GET", resource.path, params=resource.params)
            assert answer.status_code == 200
            records = dig(read_json(answer.content), resource.records)
            bad = [record for record in records if not is_good(resource, record)]
            assert len(bad) <= 1, f"{resource.name}: {fault} spoilt {len(bad)} records"
            spoilt |= {fault} if bad else set()
    assert set(faults.BAD) - spoilt <= ({"three_decimals"} if status(provider, "money") != "done" else set())


def is_good(resource: Resource, record: Any) -> bool:
    try:
        return bool(canonical(resource, record)) and dig(record, resource.key) is not None
    except UNREADABLE:
        return False


@promise("refusals")
def a_drifted_answer_is_noticed(provider: Provider, lab: Lab):
    """A renamed or retyped field of every record is an error somewhere, not a page of quietly emptied records."""
    client = LabClient(provider, lab.url).sign_in()
    noticed = []
    for resource in (r for r in provider.resources if not r.within):
        lab.tell("faults", provider=provider.slug, resource=resource.name, fault="drift")
        answer = client.ask("GET", resource.path, params=resource.params)
        noticed += [not is_good(resource, record) for record in dig(read_json(answer.content), resource.records)]
    assert any(noticed)
