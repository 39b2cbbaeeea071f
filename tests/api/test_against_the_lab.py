"""The API with the real providers, services and doors behind it, and the lab for a vendor, over HTTP."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from integrations import hub
from integrations.connections.models import Connection, Credential
from integrations.hub.models import Job

from .conftest import STRIPE_KEY as KEY
from .conftest import problem, synced

pytestmark = [pytest.mark.django_db, pytest.mark.services]

ALL = tuple(f"integrations.{act}_connection" for act in ("view", "connect", "sync"))


@pytest.fixture(autouse=True)
def _sample_providers():
    """Here the installed ones."""


@pytest.fixture(autouse=True)
def _lab(lab):
    """Every test here has the lab for a vendor."""


def fault(lab: str, **asked: object) -> None:
    assert requests.post(f"{lab}/_lab/faults", json=asked, timeout=5).status_code == 200


# --- connecting -------------------------------------------------------------------------------------------------------


def test_a_key_connects_and_is_never_shown(sydney, melbourne, with_key):
    key = KEY.format("sydney")
    answer = with_key(sydney).post(
        "integrations/stripe/connect", {"name": "Cards", "fields": {"key": key}, "environment": "lab"}
    )
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["status"], made["auth_kind"]) == ("Cards", "connected", "api_key")
    for path in (f"connections/{made['id']}", "integrations/stripe", "connections", "integrations"):
        assert key not in with_key(sydney).get(path).content.decode()
    with hub.enter(sydney):
        assert key in Credential.objects.get().secret.reveal()
    with hub.enter(melbourne):
        assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("sent", "status", "pointer"),
    [
        ({"fields": {"key": "rk_test_wrongwrongwrong00"}}, 422, None),
        ({"fields": {"key": "hunter2"}}, 422, "/fields/key"),
        ({"fields": {}}, 422, "/fields/key"),
        ({"fields": {"key": KEY, "colour": "red"}}, 422, "/fields/colour"),
        ({"auth_kind": "oauth2"}, 400, "/auth_kind"),
        ({"name": "x" * 101}, 400, "/name"),
        ({"fields": {"key": 7.5}, "environment": "moon"}, 400, "/environment"),
        ({"fields": ["key"]}, 400, "/fields"),
    ],
)
def test_what_cannot_be_connected_is_said_beside_its_field(sydney, with_key, sent, status, pointer):
    answer = with_key(sydney).post("integrations/stripe/connect", {"environment": "lab", **sent})
    found = problem(answer, status, "invalid" if status == 400 else "not-connected")
    assert "hunter2" not in answer.content.decode()
    assert "wrongwrong" not in answer.content.decode()
    if pointer:
        assert pointer in {error["pointer"] for error in found["errors"]}
    with hub.enter(sydney):
        assert not Connection.objects.filter(status="connected").exists()


def test_a_name_is_given_once(sydney, stripe):
    caller = stripe(sydney)
    sent = {"fields": {"key": KEY.format("other")}, "environment": "lab"}
    found = problem(caller.post("integrations/stripe/connect", sent), 422, "not-connected")
    assert [error["pointer"] for error in found["errors"]] == ["/name"]
    assert caller.post("integrations/stripe/connect", sent | {"name": "Second"}).status_code == 201
    problem(caller.get("integrations/stripe/status"), 409, "several-connections")


def test_a_connection_is_tested_disconnected_and_connected_again(sydney, stripe):
    caller = stripe(sydney)
    assert caller.post("integrations/stripe/test").json()["ok"] is True
    before = caller.get("integrations/stripe/status").json()["connection"]
    assert caller.delete("integrations/stripe/disconnect").json()["status"] == "disconnected"
    with hub.enter(sydney):
        assert not Credential.objects.filter(secret__isnull=False).exists()
    problem(caller.post("integrations/stripe/sync"), 409, "not-connected")
    assert caller.get("integrations/stripe/sync/logs").status_code == 200
    again = caller.post(f"connections/{before}/connect", {"fields": {"key": KEY.format("sydney")}})
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (201, before, "connected")


def test_a_person_signs_in_at_the_vendor(sydney, melbourne, signed_in):
    person = signed_in(sydney, *ALL, "integrations.use_accounting")
    asked = urlencode({"name": "Ledger", "environment": "lab", "return_to": "/marketplace/"})
    address = person.get(f"integrations/xero/oauth/url?{asked}").json()["authorize_url"]
    back = requests.get(address + "&auto=1", allow_redirects=False, timeout=10).headers["Location"]
    assert urlsplit(back).path == "/oauth/callback"
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    stranger = signed_in(sydney, *ALL, "integrations.use_accounting")
    problem(stranger.get(f"integrations/xero/oauth/callback?{urlencode(parameters)}"), 422, "not-connected")
    address = person.get(f"integrations/xero/oauth/url?{asked}").json()["authorize_url"]
    back = requests.get(address + "&auto=1", allow_redirects=False, timeout=10).headers["Location"]
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    made = person.get(f"integrations/xero/oauth/callback?{urlencode(parameters)}")
    assert made.status_code == 200, made.content
    problem(person.get(f"integrations/xero/oauth/callback?{urlencode(parameters)}"), 422, "not-connected")
    accounts = person.get("integrations/xero/account").json()
    chosen = person.put("integrations/xero/account", {"id": accounts["results"][0]["id"]})
    assert chosen.json()["status"] == "connected"
    assert chosen.json()["account_id"] == accounts["results"][0]["id"]
    problem(person.put("integrations/xero/account", {"id": "elsewhere"}), 422, "not-connected")
    with hub.enter(melbourne):
        assert not Connection.objects.exists()


def test_a_key_cannot_sign_in_for_somebody(sydney, with_key):
    caller = with_key(sydney)
    for answer in (
        caller.get("integrations/xero/oauth/url?environment=lab"),
        caller.post("integrations/xero/connect", {"environment": "lab"}),
        caller.get("integrations/xero/oauth/callback?state=x&code=y"),
    ):
        problem(answer, 403, "person-needed")
    problem(caller.get("integrations/xero/oauth/url?return_to=//evil.example"), 400, "invalid")


# --- syncing ----------------------------------------------------------------------------------------------------------


def test_a_sync_is_queued_for_every_resource_and_followed(sydney, melbourne, stripe):
    caller, other = stripe(sydney), stripe(melbourne)
    answer = caller.post("integrations/stripe/sync", {"full": True})
    assert answer.status_code == 202
    runs = answer.json()["runs"]
    assert runs[0]["resource"] == "customers"
    assert all((run["state"], run["trigger"], run["full"]) == ("queued", "api", True) for run in runs)
    assert Job.objects.filter(kind="sync.run", chapter_id=sydney.pk).count() == len(runs)
    again = caller.post("integrations/stripe/sync").json()["runs"]
    assert {run["id"] for run in again} == {run["id"] for run in runs}, "what is queued is not queued twice"
    status = caller.get("integrations/stripe/sync/status").json()
    assert status["running"] is True
    assert {one["resource"]: one["run"]["state"] for one in status["resources"]}["charges"] == "queued"
    one = caller.get(f"integrations/stripe/sync/runs/{runs[0]['id']}")
    assert one.json()["id"] == runs[0]["id"]
    problem(other.get(f"integrations/stripe/sync/runs/{runs[0]['id']}"), 404)
    theirs = {run["id"] for run in other.get("integrations/stripe/sync/logs").json()["results"]}
    assert theirs.isdisjoint(run["id"] for run in runs)


def test_runs_are_listed_newest_first_page_by_page(sydney, stripe):
    caller = stripe(sydney)
    queued = [run["id"] for run in caller.post("integrations/stripe/sync").json()["runs"]]
    seen, path = [], "integrations/stripe/sync/logs?limit=4&state=queued"
    while path:
        answer = caller.get(path).json()
        seen += [run["id"] for run in answer["results"]]
        path = answer["next"] and answer["next"].partition("/api/v1/")[2]
    assert seen == sorted(queued, reverse=True)
    only = caller.get("integrations/stripe/sync/logs?resource=charges&state=queued").json()["results"]
    assert [run["resource"] for run in only] == ["charges"]
    problem(caller.get("integrations/stripe/sync/logs?state=dancing"), 400, "invalid")


def test_a_resource_there_is_not_is_named(sydney, stripe):
    caller = stripe(sydney)
    found = problem(caller.post("integrations/stripe/sync/planets"), 404)
    assert "customers" in found["detail"]
    problem(caller.get("integrations/stripe/planets"), 404)
    problem(caller.post("integrations/stripe/actions/planets", {"input": {}}), 404)


# --- records ----------------------------------------------------------------------------------------------------------


def test_synced_records_are_read_in_canonical_form(sydney, melbourne, stripe):
    caller, other = stripe(sydney), stripe(melbourne)
    synced(caller, "customers")
    seen, path = [], "integrations/stripe/customers?limit=5"
    while path:
        answer = caller.get(path).json()
        seen += answer["results"]
        path = answer["next"] and answer["next"].partition("/api/v1/")[2]
    assert len(seen) == len({one["id"] for one in seen}) > 5
    one = seen[0]
    assert (one["resource"], one["schema"]) == ("customers", "urn:canonical:party:1.0.0")
    assert one["external_id"].startswith("cus_")
    assert one["data"]["name"]
    assert [link["external_id"] for link in one["links"]] == [one["external_id"]]
    assert caller.get(f"integrations/stripe/customers/{one['id']}").json() == one
    problem(other.get(f"integrations/stripe/customers/{one['id']}"), 404)
    problem(caller.get(f"integrations/stripe/charges/{one['id']}"), 404)
    assert other.get("integrations/stripe/customers").json()["results"] == []


def test_a_record_is_created_at_the_vendor_once_per_idempotency_key(sydney, melbourne, stripe):
    caller, other = stripe(sydney), stripe(melbourne)
    record = {"name": "Jane Citizen", "email": "jane@example.org"}
    first = caller.post("integrations/stripe/customers", record, idempotency_key="order-1")
    assert first.status_code == 201, first.content
    assert first.json()["data"]["name"] == "Jane Citizen"
    again = caller.post("integrations/stripe/customers", record, idempotency_key="order-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    problem(
        caller.post("integrations/stripe/customers", record | {"name": "John"}, idempotency_key="order-1"),
        422,
        "key-reused",
    )
    listed = caller.get("integrations/stripe/customers").json()["results"]
    assert [one["external_id"] for one in listed] == [first.json()["external_id"]]
    elsewhere = other.post("integrations/stripe/customers", record, idempotency_key="order-1")
    assert elsewhere.status_code == 201
    assert "Idempotent-Replayed" not in elsewhere
    third = caller.post("integrations/stripe/customers", record, idempotency_key="order-2")
    assert third.json()["external_id"] != first.json()["external_id"]
    for bad in ("x" * 129, "a b", "é"):
        problem(caller.post("integrations/stripe/customers", record, idempotency_key=bad), 400, "invalid")


@pytest.mark.parametrize(
    ("record", "pointers"),
    [
        ({}, {"/name"}),
        ({"name": 7, "email": "nonsense", "colour": "red"}, {"/name", "/email", "/colour"}),
        ([], {""}),
        ({"name": "x" * 501}, {"/name"}),
    ],
)
def test_a_record_that_is_none_is_refused_with_every_reason(sydney, stripe, record, pointers):
    answer = stripe(sydney).post("integrations/stripe/customers", record)
    found = problem(answer, 400, "invalid")
    assert {error["pointer"] for error in found["errors"]} == pointers


def test_a_record_the_vendor_takes_none_of_is_said_so(sydney, stripe):
    problem(stripe(sydney).post("integrations/stripe/payouts", {"name": "x"}), 422, "vendor-refused")


# --- what vendors do --------------------------------------------------------------------------------------------------


def test_a_vendor_that_fails_is_a_502_and_the_same_key_may_be_sent_again(sydney, stripe, lab):
    caller = stripe(sydney)
    record = {"name": "Jane Citizen"}
    fault(lab, provider="stripe", resource="customers", fault="500", times=20)
    answer = caller.post("integrations/stripe/customers", record, idempotency_key="k")
    found = problem(answer, 502, "vendor-unavailable")
    assert "Stripe" in found["detail"]
    assert isinstance(found["outcome_unknown"], bool)
    requests.post(f"{lab}/_lab/reset", json={}, timeout=5)
    assert caller.post("integrations/stripe/customers", record, idempotency_key="k").status_code in (201, 429, 502)


def test_a_vendor_that_is_busy_is_a_429_with_its_retry_after(sydney, stripe, lab):
    caller = stripe(sydney)
    fault(lab, provider="stripe", resource="customers", fault="429", times=20, retry_after=77)
    answer = caller.post("integrations/stripe/customers", {"name": "Jane Citizen"})
    problem(answer, 429, "vendor-busy")
    assert int(answer["Retry-After"]) > 30


def test_a_revoked_key_says_connect_again(sydney, stripe, lab):
    caller = stripe(sydney)
    fault(lab, provider="stripe", resource="customers", fault="401", times=20)
    problem(caller.post("integrations/stripe/customers", {"name": "Jane Citizen"}), 409, "reconnect-needed")


# --- actions ----------------------------------------------------------------------------------------------------------


def test_an_action_is_run_once_per_idempotency_key(sydney, stripe):
    caller = stripe(sydney)
    sent = {"input": {"amount": 5000, "currency": "aud"}}
    first = caller.post("integrations/stripe/actions/create_payment_intent", sent, idempotency_key="pay-1")
    assert first.status_code == 200, first.content
    again = caller.post("integrations/stripe/actions/create_payment_intent", sent, idempotency_key="pay-1")
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"


def test_an_actions_input_is_checked_with_every_mistake_named(sydney, stripe):
    caller = stripe(sydney)
    sent = {"input": {"amount": 0, "currency": "AUD", "colour": "red"}}
    found = problem(caller.post("integrations/stripe/actions/create_payment_intent", sent), 400, "invalid")
    assert {error["pointer"] for error in found["errors"]} == {"/input/amount", "/input/currency", "/input/colour"}


def test_what_cannot_be_undone_wants_to_be_confirmed(sydney, stripe):
    caller = stripe(sydney)
    sent = {"input": {"charge": "ch_unknown"}}
    problem(caller.post("integrations/stripe/actions/refund", sent), 409, "confirmation-needed")
    answer = caller.post("integrations/stripe/actions/refund", sent | {"confirm": True})
    assert answer.status_code in (200, 422)
