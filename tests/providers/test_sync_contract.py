"""Every provider, read by the engine itself: connected through the real doors, over real HTTP, into a real chapter."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from integrations import hub, registry, targets
from integrations.canonical import Money
from integrations.connections import services
from integrations.connections.models import Connection
from integrations.connections.settings import save_settings
from integrations.http import open_door
from integrations.hub.models import (
    Breaker,
    Chapter,
    RateBucket,
)
from integrations.lab import faults, samples
from integrations.lab.faults import FREE_TEXT
from integrations.provider import AuthExpired, Field, Flag, FullComparison, OAuth2, Provider, Resource, SinglePage, dig
from integrations.sync import undo
from integrations.sync.engine import run_sync
from integrations.sync.models import QuarantinedRecord, RecordLink, SyncRun
from integrations.sync.records import create_record
from integrations.sync.services import approve, in_order
from tests.providers.lab_client import LabClient, key_like
from tests.providers.plainly import canonical
from tests.providers.promises import Lab
from tests.providers.promises.suite import status

pytestmark = pytest.mark.services
PROVIDERS = list(registry.all_providers())
SIGN_INS = [(slug, auth.kind) for slug in PROVIDERS for auth in registry.get(slug).auths]
State = SyncRun.State
# What may stand only once: two records made from one sample differ in it.
UNIQUE = {"number", "email"}


@pytest.fixture(autouse=True)
def _the_lab_stands_in(lab: Lab, settings) -> None:
    settings.LAB_URL = lab.url


@pytest.fixture
def hasty(monkeypatch) -> None:
    """Nobody waits between two attempts."""
    monkeypatch.setattr("integrations.http.retry.Patience.sleep", lambda self, seconds: seconds <= self.waiting)


@pytest.fixture
def here(committed: dict[str, Chapter]) -> Iterator[Chapter]:
    """Sydney, which the test is inside; Melbourne has none of it afterwards."""
    with hub.enter(committed["sydney"]):
        yield committed["sydney"]
    with hub.enter(committed["melbourne"]):
        assert not RecordLink.objects.exists()
        assert not Connection.objects.exists()


def connect(slug: str, kind: str | None = None, who: str = "sydney", *, plan_first: bool = False) -> Connection:
    """What reading does is looked at here: nobody is asked first, unless the test is about that."""
    provider = registry.get(slug)
    auth = provider.auth_of(kind) if kind else provider.auths[0]
    if isinstance(auth, OAuth2):
        return sign_in(provider, who, plan_first=plan_first)
    fields = {"key": key_like(auth.pattern, who)}
    return services.connect_with_secret(
        provider=slug, name=f"{who} {slug}", auth_kind=auth.kind, fields=fields, environment="lab",
        plan_first=plan_first,
    )  # fmt: skip


def sign_in(provider: Provider, who: str, *, plan_first: bool = False) -> Connection:
    browser = secrets.token_urlsafe(32)
    address = services.begin_oauth(
        provider=provider.slug, name=f"{who} {provider.slug}", environment="lab", user=None, browser=browser,
        return_to="/marketplace/", write=True, plan_first=plan_first,
    )  # fmt: skip
    brought = requests.get(f"{address}&auto=1&login={who}", allow_redirects=False, timeout=10).headers["Location"]
    connection = services.finish_oauth(params=dict(parse_qsl(urlsplit(brought).query)), browser=browser)
    if connection.status != Connection.Status.CONNECTED:
        services.choose_account(connection, services.accounts(connection)[0]["id"])
    connection.refresh_from_db()
    return connection


def synced(connection: Connection, **how: Any) -> dict[str, SyncRun]:
    return {r.name: run_sync(connection, r.name, **how) for r in in_order(registry.get(connection.provider))}


def expected(slug: str, resource: Resource, lab: Lab) -> int:
    """How many become ours: what was gone before we ever saw it does not."""
    copies = 1 if isinstance(resource.pages, SinglePage) else lab.scale
    return copies * sum(not is_flagged(resource, record) for record in samples.of(slug).records(resource))


def is_flagged(resource: Resource, record: Any) -> bool:
    return isinstance(resource.deletes, Flag) and dig(record, resource.deletes.field) == resource.deletes.value


def matched(links: Any) -> int:
    return links.filter(match=RecordLink.Match.NATURAL_KEY).count()


def counts(runs: dict[str, SyncRun], *names: str) -> dict[str, tuple[int, ...]]:
    return {resource: tuple(getattr(run, name) for name in names) for resource, run in runs.items()}


# --- reading ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slug", "kind"), SIGN_INS)
def test_everything_arrives_once_and_a_second_run_changes_nothing(slug: str, kind: str, here: Chapter, lab: Lab):
    connection, provider = connect(slug, kind), registry.get(slug)
    runs = synced(connection)
    assert {name: run.state for name, run in runs.items()} == dict.fromkeys(runs, State.SUCCEEDED), counts(
        runs, "message"
    )
    for resource in provider.resources:
        run, links = runs[resource.name], RecordLink.objects.filter(connection=connection, resource=resource.name)
        assert run.created + matched(links) == links.count() == expected(slug, resource, lab), resource.name
        assert run.quarantined == 0
        apart = links.values("record_id").distinct().count()
        # One person in two audiences is one member; otherwise no two records of theirs are one of ours.
        assert apart == links.count() or resource.within, (
            f"{resource.name}: {links.count() - apart} were taken for another"
        )
    assert not RecordLink.objects.filter(connection=connection, refs__isnull=False).exists(), "references are open"
    again = synced(connection)
    assert set(counts(again, "created", "updated", "quarantined", "deleted").values()) == {(0, 0, 0, 0)}
    whole = synced(connection, full=True)
    assert all(
        run.unchanged == run.fetched >= expected(slug, provider.resource(name), lab) for name, run in whole.items()
    )


@pytest.mark.parametrize("slug", PROVIDERS)
def test_the_plan_of_a_first_sync_counts_what_it_then_brings_and_an_undo_takes_all_of_it_back(
    slug: str, here: Chapter, lab: Lab
):
    connection = connect(slug, plan_first=True)
    plans = synced(connection)
    assert {run.state for run in plans.values()} == {State.PLANNED}
    assert not RecordLink.objects.exists()
    for run in plans.values():
        approve(run)
    runs = synced(connection)
    for name, run in runs.items():
        assert run.state == State.SUCCEEDED
        counted = plans[name].plan["counts"]
        # Two of their records that are one of ours are found to be only when the first of them is here.
        assert (counted["created"] + counted["updated"] + counted["unchanged"], counted["quarantined"]) == (
            run.created + run.updated + run.unchanged, run.quarantined,
        ), name  # fmt: skip
    for run in reversed(runs.values()):
        if not undo.refusal(run):
            assert undo.carry_out(undo.begin(run)).state == State.SUCCEEDED, run.resource
    for model in {targets.get(resource.target).model for resource in registry.get(slug).resources}:
        assert not model.objects.exists(), model


@pytest.mark.parametrize("slug", PROVIDERS)
def test_every_amount_here_is_the_amount_there(slug: str, here: Chapter, lab: Lab):
    connection, provider = connect(slug), registry.get(slug)
    synced(connection)
    plain = LabClient(provider, lab.url, "sydney").sign_in()
    for resource in provider.resources:
        there: Counter[tuple[str, str]] = Counter()
        for record in (record for record in plain.read(resource) if not is_flagged(resource, record)):
            for name, value in canonical(resource, record):
                if isinstance(value, Money):
                    there[name, value.currency] += value.minor
        rows = targets.get(resource.target).model.objects.filter(
            pk__in=RecordLink.objects.filter(connection=connection, resource=resource.name).values("record_id")
        )
        here_: Counter[tuple[str, str]] = Counter()
        for row in rows:
            for name in {name for name, _ in there}:
                here_[name, row.currency] += getattr(row, f"{name}_minor")
        assert +here_ == +there, resource.name


@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_change_over_there_is_one_update_here(slug: str, here: Chapter, lab: Lab):
    connection, provider = connect(slug), registry.get(slug)
    synced(connection)
    for resource in provider.resources:
        field = next(
            (
                f
                for f in resource.mapping.fields
                if isinstance(f, Field) and f.to in FREE_TEXT and "." not in f.sources[0]
            ),
            None,
        )
        if field is None or (resource.cursor is None and resource.within):
            continue
        said = {field.sources[0]: "Changed over there"}
        changed = lab.tell("change", provider=slug, resource=resource.name, index=1, set=said)["changed"]
        run = run_sync(connection, resource.name)
        assert (run.state, run.created, run.updated, run.quarantined) == (State.SUCCEEDED, 0, len(changed), 0), (
            resource.name
        )


@pytest.mark.parametrize("slug", PROVIDERS)
def test_what_is_gone_there_is_marked_here_and_kept(slug: str, here: Chapter, lab: Lab):
    connection, provider = connect(slug), registry.get(slug)
    synced(connection)
    for resource in provider.resources:
        gone = RecordLink.objects.filter(
            connection=connection, resource=resource.name, state=RecordLink.State.REMOTE_DELETED
        )
        if isinstance(resource.deletes, Flag):
            said = {resource.deletes.field: resource.deletes.value}
            index = next(i for i, r in enumerate(samples.of(slug).records(resource)) if not is_flagged(resource, r))
            lab.tell("change", provider=slug, resource=resource.name, index=index, set=said)
            run = run_sync(connection, resource.name)
            assert (run.state, run.deleted, gone.count()) == (State.SUCCEEDED, 1, 1), f"{resource.name}: {run.message}"
        elif isinstance(resource.deletes, FullComparison) and expected(slug, resource, lab) > 30:
            lab.tell("delete", provider=slug, resource=resource.name, index=2)
            run = run_sync(connection, resource.name, full=True)
            assert (run.state, run.deleted, gone.count()) == (State.SUCCEEDED, 1, 1), run.message
        for link in gone:
            assert targets.get(resource.target).model.objects.filter(pk=link.record_id).exists(), (
                "what is gone there stays here"
            )


# --- bad weather --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_vendor_in_trouble_fails_the_run_and_takes_nothing_away(slug: str, here: Chapter, lab: Lab, hasty: None):
    connection, resource = connect(slug), registry.get(slug).resources[0]
    run_sync(connection, resource.name)
    links = RecordLink.objects.filter(connection=connection, state=RecordLink.State.ACTIVE)
    before = links.count()
    assert before
    for fault in ("403", "429", "500", "half_body", "html"):
        lab.tell("faults", provider=slug, resource=resource.name, fault=fault, times=50, retry_after=1)
        run = run_sync(connection, resource.name, full=True)
        assert (run.state, run.deleted, links.count()) == (State.FAILED, 0, before), fault
        assert here.name in run.message
        assert connection.name in run.message
        lab.tell("reset_faults")
        Breaker.objects.all().delete()
        RateBucket.objects.all().delete()
    assert run_sync(connection, resource.name, full=True).state == State.SUCCEEDED


@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_refused_credential_asks_for_a_new_one(slug: str, here: Chapter, lab: Lab, hasty: None):
    connection, resource = connect(slug), registry.get(slug).resources[0]
    lab.tell("revoke", provider=slug)
    lab.tell("faults", provider=slug, resource=resource.name, fault="401", times=50)
    run = run_sync(connection, resource.name)
    connection.refresh_from_db()
    assert (run.state, connection.status) == (State.FAILED, Connection.Status.EXPIRED)
    assert "econnect" in run.message
    assert connection.name in run.message


@pytest.mark.parametrize("slug", PROVIDERS)
def test_bad_records_are_set_aside_with_reasons_and_taken_up_again(slug: str, here: Chapter, lab: Lab):
    connection, provider = connect(slug), registry.get(slug)
    for resource in in_order(provider):
        lab.tell("faults", provider=slug, resource=resource.name, fault="bad_records")
        run = run_sync(connection, resource.name)
        assert run.state == State.PARTIAL, resource.name
        assert 3 <= run.quarantined <= len(faults.BAD), resource.name
        aside = QuarantinedRecord.objects.filter(connection=connection, resource=resource.name, resolved_at=None)
        assert aside.count() == run.quarantined
        assert all(reason["message"] for record in aside for reason in record.reasons)
        assert run_sync(connection, resource.name, full=True).state == State.SUCCEEDED
        assert set(aside.values_list("external_id", flat=True)) <= {""}, "what could be read later is set aside no more"
        links = RecordLink.objects.filter(connection=connection, resource=resource.name)
        assert links.count() == expected(slug, resource, lab)


@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_drifted_answer_is_noticed(slug: str, here: Chapter, lab: Lab):
    connection, provider = connect(slug), registry.get(slug)
    aside = 0
    for resource in in_order(provider):
        if not resource.within:
            lab.tell("faults", provider=slug, resource=resource.name, fault="drift")
            aside += run_sync(connection, resource.name).quarantined
    assert aside > 0


# --- signing in, writing, acting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "slug", [s for s in PROVIDERS if any(isinstance(a, OAuth2) and a.refresh for a in registry.get(s).auths)]
)
def test_an_expired_token_is_renewed_once_and_nobody_notices(slug: str, here: Chapter, lab: Lab):
    connection = connect(slug, OAuth2.kind)
    lab.tell("expire", provider=slug)
    lab.tell("settings", honour_grace=False)
    assert {run.state for run in synced(connection).values()} == {State.SUCCEEDED}
    state = requests.get(f"{lab.url}/_lab/state", timeout=10).json()
    assert state["counts"][slug]["refreshes"] == 1
    assert services.test(connection).ok


@pytest.mark.parametrize("slug", [s for s in PROVIDERS if status(registry.get(s), "writes") == "done"])
def test_a_record_made_from_here_is_there_and_comes_back_as_the_same(slug: str, here: Chapter, lab: Lab):
    connection, provider = connect(slug), registry.get(slug)
    synced(connection)
    for resource in (r for r in provider.resources if r.write):
        ours = canonical(resource, samples.of(slug).records(resource)[-1]).model_dump(mode="json", exclude_none=True)
        for field in resource.mapping.fields:
            if isinstance(field, Field) and field.ref and field.to in ours:
                link = RecordLink.objects.filter(connection=connection, resource=field.ref).latest("pk")
                ours[field.to] = str(link.record_id)
        for name in UNIQUE & set(ours):
            ours[name] = f"made-here.{ours[name]}"
        made = create_record(connection, resource.name, ours, idempotency_key=f"once-{resource.name}")
        again = create_record(connection, resource.name, ours, idempotency_key=f"once-{resource.name}")
        assert (made["id"], made["external_id"]) == (again["id"], again["external_id"])
        run = run_sync(connection, resource.name, full=True)
        assert (run.state, run.created) == (State.SUCCEEDED, 0), f"{resource.name}: made twice"
        assert RecordLink.objects.filter(connection=connection, external_id=made["external_id"]).count() == 1


@pytest.mark.parametrize(("slug", "kind"), [(s, k) for s, k in SIGN_INS if registry.get(s).actions])
def test_an_action_goes_through_the_connections_own_door(slug: str, kind: str, here: Chapter, lab: Lab):
    connection = connect(slug, kind)
    examples = samples.of(slug).answer("_actions")
    for action in registry.get(slug).actions:
        with open_door(connection) as door:
            assert action.run(door, examples[action.name]["input"])
        lab.tell("faults", provider=slug, resource="action", fault="401", times=50)
        with pytest.raises(AuthExpired), open_door(connection) as door:
            action.run(door, examples[action.name]["input"])
        lab.tell("reset_faults")


def test_two_chapters_hold_different_people(committed: dict[str, Chapter], lab: Lab):
    found = {}
    for slug, chapter in committed.items():
        with hub.enter(chapter):
            synced(connect("mailchimp", who=slug))
            members = targets.get("members.member").model.objects
            found[slug] = set(
                members.exclude(email="").exclude(email__startswith="info").values_list("email", flat=True)
            )
    assert len(found["sydney"]) > 20
    assert not found["sydney"] & found["melbourne"]


def test_a_chapter_that_lets_us_write_to_xero_is_asked_for_the_rights_at_the_next_sign_in(here: Chapter, lab: Lab):
    connection, provider = connect("xero"), registry.get("xero")
    how = {"provider": "xero", "name": connection.name, "environment": "lab", "user": None, "return_to": "/"}
    for allowed in (False, True):
        save_settings(connection, provider, {"write": allowed})
        address = services.begin_oauth(**how, browser=secrets.token_urlsafe(32), connection=connection)
        asked = dict(parse_qsl(urlsplit(address).query))["scope"].split()
        assert {scope.name for scope in provider.auths[0].scopes if scope.write} <= set(asked) or not allowed
        assert allowed or not any(scope.write and scope.name in asked for scope in provider.auths[0].scopes)
