"""Xero, the ledger. Contract: XeroAPI/Xero-OpenAPI, xero_accounting.yaml 16.1.0."""
# fmt: off

from datetime import timedelta
from functools import partial
from typing import Any

from integrations.provider import (
    Accounts, Cursor, Find, Flag, Hmac, OAuth2, PageNumber, Provider, RateLimit, Residency, Resource, Runbook, Scope, Webhook,
    Write,
)

from . import mapping

# Apps made since 2 March 2026 may only ask for granular scopes: https://developer.xero.com/faq/granular-scopes
SCOPES = (
    Scope("offline_access", "Stay connected while nobody is signed in"),
    Scope("accounting.contacts.read", "Read the people and organisations you invoice or pay"),
    Scope("accounting.invoices.read", "Read invoices, bills and credit notes"),
    Scope("accounting.payments.read", "Read the payments recorded against them"),
    Scope("accounting.settings.read", "Read the organisation's name, its chart of accounts and tax rates"),
    Scope("accounting.contacts", "Change contacts, and add a member before invoicing them", write=True),
    Scope("accounting.invoices", "Change invoices, and add them for dues and events", write=True),
)
CHANGED = Cursor(field="UpdatedDateUTC", header="If-Modified-Since")
# Oldest change first: a record changed while we read moves to a later page, never to one already seen.
PARAMS = {"order": "UpdatedDateUTC ASC"}


def collection(name: str, path: str, **more: Any) -> Resource:
    """Every answer of Xero, of one record too, is a list under the collection's own name."""
    return Resource(name, path=f"/{path}", records=path, one=f"{path}.0", mapping=getattr(mapping, name), **more)


def writable(path: str, *equal: str) -> Write:
    """How long Xero knows a key again is not published, so an unanswered creation is looked for first."""
    return Write(create=f"PUT /{path}", update=f"POST /{path}/{{key}}", update_all=f"POST /{path}", wrap=path, list_wrap=True,
                 batch=50, batch_params={"summarizeErrors": "false"}, refused="ValidationErrors.0.Message", empty="",
                 find=Find(params={"searchTerm": f"{{{equal[0]}}}"}, equal=equal), never={"Status": ("VOIDED", "DELETED")},
                 idempotency="Idempotency-Key")


paged = partial(collection, pages=PageNumber(size=500, size_param="pageSize"), cursor=CHANGED)
document = partial(paged, target="finance.invoice", params={**PARAMS, "unitdp": "4"}, deletes=Flag("Status", "DELETED"))

provider = Provider(
    slug="xero", name="Xero", category="accounting", website="https://www.xero.com",
    summary="Contacts, invoices, credit notes, payments, accounts and tax rates of a Xero organisation.",
    auth=OAuth2(authorize="https://login.xero.com/identity/connect/authorize", scopes=SCOPES,
                token="https://identity.xero.com/connect/token",  # noqa: S106
                revoke="https://identity.xero.com/connect/revocation",
                refresh_rotates=True, refresh_idle_days=60, grace_seconds=30 * 60),
    accounts=Accounts(path="https://api.xero.com/connections", records="", id="tenantId", name="tenantName",
                      header="Xero-Tenant-Id"),
    base_url="https://api.xero.com/api.xro/2.0", api_version="2.0", headers={"Accept": "application/json"},
    test="/Organisation", limits=RateLimit(per_minute=60, per_day=5000, concurrent=5),
    error=("Elements.0.ValidationErrors.0.Message", "Detail", "Message", "Title", "error_description", "error"),
    resources=(
        collection("accounts", "Accounts", key="AccountID", target="finance.account", cursor=CHANGED,
                   deletes=Flag("Status", "DELETED"), every=timedelta(hours=6)),
        collection("tax_rates", "TaxRates", key="TaxType", target="finance.tax_rate",
                   deletes=Flag("Status", "DELETED"), every=timedelta(hours=6)),
        paged("contacts", "Contacts", key="ContactID", target="finance.party",
              params={**PARAMS, "includeArchived": "true"}, write=writable("Contacts", "Name", "ContactNumber")),
        document("invoices", "Invoices", key="InvoiceID", label="Invoices and bills",
                 write=writable("Invoices", "InvoiceNumber", "Type")),
        document("credit_notes", "CreditNotes", key="CreditNoteID"),
        # No webhook tells of payments, so they are asked for often: 288 of the 5,000 calls of a day.
        paged("payments", "Payments", key="PaymentID", target="finance.payment", params=PARAMS,
              deletes=Flag("Status", "DELETED"), every=timedelta(minutes=5)),
    ),
    webhook=Webhook(verify=Hmac("x-xero-signature", encoding="base64"), app_level=True, events="events",
                    topic="eventCategory", record="resourceId", account="tenantId",
                    topics={"CONTACT": "contacts", "INVOICE": "invoices", "CREDITNOTE": "credit_notes"}),
    residency=Residency(regions=("US",), note="Xero keeps its customers' data with Amazon Web Services in the United States."),
    runbook=Runbook(
        owner="The chapter's treasurer; at Xero: Xero Central, 'Contact Xero support'.",
        throttling="60 calls a minute, 5,000 a day, 5 at once per organisation. A 429 says in Retry-After how long to wait.",
        fallback=("Look at https://status.xero.com. Nothing is lost: the next run reads all that changed since the last one.",
                  "Daily limit spent: syncs resume after midnight UTC. Ask which other apps use the same organisation.",
                  "After 60 days without a sync Xero forgets the connection: reconnect it.")),
    settings={"type": "object", "additionalProperties": False, "properties": {"write": {
        "type": "boolean", "default": False, "title": "Change contacts and invoices in Xero, and add them",
        "description": "Asks for the rights to do so when somebody signs in again."}}},
    setup=("Once for the hub: at developer.xero.com open 'My Apps', choose 'New app', then 'Web app'.",
           "Enter this installation's redirect address under 'Redirect URIs'.",
           "Under 'Configuration' copy the 'Client id' and choose 'Generate a secret'; enter both in the hub's admin.",
           "In a chapter: choose Connect, sign in to Xero, pick the organisation and choose 'Allow access'.",
           "Whoever connects needs the role 'Standard' or 'Adviser' in Xero."),
)
