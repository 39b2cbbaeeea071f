"""Signing in, and being refused."""

from __future__ import annotations

from collections.abc import Iterator

import requests

from integrations.provider import ApiKey, OAuth2, Provider, SinglePage, dig
from tests.providers.lab_client import LabClient, key_like

from .suite import Lab, place, promise


@promise("sign-in")
def every_way_to_sign_in_opens_the_account(provider: Provider, lab: Lab):
    for auth in provider.auths:
        client = LabClient(provider, lab.url, kind=auth.kind).sign_in()
        assert client.ask("GET", provider.test).status_code == 200
        if provider.accounts:
            assert all(account["id"] and account["name"] for account in client.accounts())


@promise("sign-in")
def a_missing_wrong_or_revoked_credential_is_refused(provider: Provider, lab: Lab):
    for auth in provider.auths:
        client = LabClient(provider, lab.url, kind=auth.kind).sign_in()
        bare = client.session.get(client.base_url + provider.test, headers=dict(provider.headers))
        assert bare.status_code == 401
        sentence(provider, bare)
        known = client.secret()
        for spoilt in ("wrong", "revoked"):
            secret = key_like(auth.pattern, spoilt) if isinstance(auth, ApiKey) else f"{spoilt}{known}"
            client.tokens = {"key": secret} if isinstance(auth, ApiKey) else {"access_token": secret}
            assert client.ask("GET", provider.test).status_code == 401


def sentence(provider: Provider, answer: requests.Response) -> str:
    """The vendor's own sentence, from where the declaration says it stands."""
    found = next((dig(answer.json(), path) for path in provider.error if dig(answer.json(), path)), None)
    assert isinstance(found, str), f"no sentence in {answer.text[:200]}"
    return found


@promise("sign-in")
def two_chapters_find_different_people_and_each_always_the_same(provider: Provider, lab: Lab):
    paged = (resource for resource in provider.resources if not isinstance(resource.pages, SinglePage))
    resource = next(paged, provider.resources[0])
    read = {who: LabClient(provider, lab.url, who).sign_in().read(resource) for who in ("sydney", "melbourne")}
    assert read["sydney"] == LabClient(provider, lab.url, "sydney").sign_in().read(resource)
    keys = {who: {place(resource, record) for record in records} for who, records in read.items()}
    assert keys["sydney"]
    assert not keys["sydney"] & keys["melbourne"]


def oauth(provider: Provider, lab: Lab) -> Iterator[LabClient]:
    for auth in provider.auths:
        if isinstance(auth, OAuth2):
            lab.tell("settings", honour_grace=False, token_seconds=1800)
            yield LabClient(provider, lab.url, kind=auth.kind)


@promise("sign-in")
def a_code_opens_once_and_only_to_whom_it_was_given(provider: Provider, lab: Lab):
    for client in oauth(provider, lab):
        brought = client.authorize()
        assert brought["state"] == "a-state"
        assert client.exchange(brought).status_code == 200
        assert client.exchange(brought).json() == {"error": "invalid_grant"}
        about_itself = client.auth.lookup.url if client.auth.lookup else provider.accounts.path
        assert client.ask("GET", about_itself).status_code == 401, "what came of a code used twice is over"


@promise("sign-in")
def a_code_needs_its_verifier_and_its_redirect_address(provider: Provider, lab: Lab):
    for client in oauth(provider, lab):
        assert client.exchange(client.authorize(), redirect_uri="https://elsewhere.example/").status_code == 400
        if client.auth.pkce:
            assert client.exchange(client.authorize(), code_verifier="x" * 64).status_code == 400
            plain = client.session.get(
                client.auth.authorize, params={"response_type": "code", "client_id": "c", "redirect_uri": "http://h/"}
            )
            assert plain.status_code == 400


@promise("sign-in")
def an_expired_token_is_refused_and_a_refreshed_one_is_taken(provider: Provider, lab: Lab):
    for client in oauth(provider, lab):
        if not client.auth.refresh:
            continue
        client.sign_in()
        lab.tell("expire", provider=provider.slug)
        assert client.ask("GET", provider.test).status_code == 401
        assert client.refresh().status_code == 200
        assert client.ask("GET", provider.test).status_code == 200


@promise("sign-in")
def a_refresh_token_that_rotates_works_once(provider: Provider, lab: Lab):
    for client in oauth(provider, lab):
        if not client.auth.refresh_rotates:
            continue
        client.sign_in()
        first = client.tokens["refresh_token"]
        assert client.refresh().json()["refresh_token"] != first
        again = client.refresh(first)
        assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
