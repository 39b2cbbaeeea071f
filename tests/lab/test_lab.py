"""The stand-in itself: the same for ever, other people for each account, every reference and every sum intact."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from integrations import registry
from integrations.lab import samples
from integrations.lab.app import make_lab
from integrations.lab.callers import seed_of
from integrations.lab.created import completed
from integrations.lab.faults import FAULTS
from integrations.lab.server import Serving, serve
from integrations.provider import Cursor, Field, Offset, Tombstones, dig
from tests.providers.lab_client import LabClient
from tests.providers.plainly import inward, read_json
from tests.providers.promises import Lab
from tests.providers.promises.suite import place

SLUGS = ["xero", "stripe", "mailchimp"]


def client(lab: Lab | Serving, slug: str, who: str = "sydney") -> LabClient:
    return LabClient(registry.get(slug), lab.url, who).sign_in()


def everything(signed_in: LabClient) -> dict[str, list[dict[str, Any]]]:
    return {resource.name: signed_in.read(resource) for resource in signed_in.provider.resources}


# --- data --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", SLUGS)
def test_every_reference_of_every_copy_leads_somewhere(lab: Lab, slug: str):
    signed_in = client(lab, slug)
    found = everything(signed_in)
    for resource in signed_in.provider.resources:
        for field in resource.mapping.fields:
            if isinstance(field, Field) and field.ref:
                known = {dig(record, signed_in.provider.resource(field.ref).key) for record in found[field.ref]}
                assert {inward(resource, record).get(field.to) for record in found[resource.name]} - {None} <= known


def test_reference_data_is_there_once_and_every_copy_names_it(lab: Lab):
    xero = registry.get("xero")
    accounts = {record["AccountID"] for record in client(lab, "xero").read(xero.resource("accounts"))}
    payments = client(lab, "xero").read(xero.resource("payments"))
    assert len(payments) > len({record["Amount"] for record in payments})
    assert {record["Account"]["AccountID"] for record in payments} <= accounts


@pytest.mark.parametrize("slug", SLUGS)
def test_nothing_that_must_stand_once_stands_twice(lab: Lab, slug: str):
    from integrations import targets

    signed_in = client(lab, slug)
    for resource, records in zip(signed_in.provider.resources, everything(signed_in).values(), strict=True):
        alone = [key for key in targets.get(resource.target).natural_keys if "email" not in key]
        for key in alone:
            values = Counter(tuple(map(str, map(inward(resource, record).get, key))) for record in records)
            samples = Counter(v for v in values if "None" not in v)
            repeated = {value for value in samples if values[value] > 1}
            # Two suppliers may number their bills alike, and two lists use one word for a tag: so it is in the samples.
            assert all("INV-77" in " ".join(value) or "Volunteer" in " ".join(value) for value in repeated), repeated


def test_every_payout_of_every_copy_is_the_sum_of_what_it_pays_out(lab: Lab):
    entries = client(lab, "stripe").read(registry.get("stripe").resource("balance_transactions"))
    per_currency: Counter[str] = Counter()
    for entry in entries:
        assert entry["net"] == entry["amount"] - entry["fee"]
        if entry["available_on"] <= 1773273600 and entry["currency"] == "aud":  # the payout of 12 March 2026 and before
            per_currency[entry["currency"]] += entry["net"]
    assert per_currency["aud"] == 0
    payouts = [entry for entry in entries if entry["type"] == "payout" and entry["available_on"] == 1773273600]
    assert len(payouts) == lab.scale
    assert {entry["net"] for entry in payouts} == {-32889}


def test_a_chapter_meets_the_same_people_at_every_vendor(lab: Lab):
    people = {
        "xero": {r.get("EmailAddress") for r in client(lab, "xero").read(registry.get("xero").resource("contacts"))},
        "stripe": {r["email"] for r in client(lab, "stripe").read(registry.get("stripe").resource("customers"))},
        "mailchimp": {
            r["email_address"] for r in client(lab, "mailchimp").read(registry.get("mailchimp").resource("members"))
        },
    }
    everywhere = people["xero"] & people["stripe"] & people["mailchimp"]
    assert len(everywhere) >= 5 * lab.scale
    elsewhere = {
        r["email"] for r in client(lab, "stripe", "melbourne").read(registry.get("stripe").resource("customers"))
    }
    assert not everywhere & elsewhere


def test_a_member_is_still_named_by_the_hash_of_their_address(lab: Lab):
    import hashlib

    for record in client(lab, "mailchimp").read(registry.get("mailchimp").resource("members")):
        assert record["id"] == hashlib.md5(record["email_address"].lower().encode(), usedforsecurity=False).hexdigest()


def test_two_organisations_of_one_sign_in_hold_different_data(lab: Lab):
    signed_in = client(lab, "xero")
    contacts = registry.get("xero").resource("contacts")
    first = {record["ContactID"] for record in signed_in.read(contacts)}
    signed_in._account = signed_in.accounts()[1]["id"]
    assert not first & {record["ContactID"] for record in signed_in.read(contacts)}


def test_an_account_that_the_credential_does_not_open_is_refused(lab: Lab):
    signed_in, stranger = client(lab, "xero"), client(lab, "xero", "melbourne")
    signed_in._account = stranger._account
    assert signed_in.ask("GET", "/Contacts").status_code == 403
    signed_in._account = ""
    assert signed_in.ask("GET", "/Contacts").status_code == 403


@pytest.mark.parametrize(
    ("credential", "seed"),
    [
        ("rk_test_sydney0000", "sydney"),
        ("sydney00000000000000000000000000-us21", "sydney"),
        ("rk_live_51HxAbCdEf", None),
    ],
)
def test_the_word_in_a_key_names_the_account(credential: str, seed: str | None):
    assert seed_of(credential) == (seed or seed_of(credential))
    assert seed_of(credential) != seed_of(credential.replace("sydney", "melbourne") + "x")


# --- remembering ---------------------------------------------------------------------------------------------------------------


def test_tokens_and_writes_survive_a_restart(tmp_path: Path):
    database, contacts = tmp_path / "lab.sqlite", registry.get("xero").resource("contacts")
    with serve(make_lab(database)) as serving:
        signed_in = client(serving, "xero")
        made = signed_in.ask("PUT", "/Contacts", json={"Contacts": [{"Name": "Newcomer"}]}).json()["Contacts"][0]
    with serve(make_lab(database)) as serving:
        signed_in.to_lab.lab = serving.url
        assert made["ContactID"] in {record["ContactID"] for record in signed_in.read(contacts)}
        assert signed_in.refresh().status_code == 200
    assert sqlite3.connect(database).execute("SELECT count(*) FROM tokens").fetchone()[0] >= 2


def test_reset_forgets_everything(lab: Lab):
    signed_in = client(lab, "xero")
    lab.tell("reset")
    assert signed_in.ask("GET", "/Contacts").status_code == 401


def test_a_deleted_record_is_in_no_list_any_more(lab: Lab):
    signed_in, resource = client(lab, "mailchimp"), registry.get("mailchimp").resource("members")
    before = {place(resource, record) for record in signed_in.read(resource)}
    (key,) = lab.tell("delete", provider="mailchimp", resource="members", index=0)["deleted"]
    gone = before - {place(resource, record) for record in signed_in.read(resource)}
    assert [place_[1] for place_ in gone] == [key]


def test_a_changed_record_keeps_its_change_and_moves_up(lab: Lab):
    signed_in, resource = client(lab, "xero"), registry.get("xero").resource("contacts")
    before = {record["ContactID"]: record for record in signed_in.read(resource)}
    (key,) = lab.tell("change", provider="xero", resource="contacts", index=3, set={"Name": "Renamed"})["changed"]
    after = {record["ContactID"]: record for record in signed_in.read(resource)}
    assert after[key]["Name"] == "Renamed"
    assert [k for k in before if before[k] != after[k]] == [key]
    assert after[key]["UpdatedDateUTC"] > before[key]["UpdatedDateUTC"]


def test_what_was_made_at_a_vendor_is_seen_in_its_own_account_only(lab: Lab):
    here, there = client(lab, "stripe"), client(lab, "stripe", "melbourne")
    customers = registry.get("stripe").resource("customers")
    made = here.ask("POST", "/v1/customers", data={"name": "Newcomer", "address[city]": "Byron Bay"}).json()
    assert made["address"] == {"city": "Byron Bay"}
    assert made["id"] in {record["id"] for record in here.read(customers)}
    assert made["id"] not in {record["id"] for record in there.read(customers)}
    assert there.ask("GET", f"/v1/customers/{made['id']}").status_code == 404


# --- faults and refusals ---------------------------------------------------------------------------------------------------------


def test_a_fault_comes_as_often_as_it_was_asked_for_and_where(lab: Lab):
    signed_in = client(lab, "xero")
    lab.tell("faults", provider="xero", resource="invoices", fault="500", times=2)
    assert signed_in.ask("GET", "/Contacts").status_code == 200
    assert [signed_in.ask("GET", "/Invoices").status_code for _ in range(3)] == [500, 500, 200]


def test_half_an_answer_promises_more_than_it_brings(lab: Lab):
    signed_in = client(lab, "stripe")
    lab.tell("faults", provider="stripe", resource="charges", fault="half_body")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        signed_in.ask("GET", "/v1/charges")


def test_an_error_page_may_come_with_a_200(lab: Lab):
    signed_in = client(lab, "stripe")
    lab.tell("faults", provider="stripe", resource="charges", fault="html")
    answer = signed_in.ask("GET", "/v1/charges")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_slowly_is_as_slow_as_asked(lab: Lab):
    import time

    signed_in = client(lab, "stripe")
    lab.tell("faults", provider="stripe", resource="charges", fault="slow", retry_after=0.4)
    began = time.monotonic()
    assert signed_in.ask("GET", "/v1/charges").status_code == 200
    assert time.monotonic() - began >= 0.4


def test_all_bad_records_come_in_one_page(lab: Lab):
    signed_in = client(lab, "xero")
    lab.tell("faults", provider="xero", resource="payments", fault="bad_records")
    raw = signed_in.ask("GET", "/Payments").content
    for mark in (b"9" * 5000, b"\\ud800", b"\\u0000", b"12.345", b"Neveruary", b'"PaymentID":null'):
        assert mark in raw


def test_a_page_may_hold_everything_twice_and_never_end(lab: Lab):
    signed_in, charges = client(lab, "stripe"), registry.get("stripe").resource("charges")
    lab.tell("faults", provider="stripe", resource="charges", fault="duplicate_page")
    assert len(signed_in.read(charges)) == 2 * len({r["id"] for r in signed_in.read(charges)})
    lab.tell("faults", provider="stripe", resource="charges", fault="endless", times=3)
    pages = [
        signed_in.ask("GET", "/v1/charges", params={"limit": "5", "starting_after": "ch_x"}).json() for _ in range(3)
    ]
    assert all(page["has_more"] for page in pages)
    assert pages[0] == pages[1] == pages[2]


def test_a_token_endpoint_can_fail_too(lab: Lab):
    signed_in = client(lab, "xero")
    lab.tell("faults", provider="xero", resource="token", fault="500")
    assert signed_in.refresh().status_code == 500
    assert signed_in.refresh().status_code == 200


def test_a_lost_answer_may_be_asked_for_again_within_the_grace(lab: Lab):
    signed_in = client(lab, "xero")
    first = signed_in.tokens["refresh_token"]
    assert signed_in.refresh(first).status_code == 200
    assert signed_in.refresh(first).status_code == 200, "Xero allows it for half an hour"
    lab.tell("settings", honour_grace=False)
    assert signed_in.refresh(first).status_code == 400
    assert signed_in.ask("GET", "/Contacts").status_code == 401, "and then the whole family is over"


def test_consent_withdrawn_at_the_vendor_ends_every_token(lab: Lab):
    signed_in = client(lab, "xero")
    lab.tell("revoke", provider="xero")
    assert signed_in.ask("GET", "/Contacts").status_code == 401
    assert signed_in.refresh().json() == {"error": "invalid_grant"}


def test_revoking_a_token_ends_it(lab: Lab):
    signed_in = client(lab, "xero")
    answer = signed_in.session.post(
        signed_in.auth.revoke, data={"token": signed_in.tokens["refresh_token"]}, auth=("c", "s")
    )
    assert answer.status_code == 200
    assert signed_in.ask("GET", "/Contacts").status_code == 401


def test_a_wrong_client_secret_gets_no_token(lab: Lab):
    signed_in = client(lab, "xero")
    form = {"grant_type": "refresh_token", "refresh_token": signed_in.tokens["refresh_token"]}
    for auth in (None, ("c", "wrong"), ("", "s")):
        answer = signed_in.session.post(signed_in.auth.token, data=form, auth=auth)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def test_limits_are_held_when_they_are_asked_for(lab: Lab):
    lab.tell("settings", enforce_limits=True)
    signed_in = client(lab, "xero", "brisbane")
    answers = [signed_in.ask("GET", "/TaxRates") for _ in range(61)]
    assert [answer.status_code for answer in answers].count(429) == 1
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


# --- the page, the control, the command ------------------------------------------------------------------------------------------


def test_the_page_has_one_button_and_shows_nothing_as_markup(lab: Lab):
    asked = {
        "response_type": "code", "client_id": "c", "redirect_uri": "http://hub.localhost/cb", "code_challenge": "x" * 43,
        "code_challenge_method": "S256", "scope": "<script>alert(1)</script>", "login": '"><script>',
    }  # fmt: skip
    page = requests.get(f"{lab.url}/login.xero.com/identity/connect/authorize", params=asked, timeout=10)
    assert page.status_code == 200
    assert page.text.count("<button") == 1
    assert "<script" not in page.text
    sent = requests.post(page.url, data={"login": "Perth", "answer": "approve"}, allow_redirects=False, timeout=10)
    assert "error=invalid_scope" in sent.headers["Location"]
    asked["scope"] = "offline_access"
    sent = requests.post(
        page.url.partition("?")[0], params=asked, data={"login": "Perth"}, allow_redirects=False, timeout=10
    )
    assert sent.headers["Location"].startswith("http://hub.localhost/cb?code=")


def test_a_person_may_refuse(lab: Lab):
    brought = LabClient(registry.get("xero"), lab.url).authorize(deny="1")
    assert brought == {"error": "access_denied", "state": "a-state"}


def test_the_state_tells_counts_and_no_token(lab: Lab):
    signed_in = client(lab, "xero")
    signed_in.ask("GET", "/Contacts")
    state = requests.get(f"{lab.url}/_lab/state", timeout=10)
    assert state.json()["counts"]["xero"]["contacts"] == 1
    assert not any(str(value) in state.text for name, value in signed_in.tokens.items() if name.endswith("_token"))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("faults", {"provider": "xero", "fault": "earthquake"}),
        ("faults", {"provider": "acme", "fault": "500"}),
        ("settings", {"gravity": 0}),
        ("change", {"provider": "xero", "resource": "unicorns"}),
        ("nothing", {}),
    ],
)
def test_what_the_lab_cannot_do_it_says(lab: Lab, what: str, said: dict[str, Any]):
    answer = requests.post(f"{lab.url}/_lab/{what}", json=said, timeout=10)
    assert answer.status_code in (400, 404)
    assert len(answer.json()["error"]) > 10


def test_nonsense_is_answered_not_crashed_on(lab: Lab):
    for method, path, body in [
        ("GET", "/", b""), ("POST", "/_lab/faults", b"{"), ("POST", "/_lab/faults", b"[]"), ("GET", "/api.xero.com/%00%ff", b""),
        ("POST", "/identity.xero.com/connect/token", b"\xff\xfe"), ("BREW", "/api.stripe.com/v1/charges", b""),
    ]:  # fmt: skip
        assert 400 <= requests.request(method, lab.url + path, data=body, timeout=10).status_code < 500
    signed_in = client(lab, "stripe")
    for params in ({"limit": "many"}, {"starting_after": "ch_nobody"}, {"created[gte]": "yesterday"}):
        assert signed_in.ask("GET", "/v1/charges", params=params).status_code == 400
    assert client(lab, "xero").ask("PUT", "/Contacts", data=b"{").status_code == 400
    assert client(lab, "xero").ask("PUT", "/Contacts", json={"Contacts": []}).status_code == 400


def test_every_fault_is_one_the_lab_can_do(lab: Lab):
    signed_in = client(lab, "xero")
    for fault in FAULTS:
        lab.tell("faults", provider="xero", resource="contacts", fault=fault, retry_after=0.01)
        try:
            assert signed_in.ask("GET", "/Contacts").status_code
        except requests.exceptions.ChunkedEncodingError:
            assert fault in ("half_body", "dropped")


def test_the_lab_never_runs_in_production(settings):
    settings.SETTINGS_MODULE = "config.settings.production"
    with pytest.raises(CommandError, match="never runs in production"):
        call_command("lab")


def test_a_taken_port_gets_a_sentence(lab: Lab):
    with pytest.raises(CommandError, match="Choose another --port"):
        call_command("lab", port=int(lab.url.rpartition(":")[2]))


def test_what_a_vendor_fills_in_is_computed_from_what_was_posted():
    template = {
        "Status": "DRAFT",
        "Lines": {"$each": {"Tax": 0, "Amount": {"$times": ["Quantity", "Price"]}}},
        "Sub": {"$sum": "Lines.Amount"},
        "Total": {"$plus": ["Sub", "Tax"]},
    }
    made = completed(template, read_json('{"Lines": [{"Quantity": 2, "Price": 1.25}, {"Amount": 0.10}], "Tax": 1}'))
    assert json.loads(json.dumps(made, default=str)) == {
        "Lines": [{"Quantity": 2, "Price": "1.25", "Tax": 0, "Amount": "2.50"}, {"Amount": "0.10", "Tax": 0}],
        "Tax": 1, "Status": "DRAFT", "Sub": "2.60", "Total": "3.60",
    }  # fmt: skip


def test_a_vendor_with_a_list_of_deletions_names_what_was_deleted_since(monkeypatch):
    wanted = Tombstones(
        path="/deleted",
        records="gone.list",
        key="ref.id",
        pages=Offset(size=2, size_param="size", total="gone.total"),
        cursor=Cursor(field="at", param="since"),
    )
    stripe = registry.get("stripe")
    changed = tuple(replace(one, deletes=wanted) if one.name == "customers" else one for one in stripe.resources)
    provider = replace(stripe, resources=changed)
    monkeypatch.setattr(registry, "all_providers", lambda: {"stripe": provider})
    monkeypatch.setattr(samples, "of", samples.of.__wrapped__)
    with serve(make_lab()) as serving:
        lab = Lab(serving.url, 1)
        signed_in = client(serving, "stripe")
        keys = [record["id"] for record in signed_in.read(provider.resource("customers"))][:3]
        for _ in keys:
            lab.tell("delete", provider="stripe", resource="customers", index=0)
        first = signed_in.ask("GET", "/deleted", params={"size": "2"}).json()["gone"]
        rest = signed_in.ask("GET", "/deleted", params={"size": "2", "offset": "2"}).json()["gone"]
        assert [entry["ref"]["id"] for entry in [*first["list"], *rest["list"]]] == keys
        assert first["total"] == 3
        later = {"since": "2100-01-01T00:00:00Z"}
        assert signed_in.ask("GET", "/deleted", params=later).json()["gone"]["list"] == []
