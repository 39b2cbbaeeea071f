"""People, connections and runs for the tests of the pages."""

from __future__ import annotations

import json
from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from finance.models import Party
from integrations import hub
from integrations.conflicts.models import Conflict
from integrations.connections.models import Connection, Credential
from integrations.hub.models import Chapter
from integrations.outbound import signing
from integrations.outbound.models import Attempt, Delivery, Endpoint, EndpointSecret, Event
from integrations.sync.models import QuarantinedRecord, RecordLink, ResourceState, SyncRun

CANARY = "canary-secret-7d1f0c"


def make_person(chapter: Chapter, role: str | None = None, *, username: str = "", **extra) -> User:
    """A user of the chapter with that role; every chapter has all roles."""
    with hub.enter(chapter):
        name = username or (role or "nobody").lower().replace(" ", "-")
        user = User.objects.create_user(name, password="correct horse battery", **extra)
        if role:
            user.groups.add(Group.objects.get(name=role))
        return user


def sign_in(chapter: Chapter, user: User | None = None) -> Client:
    """A browser without JavaScript at the chapter's address."""
    client = Client(headers={"host": f"{chapter.slug}.localhost"})
    if user:
        with hub.enter(chapter):
            client.force_login(user)
    return client


def make_connection(chapter: Chapter, provider: str = "tillstream", name: str = "Sydney till", **extra) -> Connection:
    """Connected, synced five minutes ago, with a credential whose secret is CANARY."""
    now = timezone.now()
    values = {
        "status": Connection.Status.CONNECTED,
        "auth_kind": "api_key",
        "account_id": "acct_1",
        "account_name": "Sydney Inc",
        "connected_at": now - timedelta(days=3),
        "last_sync_at": now - timedelta(minutes=5),
    } | extra
    since = values.pop("status_since", None)
    with hub.enter(chapter):
        connection = Connection.objects.create(provider=provider, name=name, **values)
        if since:  # set by the database's clock on insert
            Connection.objects.filter(pk=connection.pk).update(status_since=since)
        if values["status"] != Connection.Status.DISCONNECTED:
            Credential.objects.create(connection=connection, secret=json.dumps({"key": CANARY}))
        return connection


def make_run(chapter: Chapter, connection: Connection, resource: str = "customers", **extra) -> SyncRun:
    with hub.enter(chapter):
        return SyncRun.objects.create(connection=connection, resource=resource, **extra)


def make_history(chapter: Chapter, connection: Connection, runs: int = 3) -> SyncRun:
    """Finished runs of two resources, links, and one record set aside; answers the run that set it aside."""
    now = timezone.now()
    with hub.enter(chapter):
        made = [
            SyncRun.objects.create(
                connection=connection,
                resource=("customers", "payouts")[number % 2],
                state=SyncRun.State.PARTIAL if number == 0 else SyncRun.State.SUCCEEDED,
                fetched=120,
                created=100,
                updated=15,
                unchanged=4,
                quarantined=1 if number == 0 else 0,
                started_at=now - timedelta(minutes=6),
                finished_at=now - timedelta(minutes=5),
            )
            for number in range(runs)
        ]
        ResourceState.objects.create(
            connection=connection, resource="customers", last_complete_at=now - timedelta(minutes=5)
        )
        RecordLink.objects.bulk_create(
            RecordLink(
                connection=connection, resource="customers", external_id=f"cus_{n}", target="finance.party",
                record_id=connection.pk, content_hash="0" * 32, first_seen=now, last_changed=now,
            )
            for n in range(20)
        )  # fmt: skip
        QuarantinedRecord.objects.create(
            connection=connection, run=made[0], resource="customers", external_id="cus_bad",
            reasons=[{"field": "email", "message": "'not an address' is not an e-mail address"}], body="{}",
        )  # fmt: skip
        return made[0]


def make_conflict(chapter: Chapter, connection: Connection, **extra) -> Conflict:
    """An open one about the phone of a party that is here: ours is "ours", theirs "theirs", once "1" was agreed."""
    now = timezone.now()
    with hub.enter(chapter):
        party = Party.objects.create(name="Ada Lovelace", phone="ours")
        link = RecordLink.objects.create(
            connection=connection, resource="customers", external_id=f"cus_of_{party.pk}", target="finance.party",
            record_id=party.pk, content_hash="0" * 32, base={"name": "Ada Lovelace", "phone": "1"},
            first_seen=now, last_changed=now,
        )  # fmt: skip
        values = {
            "resource": "customers", "target": "finance.party", "record_id": party.pk, "field": "phone", "base": "1",
            "ours": "ours", "theirs": "theirs", "ours_at": now, "theirs_at": now, "created_at": now, "updated_at": now,
        }  # fmt: skip
        return Conflict.objects.create(connection=connection, link=link, **values | extra)


def make_webhook(chapter: Chapter, *, delivery_id: object = None, **extra) -> Endpoint:
    """With a delivery that failed once and arrived then, and a secret; `delivery_id` is the id it gets."""
    now = timezone.now()
    values = {
        "url": "https://hooks.example.org/chapterhouse", "description": "Newsletter", "events": ["member.*"], "version": 1,
        "last_success_at": now,
    }  # fmt: skip
    with hub.enter(chapter):
        endpoint = Endpoint.objects.create(**values | extra)
        EndpointSecret.objects.create(endpoint=endpoint, secret=signing.new_secret())
        body = json.dumps({"type": "member.updated", "timestamp": now.isoformat(), "data": {"record": {"name": "Ada"}}})
        event = Event.objects.create(type="member.updated", version=1, body=body)
        more = {"id": delivery_id} if delivery_id else {}
        delivery = Delivery.objects.create(
            endpoint=endpoint, event=event, state="delivered", tries=2, status=200, ended_at=now, **more
        )
        for minutes, ok in ((5, False), (0, True)):
            Attempt.objects.create(
                delivery=delivery, endpoint=endpoint, at=now - timedelta(minutes=minutes), ok=ok, milliseconds=41,
                status=200 if ok else 503, error="" if ok else "The endpoint answered 503.", answer="" if ok else "Busy",
            )  # fmt: skip
        return endpoint
