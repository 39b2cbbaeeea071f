"""A declaration that cannot work is refused at start, with a sentence that names the place and a hint that says what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core import checks as django_checks

from integrations import checks, quality, registry, targets
from integrations.provider import (
    Action,
    ApiKey,
    Const,
    Cursor,
    Each,
    Field,
    Find,
    Mapping,
    NoAuth,
    OAuth2,
    PageNumber,
    Scope,
    Tombstones,
    Within,
    convert,
)

XERO = registry.get("xero")
CONTACTS = XERO.resource("contacts")
NAME = Field("name", "Name", convert.text)


def provider(**changes: Any) -> Any:
    return replace(XERO, **changes)


def resource(which: str, /, **changes: Any) -> Any:
    """Xero with one resource declared differently."""
    return replace(XERO, resources=tuple(replace(r, **changes) if r.name == which else r for r in XERO.resources))


def contacts(**changes: Any) -> Any:
    return resource("contacts", **changes)


def invoices(to: str, *fields: Any) -> Any:
    """Xero with one field of its invoices mapped differently."""
    known = XERO.resource("invoices").mapping.fields
    return resource("invoices", mapping=Mapping(*(field for field in known if field.to != to), *fields))


def mapped(*fields: Any) -> Any:
    return contacts(mapping=Mapping(*fields))


def signed_in_by(auth: Any, **changes: Any) -> Any:
    return provider(auth=auth, **changes)


BROKEN = {
    "E002": [provider(slug="Xero"), provider(slug="x" * 41), provider(slug="../x")],
    "E003": [provider(category="ledgers")],
    "E004": [
        provider(website="http://www.xero.com"),
        provider(base_url="ftp://api.xero.com"),
        signed_in_by(replace(XERO.auth, token="http://identity.xero.com/connect/token")),
        provider(accounts=replace(XERO.accounts, path="http://api.xero.com/connections")),
    ],
    "E005": [provider(resources=()), provider(resources=(*XERO.resources, CONTACTS)), contacts(name="Contacts!")],
    "E006": [
        signed_in_by(ApiKey(template="Bearer")),
        signed_in_by(ApiKey(pattern="(")),
        signed_in_by((NoAuth(), NoAuth())),
    ],
    "E007": [signed_in_by(replace(XERO.auth, scopes=(Scope("everything", ""),)))],
    "E008": [provider(base_url="https://{dc}.api.xero.com"), signed_in_by(ApiKey(), base_url="https://{dc}.x.com")],
    "E009": [contacts(target="finance.nothing")],
    "E010": [
        contacts(path="Contacts"),
        contacts(path="/a/{parent}/b"),
        contacts(within=Within("invoices", into="x")),
        contacts(path="/a/{parent}", within=Within("nothing", into="x")),
        contacts(key=""),
        contacts(pages=PageNumber(size=0)),
    ],
    "E011": [
        contacts(cursor=Cursor(field="x")),
        contacts(cursor=Cursor(field="x", header="h", param="p")),
        contacts(cursor=Cursor(field="x", param="p", format="stardate")),
    ],
    "E012": [
        contacts(write=replace(CONTACTS.write, create="PUT Contacts")),
        contacts(write=replace(CONTACTS.write, update="POST /Contacts")),
        contacts(write=replace(CONTACTS.write, body="xml")),
        contacts(write=replace(CONTACTS.write, create=None, update=None)),
        contacts(write=replace(CONTACTS.write, wrap=None)),
        contacts(write=replace(CONTACTS.write, update_all="POST /Contacts/{key}")),
        contacts(write=replace(CONTACTS.write, refused="")),
        contacts(write=replace(CONTACTS.write, find=Find(params={}, equal=("Name",)))),
    ],
    "E013": [
        mapped(NAME, Field("nickname", "x")),
        mapped(NAME, Const("nickname", "x")),
        mapped(NAME, Field("name.first", "x")),
        mapped(NAME, NAME),
        mapped(NAME, Field("email", ("a", "b"))),
        invoices("lines", Each("lines", "LineItems", (Field("colour", "x"),))),
    ],
    "E014": [mapped(Field("email", "EmailAddress"))],
    "E015": [
        mapped(NAME, Field("email", "EmailAddress", ref="invoices")),
        invoices("party", Field("party", "Contact.ContactID", ref="accounts")),
        invoices("party", Field("party", "Contact.ContactID")),
    ],
    "E017": [
        provider(settings={"type": "nonsense"}),
        provider(settings={"type": "array"}),
        provider(actions=(Action("a-b", label="x", input={"type": "object"}, run=lambda client, given: {}),)),
        provider(actions=(Action("odd", label="x", input={"type": "object", "required": 7}, run=lambda client, given: {}),)),
    ],
    "E018": [
        provider(webhook=replace(XERO.webhook, topics={"CONTACT": "people"})),
        provider(webhook=replace(XERO.webhook, account=None)),
        provider(webhook=replace(XERO.webhook, body="xml")),
    ],
    "E023": [
        contacts(deletes=Tombstones()),
        contacts(deletes=Tombstones(field="gone", path="/deleted")),
        contacts(path="/a/{parent}", within=Within("invoices", into="x"), deletes=Tombstones(path="/deleted")),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "broken"),
    [pytest.param(code, one, id=f"{code}-{index}") for code, many in BROKEN.items() for index, one in enumerate(many)],
)
def test_a_broken_declaration_is_named(code: str, broken: Any, monkeypatch):
    monkeypatch.setattr(registry, "folder", lambda slug: Path(checks.__file__).parents[1] / "providers" / "xero")
    found = dict(checks.problems(broken))
    assert code in found, found
    assert len(found[code]) > 10
    assert checks.HINTS[code]


def test_the_providers_that_are_here_have_no_problem():
    assert [message for message in django_checks.run_checks() if message.id.startswith("integrations.")] == []


def test_a_provider_that_cannot_be_imported_is_a_message_not_a_crash(monkeypatch):
    def broken() -> None:
        raise SyntaxError("providers/acme/provider.py, line 3")

    monkeypatch.setattr(registry, "all_providers", broken)
    (message,) = checks.declarations(None)
    assert message.id == "integrations.E001"
    assert "providers/acme/provider.py, line 3" in message.msg


def test_a_target_that_refers_to_nothing_is_named(monkeypatch):
    odd = replace(targets.get("finance.invoice"), refs={"party": "finance.nobody"}, natural_keys=(("colour",),))
    found = [sentence for _, sentence in checks._target(odd)]
    assert len(found) == 2
    assert "colour" in found[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A copy of Xero's folder that may be broken."""
    import shutil

    copy = tmp_path / "xero"
    shutil.copytree(registry.folder("xero"), copy)
    monkeypatch.setattr(registry, "folder", lambda slug: copy)
    return copy


def codes() -> list[str]:
    return [code for code, _ in checks.problems(XERO)]


def test_a_folder_without_its_files_is_named(folder: Path):
    (folder / "logo.svg").unlink()
    (folder / "samples" / "contacts.json").unlink()
    (folder / "samples" / "invoices.json").write_text('{"Invoices": ')
    (folder / "samples" / "payments.json").write_text('{"Payment": []}')
    assert codes() == ["E019", "E020", "E020", "E020"]


def test_a_folder_that_outgrew_its_limit_is_named(folder: Path):
    (folder / "hooks.py").write_text("\n".join(f"x{n} = {n}" for n in range(60)))
    assert codes() == ["E022", "E022"]


@pytest.mark.parametrize(
    "text", ["", "- a list", "samples: done", "{", *(f"{name}: perhaps" for name in ("manifest",))]
)
def test_an_incomplete_quality_file_is_named(folder: Path, text: str):
    (folder / "quality.yaml").write_text(text)
    assert codes() == ["E021"]


def test_an_exemption_needs_its_reason(folder: Path):
    text = (folder / "quality.yaml").read_text()
    (folder / "quality.yaml").write_text(text.replace("samples: done", "samples: exempt"))
    assert codes() == ["E021"]


def test_the_tier_follows_from_the_promises():
    all_done = {name: quality.Promise(status="done") for name in quality.PROMISES}
    assert quality.tier(all_done) == quality.GOLD
    assert quality.tier(all_done | {"depth": quality.Promise(status="todo")}) == quality.SILVER
    assert quality.tier(all_done | {"runbook": quality.Promise(status="todo")}) == quality.BRONZE
    assert quality.tier(all_done | {"samples": quality.Promise(status="todo")}) == ""
    exempt = quality.Promise(status="exempt", reason="No contract is published")
    assert quality.tier(all_done | {"vendor-contract": exempt}) == quality.SILVER, "no contract, no gold"


def test_lines_are_lines_of_code(tmp_path: Path):
    (tmp_path / "provider.py").write_text(
        '"""Doc."""\n\n# comment\nx = 1  # said\n\n\ndef f():\n    """Doc\n    more."""\n    return (\n        x\n    )\n'
    )
    assert quality.lines(tmp_path) == {"provider.py": 5}


def test_signing_in_by_a_lookup_fills_the_base_url():
    auth = registry.get("mailchimp").auth_of("oauth2")
    assert isinstance(auth, OAuth2)
    broken = replace(registry.get("mailchimp"), auth=replace(auth, lookup=None))
    assert "E008" in dict(checks.problems(broken))
