"""The lab as the other side of a two-way sync: what is written stays written, once, and can be found."""

from __future__ import annotations

import pytest
import requests

from integrations import registry
from tests.providers.promises import Lab

from .test_lab import client

ONCE = "Idempotency-Key"


def contacts(signed_in) -> dict[str, dict]:
    return {one["ContactID"]: one for one in signed_in.read(registry.get("xero").resource("contacts"))}


def count(lab: Lab, what: str) -> int:
    return requests.get(f"{lab.url}/_lab/state", timeout=5).json()["counts"].get("xero", {}).get(what, 0)


@pytest.fixture
def xero(lab: Lab):
    lab.tell("reset")
    yield client(lab, "xero")
    lab.tell("reset")


def test_many_are_changed_in_one_call_and_only_where_it_says_so(lab: Lab, xero):
    before = contacts(xero)
    first, second = list(before)[:2]
    sent = {"Contacts": [{"ContactID": first, "FirstName": "Ada"}, {"ContactID": second, "FirstName": "Grace"}]}
    answer = xero.ask("POST", "/Contacts", json=sent, params={"summarizeErrors": "false"})
    assert [one["FirstName"] for one in answer.json()["Contacts"]] == ["Ada", "Grace"]
    after = contacts(xero)
    assert (after[first]["FirstName"], after[first]["Name"]) == ("Ada", before[first]["Name"])
    assert len(after) == len(before)
    assert contacts(client(lab, "xero", "melbourne")).keys().isdisjoint({"Ada", "Grace"})
    assert count(lab, "contacts changed") == 2


def test_one_that_is_refused_says_why_in_its_place_and_the_others_are_made(lab: Lab, xero):
    lab.tell("refuse", provider="xero", resource="contacts", path="Name", value="Bad", message="Already in use")
    before = len(contacts(xero))
    answer = xero.ask("PUT", "/Contacts", json={"Contacts": [{"Name": "Good"}, {"Name": "Bad"}]})
    good, bad = answer.json()["Contacts"]
    assert good["ContactID"]
    assert bad["ValidationErrors"] == [{"Message": "Already in use"}]
    assert len(contacts(xero)) == before + 1
    assert count(lab, "contacts created") == 1
    lab.tell("reset_faults")
    assert (
        "ValidationErrors"
        not in xero.ask("PUT", "/Contacts", json={"Contacts": [{"Name": "Bad"}]}).json()["Contacts"][0]
    )


def test_where_one_travels_alone_it_is_refused_with_a_status(lab: Lab):
    lab.tell("refuse", provider="stripe", resource="customers", path="name", value="Bad", message="No such name")
    stripe = client(lab, "stripe")
    answer = stripe.ask("POST", "/v1/customers", data={"name": "Bad"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "No such name")
    lab.tell("reset_faults")


def test_an_answer_may_be_lost_after_the_record_was_made(lab: Lab, xero):
    before = len(contacts(xero))
    lab.tell("faults", provider="xero", resource="contacts", fault="dropped")
    sent = {"json": {"Contacts": [{"Name": "Lost"}]}, "headers": {ONCE: "lost-1"}}
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        xero.ask("PUT", "/Contacts", **sent)
    assert len(contacts(xero)) == before + 1
    again = xero.ask("PUT", "/Contacts", **sent)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(contacts(xero)) == before + 1
    assert count(lab, "contacts created") == 1


def test_what_is_searched_for_is_found_and_nothing_else(lab: Lab, xero):
    xero.ask("PUT", "/Contacts", json={"Contacts": [{"Name": "Needle in a haystack"}]})
    found = xero.ask("GET", "/Contacts", params={"searchTerm": "needle IN"}).json()["Contacts"]
    assert [one["Name"] for one in found] == ["Needle in a haystack"]
    assert xero.ask("GET", "/Contacts", params={"searchTerm": "nobody at all"}).json()["Contacts"] == []


def test_one_call_takes_only_so_many(lab: Lab, xero):
    many = [{"Name": f"Contact {number}"} for number in range(51)]
    assert xero.ask("PUT", "/Contacts", json={"Contacts": many}).status_code == 400
    assert count(lab, "contacts created") == 0


def test_a_change_of_something_that_is_not_there_is_refused(xero):
    answer = xero.ask("POST", "/Contacts", json={"Contacts": [{"ContactID": "nobody", "Name": "X"}]})
    assert (
        "There is no contacts with the key 'nobody'" in answer.json()["Contacts"][0]["ValidationErrors"][0]["Message"]
    )
