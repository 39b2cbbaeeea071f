"""schemathesis over the API's description: whatever is sent, the answer is one the description promises, and never a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from integrations import hub, targets
from integrations.conflicts.models import Conflict
from integrations.connections.models import Connection
from integrations.inbound.models import InboundEvent
from integrations.mapping.services import save_field_rules
from integrations.matching import merging
from integrations.matching.models import MatchReview
from integrations.sync.models import QuarantinedRecord, QuarantineRetry, RecordLink, SyncRun
from members.models import Member
from tests.marketplace.staging import make_webhook

from .conftest import synced

pytestmark = [pytest.mark.django_db, pytest.mark.services]

load_all_checks()
CHECKED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
EXAMPLES = 8


@pytest.fixture(autouse=True)
def _sample_providers():
    """Here the installed ones."""


def described() -> Any:
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
    schema.app = WSGIHandler()
    return schema


def test_no_request_makes_the_api_fail_or_break_its_promises(sydney, stripe, settings):
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    caller = stripe(sydney)
    synced(caller, "customers")
    with hub.enter(sydney):
        save_field_rules(Connection.objects.get(), "customers", {"phone": {"source": "mobile"}})
        link, run = RecordLink.objects.first(), SyncRun.objects.order_by("pk").last()
        made = {"connection": run.connection, "resource": "customers"}
        now = timezone.now()
        told = InboundEvent.objects.create(
            connection=made["connection"], key="evt_1", received_at=now, next_try_at=now, payload="{}"
        )
        aside = QuarantinedRecord.objects.create(**made, external_id="cus_9", reasons=[{"message": "no"}], body="{}")
        retry = QuarantineRetry.objects.create(**made)
        conflict = Conflict.objects.create(
            connection=link.connection, resource=link.resource, link=link, target=link.target, record_id=link.record_id,
            field="phone", ours="1", theirs="2", created_at=link.first_seen, updated_at=link.first_seen,
        )  # fmt: skip
        members = [Member.objects.create(display_name=name, email="x@example.com") for name in ("Ada", "Bea")]
        review = MatchReview.objects.create(
            connection=link.connection, resource="customers", external_id="held", target="members.member",
            candidates=[{"id": str(members[0].pk), "score": 54, "reasons": []}], record={"display_name": "Ada"}, body="{}",
        )  # fmt: skip
        merge = merging.merge(targets.get("members.member"), members[0].pk, members[1].pk, {})
        endpoint = make_webhook(sydney)
        known = {
            "endpoint_id": str(endpoint.pk),
            "delivery_id": str(endpoint.deliveries.get().pk),
            "review_id": str(review.pk),
            "merge_id": str(merge.pk),
            "conflict_id": str(conflict.pk),
            "slug": "stripe",
            "connection_id": str(Connection.objects.get().pk),
            "resource": "customers",
            "record_id": str(link.record_id),
            "run_id": str(run.pk),
            "set_aside_id": str(aside.pk),
            "event_id": str(told.pk),
            "retry_id": str(retry.pk),
            "action": "create_payment_intent",
            "urn": "urn:canonical:party:1.0.0",
            "number": 1,
        }
    asked = 0
    for result in described().get_all_operations():
        operation = result.ok()
        with transaction.atomic(), one_transaction():
            asked += fuzz(operation, known, caller.token)
            transaction.set_rollback(True)  # each operation meets the same chapter
    assert asked > 40 * EXAMPLES


def fuzz(operation: Any, known: dict[str, str], token: str) -> int:
    """Ask one operation again and again; how often. With what it takes and with what it does not; three times in four its address
    is one that there is."""
    statuses: list[int] = []
    cases = operation.as_strategy()
    if operation.body or operation.query or operation.headers:
        cases = st.one_of(cases, operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))

    @bounded(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, real=st.sampled_from([True, True, True, False]))
    def ask(case: Any, real: bool) -> None:
        if real and case.path_parameters:
            case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        response = case.call(base_url="http://sydney.localhost", headers={"Authorization": f"Bearer {token}"})
        case.validate_response(response, checks=CHECKED)
        statuses.append(response.status_code)

    ask()
    assert set(statuses) - {404, 405}, f"{operation.label} never got past its address"
    return len(statuses)


@contextmanager
def one_transaction() -> Iterator[None]:
    """A server's requests would close the connection that holds the test's transaction, as Django's own test client knows."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)
