"""Which addresses a request may go to."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
import requests

from integrations.http import guard
from integrations.http.budget import Budget
from integrations.http.session import through
from integrations.http.transport import Transport
from integrations.provider import Permanent, Temporary
from tests import fakes
from tests.doors import caller
from tests.http.vendor import Reply

QUICK = Budget(connect=1, read=1, total=2, waiting=1, attempts=1)

PRIVATE = """
127.0.0.1 127.8.9.10 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.254 192.168.0.1 192.168.255.255
169.254.169.254 169.254.0.1 100.64.0.1 100.100.100.200 100.127.255.254 168.63.129.16 192.0.0.1 192.0.0.192 192.0.2.1
192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::a00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::7f00:1
64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2001:10::1 2001:20::1 2002:7f00:1:: 2002:a00:1::1 3fff::1
5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1
""".split()

PUBLIC = "1.1.1.1 8.8.8.8 52.64.0.1 172.32.0.1 192.169.0.1 2606:4700::1111 2a00:1450:4001::1 64:ff9b::101:101".split()

URLS = [
    "http://api.acme.example/", "HTTP://api.acme.example/", "ftp://api.acme.example/", "file:///etc/passwd",
    "gopher://api.acme.example/", "//api.acme.example/", "api.acme.example/v1", "", "https://", "https:///v1",
    "https://user@api.acme.example/", "https://user:word@api.acme.example/", "https://:word@api.acme.example/",
    "https://api.acme.example:22/", "https://api.acme.example:80/", "https://api.acme.example:5432/",
    "https://api.acme.example:0/", "https://api.acme.example:99999/", "https://api.acme.example:abc/",
    "https://[::1/", "https://api acme.example/", "https://api.acme.example\n.evil.example/",
]  # fmt: skip

# Spellings of addresses that the resolver understands, or a name that leads inside.
SPELLINGS = [
    "https://127.0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/",
    "https://127.1/", "https://0/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[::]/", "https://localhost/", "https://localhost./", "https://LOCALHOST/", "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/", "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "https://[fd00:ec2::254]/",
    "https://[fe80::1]/", "https://192.168.1.1:8443/", "https://[64:ff9b::7f00:1]/", "https://100.100.100.200/",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_inside_is_not_public(address):
    assert not guard.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address):
    assert guard.is_public(address)


@pytest.mark.parametrize("url", URLS)
def test_an_address_of_the_wrong_shape_is_refused(url):
    with pytest.raises(guard.Refused):
        guard.check_url(url)


@pytest.fixture
def connections(monkeypatch):
    """Every address a socket was connected to. None is really opened, except to this machine."""
    made: list[object] = []
    real = socket.socket.connect

    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            made.append(address)
            raise ConnectionRefusedError
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return made


def ask(url: str, *, environment: str = "live") -> requests.Response:
    with requests.Session() as session:
        return through(session, Transport(caller(fakes.ACME, environment), QUICK)).get(url)


@pytest.mark.django_db
@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_an_inside_address_opens_a_socket(url, connections):
    from integrations.http import shared

    shared.execute("SELECT 1", {})  # its own socket is opened by now
    with pytest.raises((Permanent, Temporary, requests.RequestException)):
        ask(url)
    assert connections == []


def names(monkeypatch, *answers: list[str]) -> list[str]:
    """A resolver that gives these answers in turn, the last for ever."""
    asked: list[str] = []
    plan = list(answers)
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        if not str(host).endswith(".example"):
            return real(host, port, *args, **kwargs)
        asked.append(host)
        found = plan.pop(0) if len(plan) > 1 else plan[0]
        kind = [(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip) for ip in found]
        return [
            (family, socket.SOCK_STREAM, 6, "", (ip, port, 0, 0) if family == socket.AF_INET6 else (ip, port))
            for family, ip in kind
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.django_db
@pytest.mark.parametrize("mixed", [["52.64.0.1", "10.0.0.1"], ["10.0.0.1", "52.64.0.1"], ["2606:4700::1111", "::1"]])
def test_one_inside_address_among_public_ones_refuses_the_name(monkeypatch, connections, mixed):
    names(monkeypatch, mixed)
    with pytest.raises(Permanent, match="inside a private network"):
        ask("https://api.acme.example/")
    assert connections == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..example", "a" * 300])
def test_a_name_that_cannot_be_one_is_refused(name, connections):
    with pytest.raises(Permanent, match="cannot be"):
        ask(f"https://{name}/")
    assert connections == []


@pytest.mark.django_db
def test_a_name_that_changes_its_answer_is_asked_once_and_the_checked_address_is_used(monkeypatch, connections):
    asked = names(monkeypatch, ["52.64.0.1"], ["127.0.0.1"])
    with pytest.raises(Temporary, match="could not be reached"):
        ask("https://api.acme.example/")
    assert asked == ["api.acme.example"]
    assert connections == [("52.64.0.1", 443)]


@pytest.mark.django_db
def test_every_new_socket_checks_again(monkeypatch, connections):
    names(monkeypatch, ["52.64.0.1"], ["127.0.0.1"])
    session = through(requests.Session(), Transport(caller(fakes.ACME, "live"), QUICK))
    with pytest.raises(Temporary):
        session.get("https://api.acme.example/")
    with pytest.raises(Permanent, match="inside a private network"):
        session.get("https://api.acme.example/")
    assert connections == [("52.64.0.1", 443)]


@pytest.mark.django_db
def test_the_environments_proxy_and_netrc_are_not_used(monkeypatch, connections, tmp_path):
    (tmp_path / ".netrc").write_text("machine api.acme.example login canary password canary\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    names(monkeypatch, ["52.64.0.1"])
    with pytest.raises(Temporary):
        ask("https://api.acme.example/")
    assert connections == [("52.64.0.1", 443)]


@pytest.mark.django_db
def test_the_labs_address_is_refused_to_a_live_connection(vendor):
    with pytest.raises(Permanent, match="not https"):
        ask(vendor.url + "/api.acme.example/v1/me")
    assert vendor.requests == []


@pytest.mark.django_db
def test_a_lab_connection_reaches_nothing_but_the_lab(vendor, connections, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: connections.append(address) or _refuse())
    with pytest.raises(Temporary):
        ask("https://169.254.169.254/latest", environment="lab")
    (address,) = connections
    assert f"http://{address[0]}:{address[1]}" == vendor.url


def _refuse():
    raise ConnectionRefusedError


@pytest.mark.django_db
def test_the_lab_is_sent_the_host_as_the_first_part_of_the_path(vendor):
    vendor.on("/v1/me", Reply())
    response = ask("https://api.acme.example/v1/me?a=b", environment="lab")
    (seen,) = vendor.requests
    assert (seen.host, seen.path, seen.query) == ("api.acme.example", "/v1/me", {"a": "b"})
    assert response.url == "https://api.acme.example/v1/me?a=b"


@pytest.mark.django_db
def test_without_a_lab_a_lab_connection_says_so(settings):
    settings.LAB_URL = ""
    with pytest.raises(Permanent, match="only where a lab runs"):
        ask("https://api.acme.example/", environment="lab")


def test_production_refuses_a_lab():
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "LAB_URL": "http://127.0.0.1:9000",
        "PATH": "/usr/bin:/bin",
    }
    run = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert "the lab never runs in production" in run.stderr
