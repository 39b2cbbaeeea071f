"""What we ask and what we take for granted, held to what each vendor publishes: path, method, query, headers, body, answer."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import jsonschema
import pytest

from integrations import registry
from integrations.lab import samples
from integrations.lab.forms import unbracketed
from integrations.lab.paging import wrapped
from integrations.lab.variation import Variation
from integrations.provider import (
    Accounts,
    CursorPage,
    Each,
    Field,
    Offset,
    PageNumber,
    Provider,
    Resource,
    SinglePage,
    dig,
)
from integrations.provider.money import exponent
from tests.providers.lab_client import LabClient
from tests.providers.plainly import canonical, inward, outward
from tests.providers.promises import Lab
from tests.providers.promises.writing import write
from tests.vendor_contracts import Contract, contract, document, needs_contracts

# Slug -> (contract, what our base URL has and its paths have not).
CONTRACTS = {
    "xero": ("xero/xero_accounting.json", ""),
    "stripe": ("stripe/stripe_2026-10-28.endive.from-sdk.json", ""),
    "mailchimp": ("mailchimp/marketing_3.0.55.json", ""),
}
RESOURCES = [(slug, resource.name) for slug in CONTRACTS for resource in registry.get(slug).resources]
WRITES = [(s, n) for s, n in RESOURCES if registry.get(s).resource(n).write]


def of(slug: str) -> Contract:
    return contract(CONTRACTS[slug][0])


def declared(slug: str, name: str) -> tuple[Provider, Resource]:
    return registry.get(slug), registry.get(slug).resource(name)


def plain(value: Any) -> Any:
    """Decimals as a JSON parser would give them."""
    return json.loads(json.dumps(value, default=float))


def refused(validator: jsonschema.Draft202012Validator, value: Any) -> list[str]:
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in validator.iter_errors(plain(value))
    ]


def query_of(slug: str, resource: Resource) -> dict[str, str]:
    """Every parameter that a read of this resource may send."""
    pages, cursor, sent = resource.pages, resource.cursor, dict(resource.params)
    if not isinstance(pages, SinglePage) and pages.size_param:
        sent[pages.size_param] = str(pages.size)
    if isinstance(pages, (PageNumber, Offset)):
        sent[pages.param] = "2"
    if isinstance(pages, CursorPage):
        sent[pages.param] = "xx_1"
    if cursor and cursor.param:
        sent[cursor.param] = cursor.spell(cursor.moment(dig(samples.of(slug).records(resource)[0], cursor.field)))
    return sent


def typed(value: Any) -> Any:
    """What a form or query means by its text: a number, true or false, else the text."""
    if isinstance(value, dict):
        return {name: typed(inner) for name, inner in value.items()}
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.lstrip("-").isdigit() else value


def readings(value: Any) -> Iterator[Any]:
    """A parameter as the vendor may take it."""
    yield value
    yield typed(value)
    if isinstance(value, str):
        yield value.split(",")


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), RESOURCES)
def test_every_parameter_of_a_read_is_one_the_vendor_knows(slug: str, name: str):
    _, resource = declared(slug, name)
    known = of(slug).parameters("GET", resource.path, "query")
    for parameter, value in unbracketed(urlencode(query_of(slug, resource)).encode()).items():
        assert parameter in known, f"{slug} does not know ?{parameter} of {resource.path}"
        assert any(of(slug).accepts(known[parameter]["schema"], reading) for reading in readings(value)), (
            parameter,
            value,
        )


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), RESOURCES)
def test_every_header_of_a_read_is_one_the_vendor_knows(slug: str, name: str):
    provider, resource = declared(slug, name)
    known = of(slug).parameters("GET", resource.path, "header")
    if resource.cursor and resource.cursor.header:
        assert resource.cursor.header.lower() in known
    if provider.accounts and provider.accounts.header:
        item = of(slug).spec["paths"][of(slug).path(resource.path)]
        assert provider.accounts.header.lower() in {
            of(slug).resolved(p)["name"].lower() for p in item.get("parameters", [])
        } | set(known)


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), RESOURCES)
def test_the_sample_is_an_answer_the_vendor_could_give(slug: str, name: str):
    _, resource = declared(slug, name)
    assert not refused(of(slug).answer("GET", resource.path), samples.of(slug).envelope(resource))


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), RESOURCES)
def test_what_the_lab_makes_of_it_is_one_too(slug: str, name: str):
    _, resource = declared(slug, name)
    other = Variation(samples.of(slug), "sydney", 3).of(samples.of(slug).envelope(resource))
    assert not refused(of(slug).answer("GET", resource.path), other)


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), RESOURCES)
def test_one_record_is_asked_for_where_the_vendor_has_it(slug: str, name: str):
    _, resource = declared(slug, name)
    if resource.one is None:
        pytest.skip(f"{slug} has no address for one of {name}")
    record = samples.of(slug).records(resource)[0]
    answer = wrapped(resource, samples.of(slug).envelope(resource), record)
    assert not refused(of(slug).answer("GET", f"{resource.path}/{{key}}"), answer)
    assert dig(answer, resource.one) == record


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), RESOURCES)
def test_every_field_we_read_is_a_field_the_vendor_has(slug: str, name: str):
    """A typing error in a path would read None for ever, and nobody would see it."""
    _, resource = declared(slug, name)
    schema = of(slug).answer_schema("GET", resource.path)
    for path in paths_of(resource):
        assert of(slug).names(schema, f"{resource.records}.0.{path}"), f"{slug}'s {name} have no {path}"


def paths_of(resource: Resource) -> Iterator[str]:
    """Every path that is read of a record, key and cursor included."""
    yield resource.key
    if resource.cursor:
        yield resource.cursor.field
    for field in resource.mapping.fields:
        if isinstance(field, Field):
            yield from field.sources
        elif isinstance(field, Each):
            sources = [path for inner in field.fields if isinstance(inner, Field) for path in inner.sources]
            yield from (path[1:] if path.startswith("/") else f"{field.source}.0.{path}" for path in sources)


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), WRITES)
def test_what_we_write_is_what_the_vendor_takes(slug: str, name: str):
    _, resource = declared(slug, name)
    write, spec = resource.write, of(slug)
    written = 0
    for record in samples.of(slug).records(resource):
        canonical(resource, record)
        body: Any = outward(resource, inward(resource, record))
        body = {write.wrap: [body] if write.list_wrap else body} if write.wrap else body
        for declaration in (write.create, write.update):
            method, path = declaration.split(" ")
            assert spec.body_type(method, path) == (
                "application/x-www-form-urlencoded" if write.body == "form" else "application/json"
            )
            assert not refused(spec.body(method, path), body)
            assert not list(spec.undeclared(body, spec.body_schema(method, path)))
            written += 1
    assert written


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), [(s, n) for s, n in WRITES if s == "xero"])
def test_the_idempotency_header_is_the_vendors(slug: str, name: str):
    _, resource = declared(slug, name)
    for declaration in (resource.write.create, resource.write.update):
        method, path = declaration.split(" ")
        assert resource.write.idempotency.lower() in of(slug).parameters(method, path, "header")


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), [(s, n) for s, n in WRITES if registry.get(s).resource(n).write.batch > 1])
def test_a_call_of_many_is_one_the_vendor_takes(slug: str, name: str):
    """Its parameters, the key in each changed record, and where a refusal of one says why."""
    _, resource = declared(slug, name)
    write, record = resource.write, samples.of(slug).records(resource)[-1]
    one = outward(resource, inward(resource, record))
    for declaration, element in (
        (write.create, one),
        (write.update_all, {**one, resource.key: dig(record, resource.key)}),
    ):
        method, path = declaration.split(" ")
        known = of(slug).parameters(method, path, "query")
        assert set(write.batch_params) <= set(known)
        assert all(of(slug).accepts(known[one]["schema"], typed(said)) for one, said in write.batch_params.items())
        assert write.idempotency.lower() in of(slug).parameters(method, path, "header")
        assert not refused(of(slug).body(method, path), {write.wrap: [element, element]})
        assert of(slug).names(of(slug).answer_schema(method, path), f"{write.wrap}.0.{write.refused}")


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), [(s, n) for s, n in WRITES if registry.get(s).resource(n).write.find])
def test_what_was_not_answered_is_looked_for_as_the_vendor_lets_us(slug: str, name: str):
    _, resource = declared(slug, name)
    find = resource.write.find
    assert set(find.params) <= set(of(slug).parameters("GET", resource.path, "query"))
    sent = outward(resource, inward(resource, samples.of(slug).records(resource)[-1]))
    assert any(dig(sent, path) for path in find.equal), "what is sent says nothing it could be recognised by"
    schema = of(slug).answer_schema("GET", resource.path)
    assert all(of(slug).names(schema, f"{resource.records}.0.{path}") for path in find.equal)


@needs_contracts
@pytest.mark.parametrize("slug", CONTRACTS)
def test_the_account_and_the_test_are_asked_for_where_they_are(slug: str):
    provider, known = registry.get(slug), samples.of(slug)
    accounts: Accounts = provider.accounts
    if slug == "xero":  # a document of its own, which writes the path with a capital
        identity = contract("xero/xero-identity.json")
        assert urlsplit(accounts.path).path == "/Connections".lower()
        assert not refused(identity.answer("GET", "/Connections"), known.answer("_accounts"))
    else:
        assert not refused(of(slug).answer("GET", accounts.path), known.answer("_accounts"))
    if provider.test != accounts.path:
        assert not refused(of(slug).answer("GET", provider.test), known.answer("_test"))


@needs_contracts
def test_xero_signs_in_where_its_contract_says():
    provider = registry.get("xero")
    flow = document("xero/xero_accounting.json")["components"]["securitySchemes"]["OAuth2"]["flows"][
        "authorizationCode"
    ]
    assert (provider.auth.authorize, provider.auth.token) == (flow["authorizationUrl"], flow["tokenUrl"])
    assert provider.base_url == document("xero/xero_accounting.json")["servers"][0]["url"]


@needs_contracts
def test_stripe_is_pinned_to_the_version_of_its_contract():
    assert registry.get("stripe").api_version == of("stripe").spec["info"]["version"]
    assert registry.get("stripe").headers["Stripe-Version"] == registry.get("stripe").api_version


@needs_contracts
def test_xero_webhooks_are_those_of_its_contract():
    spec = contract("xero/xero-webhooks.json")
    validator = spec.validator("components", "schemas", "WebhookEvent")
    webhook = registry.get("xero").webhook
    for topic, delivery in samples.of("xero").answer("_webhooks").items():
        assert not refused(validator, delivery)
        event = dig(delivery, webhook.events)[0]
        assert dig(event, webhook.topic) == topic
        assert webhook.topics[topic]
        assert dig(event, webhook.account)
        assert dig(event, webhook.record)


ACTIONS = [(slug, action.name) for slug in CONTRACTS for action in registry.get(slug).actions]


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), ACTIONS)
def test_what_an_action_sends_is_what_the_vendor_takes(slug: str, name: str, lab: Lab):
    provider, example = registry.get(slug), samples.of(slug).answer("_actions")[name]
    client = LabClient(provider, lab.url).sign_in()
    client.to_lab.sent.clear()
    next(action for action in provider.actions if action.name == name).run(client, example["input"])
    method, _, path = example["request"].partition(" ")
    (sent,) = client.to_lab.sent
    body = sent.body if isinstance(sent.body, bytes) else sent.body.encode()
    form = of(slug).body_type(method, path) == "application/x-www-form-urlencoded"
    assert sent.headers["Content-Type"].startswith(of(slug).body_type(method, path))
    told = typed(unbracketed(body)) if form else json.loads(body)
    assert not refused(of(slug).body(method, path), told)
    assert not list(of(slug).undeclared(told, of(slug).body_schema(method, path)))
    if example["answer"]:
        assert not refused(of(slug).answer(method, path), example["answer"])


@needs_contracts
@pytest.mark.parametrize(("slug", "name"), WRITES)
def test_what_the_lab_answers_to_a_write_is_an_answer_the_vendor_could_give(slug: str, name: str, lab: Lab):
    _, resource = declared(slug, name)
    client = LabClient(registry.get(slug), lab.url).sign_in()
    made = write(client, resource, outward(resource, inward(resource, samples.of(slug).records(resource)[-1])))
    method, path = resource.write.create.split(" ")
    assert not refused(of(slug).answer(method, path), made.json())


# --- every word of every enumeration ---------------------------------------------------------------------------------------

X, S, M = "xero", "stripe", "mailchimp"
SCHEMA = ("components", "schemas")
MEMBERS = ("paths", "/lists/{list_id}/members", "get", "responses", "200", "content", "application/json", "schema")
ENUMS = [
    (X, "contacts", "status", (*SCHEMA, "Contact", "properties", "ContactStatus")),
    (X, "invoices", "type", (*SCHEMA, "Invoice", "properties", "Type")),
    (X, "invoices", "status", (*SCHEMA, "Invoice", "properties", "Status")),
    (X, "invoices", "tax_mode", (*SCHEMA, "LineAmountTypes")),
    (X, "credit_notes", "type", (*SCHEMA, "CreditNote", "properties", "Type")),
    (X, "credit_notes", "status", (*SCHEMA, "CreditNote", "properties", "Status")),
    (X, "payments", "status", (*SCHEMA, "Payment", "properties", "Status")),
    (X, "payments", "direction", (*SCHEMA, "Payment", "properties", "PaymentType")),
    (X, "accounts", "status", (*SCHEMA, "Account", "properties", "Status")),
    (X, "accounts", "category", (*SCHEMA, "Account", "properties", "Class")),
    (X, "accounts", "kind", (*SCHEMA, "AccountType")),
    (X, "tax_rates", "status", (*SCHEMA, "TaxRate", "properties", "Status")),
    (S, "charges", "status", (*SCHEMA, "Charge", "properties", "status")),
    (S, "disputes", "status", (*SCHEMA, "Dispute", "properties", "status")),
    (S, "refunds", "reason", (*SCHEMA, "Refund", "properties", "reason")),
    (S, "balance_transactions", "kind", (*SCHEMA, "BalanceTransaction", "properties", "type")),
    (M, "members", "consents", (*MEMBERS, "properties", "members", "items", "properties", "status")),
]
# The SDK states these as plain text; their words stand in Stripe's reference (docs.stripe.com/api/refunds/object and so on).
OPEN = [
    (S, "refunds", "status", "pending requires_action succeeded failed canceled"),
    (S, "payouts", "status", "paid pending in_transit canceled failed"),
    (S, "balance_transactions", "status", "available pending"),
]


def word_said(slug: str, name: str, to: str, word: str) -> Any:
    """What becomes of a sample when the vendor says that word in that field."""
    _, resource = declared(slug, name)
    field = next(field for field in resource.mapping.fields if isinstance(field, Field) and field.to == to)
    record = copy.deepcopy(samples.of(slug).records(resource)[0])
    record["status" if "status" in field.sources else field.sources[0]] = word
    return inward(resource, record)[to]


@needs_contracts
@pytest.mark.parametrize(("slug", "name", "to", "where"), ENUMS, ids=["-".join(one[:3]) for one in ENUMS])
def test_every_word_of_the_contract_has_a_word_of_ours(slug: str, name: str, to: str, where: tuple[str, ...]):
    words = of(slug).enum(*where) - {""}
    assert words
    assert all(word_said(slug, name, to, word) is not None for word in words)


@pytest.mark.parametrize(("slug", "name", "to", "words"), OPEN, ids=["-".join(one[:3]) for one in OPEN])
def test_every_word_of_the_reference_has_a_word_of_ours(slug: str, name: str, to: str, words: str):
    assert all(word_said(slug, name, to, word) is not None for word in words.split())


def test_mailchimps_status_is_our_consent_word_for_word():
    expected = {
        "subscribed": "granted", "unsubscribed": "withdrawn", "pending": "pending_double_opt_in",
        "cleaned": "suppressed", "transactional": "not_asked", "archived": "not_asked",
    }  # fmt: skip
    assert {word: word_said("mailchimp", "members", "consents", word)[0]["state"] for word in expected} == expected


# --- Stripe's own sample objects ---------------------------------------------------------------------------------------------

FIXTURES = {
    "customers": "customer", "charges": "charge", "refunds": "refund", "disputes": "dispute", "payouts": "payout",
    "balance_transactions": "balance_transaction",
}  # fmt: skip
AMOUNTS = {
    "charges": {"amount": "amount", "refunded": "amount_refunded"}, "refunds": {"amount": "amount"},
    "disputes": {"amount": "amount"}, "payouts": {"amount": "amount"},
    "balance_transactions": {"gross": "amount", "fee": "fee", "net": "net"},
}  # fmt: skip


@needs_contracts
@pytest.mark.parametrize("name", FIXTURES)
def test_stripes_own_sample_objects_map_without_loss_of_a_cent(name: str):
    _, resource = declared("stripe", name)
    fixture = document("stripe/fixtures3.2026-08-21.json")["resources"][FIXTURES[name]]
    record = canonical(resource, fixture)
    for ours, theirs in AMOUNTS.get(name, {}).items():
        money = getattr(record, ours)
        assert (money.minor, money.currency) == (fixture[theirs], fixture["currency"].upper())
    assert record.model_dump()


STRIPE_UNITS = {"ISK": 2, "UGX": 2, "MGA": 0}  # https://docs.stripe.com/currencies#special-cases


@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd", "isk", "ugx", "mga", "huf", "twd", "krw", "xof"])
@pytest.mark.parametrize("name", AMOUNTS)
def test_stripes_units_are_the_currencys_own_here(name: str, currency: str):
    _, resource = declared("stripe", name)
    code = currency.upper()
    record = copy.deepcopy(samples.of("stripe").records(resource)[0])
    amounts = {"amount": 123400, "fee": 1400, "net": 122000, "amount_refunded": 0}
    record |= {"currency": currency, **{k: v for k, v in amounts.items() if k in record}}
    money = getattr(canonical(resource, record), next(iter(AMOUNTS[name])))
    places = STRIPE_UNITS.get(code, exponent(code))
    assert Decimal(money.minor).scaleb(-exponent(code)) == Decimal(123400).scaleb(-places)


def test_a_fraction_that_stripe_cannot_mean_is_refused():
    _, resource = declared("stripe", "charges")
    record = samples.of("stripe").records(resource)[0] | {"currency": "isk", "amount": 123450, "amount_refunded": 0}
    with pytest.raises(ValueError, match="more decimals than ISK"):
        inward(resource, record)
