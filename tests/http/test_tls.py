"""The socket goes to the checked address; name, certificate and Host stay the vendor's."""

from __future__ import annotations

import datetime as dt
import socket

import pytest
import requests
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.http import guard
from integrations.http.budget import Budget
from integrations.http.session import through
from integrations.http.transport import Transport
from integrations.provider import Temporary
from tests import fakes
from tests.doors import caller
from tests.http.vendor import serving

pytestmark = pytest.mark.django_db

NAME = "api.acme.example"


def certificate(folder, name: str):
    """Paths of a certificate for the name, signed by itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """Starts a vendor with a certificate for a name, reached as `api.acme.example`; gives what it was asked."""
    asked: list[dict[str, str]] = []
    names: list[str | None] = []

    def app(environ, start_response):
        asked.append({"host": environ["HTTP_HOST"], "path": environ["PATH_INFO"]})
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
        return [b"{}"]

    def start(name: str):
        crt, key = certificate(tmp_path, name)
        adapter = BuiltinSSLAdapter(str(crt), str(key))
        adapter.context.sni_callback = lambda sock, server_name, context: names.append(server_name)
        stack = serving(app, adapter)
        port = stack.__enter__()
        stacks.append(stack)
        monkeypatch.setattr(Transport, "certificates", str(crt))
        monkeypatch.setattr(guard, "PORTS", frozenset([port]))
        monkeypatch.setattr(guard, "is_public", lambda text: text == "127.0.0.1")
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *rest, **more: real("127.0.0.1" if host == NAME else host, *rest, **more),
        )
        return port, asked, names

    stacks: list = []
    yield start
    for stack in stacks:
        stack.__exit__(None, None, None)


def ask(port: int, **options):
    session = through(requests.Session(), Transport(caller(fakes.ACME, "live"), Budget(attempts=1, connect=2, read=2)))
    return session.get(f"https://{NAME}:{port}/v1/me", **options)


def test_the_checked_address_is_spoken_to_under_the_vendors_name(tls):
    port, asked, names = tls(NAME)
    assert ask(port).json() == {}
    assert asked == [{"host": f"{NAME}:{port}", "path": "/v1/me"}]
    assert names == [NAME]


def test_a_certificate_for_another_name_is_refused_even_when_a_caller_would_take_it(tls):
    port, asked, _ = tls("other.example")
    with pytest.raises(Temporary, match="certificate that does not check out") as caught:
        ask(port, verify=False)
    assert not caught.value.outcome_unknown
    assert asked == []


def test_a_certificate_of_an_unknown_authority_is_refused(tls, monkeypatch):
    port, asked, _ = tls(NAME)
    monkeypatch.setattr(Transport, "certificates", True)
    with pytest.raises(Temporary, match="certificate that does not check out"):
        ask(port)
    assert asked == []
