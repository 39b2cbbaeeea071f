"""Posting to an address that a chapter has set: checked when it is saved, and again at every socket."""

from __future__ import annotations

import pytest

from integrations.http import guard, receiver
from integrations.http.receiver import Receiver
from integrations.http.transport import Transport

from .test_guard import SPELLINGS, URLS, connections, names  # noqa: F401 fixture
from .test_tls import NAME, tls  # noqa: F401 fixture


def post(url: str) -> receiver.Outcome:
    one = Receiver(url, connections=1)
    try:
        return one.post(b"{}", {})
    finally:
        one.close()


@pytest.mark.parametrize("url", [*URLS, *SPELLINGS])
def test_an_address_that_is_not_public_is_neither_saved_nor_gone_to(url, connections):  # noqa: F811
    with pytest.raises(guard.Refused):
        receiver.check(url)
    assert post(url).status is None
    assert connections == []


def test_a_name_that_has_become_private_since_it_was_checked_is_not_gone_to(monkeypatch, connections):  # noqa: F811
    asked = names(monkeypatch, ["52.64.0.1"], ["10.0.0.1"])
    receiver.check("https://hooks.acme.example/")
    found = post("https://hooks.acme.example/")
    assert "inside a private network" in found.error
    assert len(asked) == 2
    assert connections == []


def test_the_checked_address_is_the_one_that_is_connected_to(monkeypatch, connections):  # noqa: F811
    asked = names(monkeypatch, ["52.64.0.1"], ["127.0.0.1"])
    assert post("https://hooks.acme.example/").error == "The endpoint could not be reached."
    assert asked == ["hooks.acme.example"]
    assert connections == [("52.64.0.1", 443)]


def test_the_environments_proxy_is_not_used(monkeypatch, connections):  # noqa: F811
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    names(monkeypatch, ["52.64.0.1"])
    post("https://hooks.acme.example/")
    assert connections == [("52.64.0.1", 443)]


def test_a_name_that_cannot_be_found_now_is_saved_and_not_reached(monkeypatch):
    def nowhere(*args, **kwargs):
        raise guard.socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(guard.socket, "getaddrinfo", nowhere)
    receiver.check("https://hooks.acme.example/")
    assert post("https://hooks.acme.example/").error == "The endpoint could not be reached."


def test_the_certificate_must_be_for_the_name(tls, monkeypatch):  # noqa: F811
    port, asked, spoken = tls(NAME)
    assert "certificate that does not check out" in post(f"https://{NAME}:{port}/hook").error
    assert asked == []
    monkeypatch.setattr(Receiver, "certificates", Transport.certificates)
    found = post(f"https://{NAME}:{port}/hook")
    assert (found.status, found.error) == (200, "")
    assert asked == [{"host": f"{NAME}:{port}", "path": "/hook"}]
    assert set(spoken) == {NAME}


@pytest.mark.parametrize(
    ("listed", "url", "right"),
    [
        ("10.0.0.5", "http://10.0.0.5/hook", True),
        ("10.0.0.5", "https://10.0.0.5/hook", True),
        ("10.0.0.5", "http://10.0.0.5:80/hook", True),
        ("10.0.0.5", "http://10.0.0.5:8080/hook", False),
        ("10.0.0.5:8080", "http://10.0.0.5:8080/hook", True),
        ("10.0.0.5:8080", "http://10.0.0.5/hook", False),
        ("10.0.0.5", "http://10.0.0.6/hook", False),
        ("erp.intern", "http://erp.intern/hook", True),
        ("erp.intern", "http://ERP.intern/hook", True),
        ("erp.intern", "http://erp.intern.evil.example/hook", False),
        ("erp.intern", "http://sub.erp.intern/hook", False),
        ("erp.intern", "http://user@erp.intern/hook", False),
        ("erp.intern", "ftp://erp.intern/hook", False),
    ],
)
def test_only_what_the_operator_listed_is_an_exception(settings, monkeypatch, listed, url, right):
    names(monkeypatch, ["10.0.0.9"])
    settings.WEBHOOK_PRIVATE_HOSTS = [listed]
    if right:
        receiver.check(url)
    else:
        with pytest.raises(guard.Refused):
            receiver.check(url)
