"""What answers look like, for the API's description. Checked against their schemas by the tests."""

from __future__ import annotations

from typing import Any

CONNECTION: dict[str, Any] = {
    "id": "01980f6e-7d1c-7c3e-b6a1-0b0f0a3d9d11",
    "url": "/api/v1/connections/01980f6e-7d1c-7c3e-b6a1-0b0f0a3d9d11",
    "provider": "xero",
    "name": "Sydney ledger",
    "environment": "live",
    "status": "connected",
    "status_since": "2026-02-01T02:58:00Z",
    "auth_kind": "oauth2",
    "account_id": "b6f2a7e0-5f0c-4b1e-9a43-0d3a9e6f1c52",
    "account_name": "Sydney Chapter Pty Ltd",
    "last_sync_at": "2026-02-01T03:00:00Z",
    "last_error": "",
    "connected_at": "2026-02-01T02:58:00Z",
    "created_at": "2026-02-01T02:55:00Z",
    "updated_at": "2026-02-01T03:00:00Z",
}
CONNECTION_STATUS = {
    "connection": CONNECTION["id"],
    "status": "connected",
    "status_since": "2026-02-01T02:58:00Z",
    "last_sync_at": "2026-02-01T03:00:00Z",
    "last_error": "",
    "missing_scopes": [],
}
TEST_RESULT = {"ok": True, "message": "Xero answered in 212 ms.", "milliseconds": 212}
ACCOUNTS = {
    "chosen": CONNECTION["account_id"],
    "results": [{"id": CONNECTION["account_id"], "name": CONNECTION["account_name"]}],
}
AUTHORIZE = {"authorize_url": "https://login.xero.com/identity/connect/authorize?response_type=code&state=..."}
INTEGRATION: dict[str, Any] = {
    "slug": "xero",
    "name": "Xero",
    "category": "accounting",
    "summary": "Contacts, invoices and payments of your ledger.",
    "website": "https://www.xero.com",
    "auth_kinds": ["oauth2"],
    "resources": ["contacts", "invoices"],
    "actions": [],
    "connected": True,
    "connections": [CONNECTION],
}
INTEGRATION_DETAIL = {
    **INTEGRATION,
    "auth": [{"kind": "oauth2", "label": "Sign in", "fields": []}],
    "resources": [
        {
            "name": "contacts",
            "label": "Contacts",
            "target": "finance.party",
            "schema": "urn:canonical:party:1.0.0",
            "writable": True,
            "every_seconds": 900,
        }
    ],
    "settings": {"type": "object", "properties": {}},
    "setup": ["Choose Sign in, and approve what is asked for."],
    "regions": ["US"],
    "api_version": "2.0",
}
RUN: dict[str, Any] = {
    "id": "01980f6e-9b2e-7d4a-8e77-51f0c2aa01de",
    "connection": CONNECTION["id"],
    "resource": "invoices",
    "state": "queued",
    "trigger": "api",
    "full": False,
    "total": None,
    "fetched": 0,
    "created": 0,
    "updated": 0,
    "unchanged": 0,
    "deleted": 0,
    "quarantined": 0,
    "message": "",
    "created_at": "2026-02-01T03:00:00Z",
    "started_at": None,
    "progress_at": None,
    "finished_at": None,
}
SYNC_STATUS = {
    "connection": CONNECTION["id"],
    "running": True,
    "resources": [
        {
            "resource": "invoices",
            "enabled": True,
            "cursor": "2026-01-31T22:15:00Z",
            "last_complete_at": "2026-02-01T02:45:00Z",
            "last_error": "",
            "run": RUN,
        }
    ],
}
SETTINGS = {"settings": {}, "schema": {"type": "object", "properties": {}}}
MAPPINGS = {
    "mappings": [
        {
            "resource": "contacts",
            "field": "name",
            "kind": "field",
            "source": "Name",
            "default_source": "Name",
            "owner": "theirs",
            "write": "always",
            "required": True,
            "overridden": False,
        }
    ]
}
DEVIATIONS = {"mappings": [{"resource": "contacts", "field": "phone", "source": "", "owner": "ours"}]}
RECORD = {
    "id": "01980f6e-8a01-7b11-9c55-3f1f0f6b2a90",
    "external_id": "tag-7",
    "resource": "tags",
    "target": "members.tag",
    "schema": "urn:canonical:tag:1.0.0",
    "state": "active",
    "first_seen": "2026-02-01T03:00:00Z",
    "last_changed": "2026-02-01T03:00:00Z",
    "version": 1,
    "data": {"name": "Volunteers", "size": 12},
    "links": [
        {
            "connection": CONNECTION["id"],
            "provider": "mailchimp",
            "resource": "tags",
            "external_id": "tag-7",
            "state": "active",
        }
    ],
}
ACTION = {"input": {"amount": {"minor": 5000, "currency": "AUD", "exponent": 2}}, "confirm": False}
ACTION_ANSWER = {"result": {"url": "https://pay.example.org/p/1"}}
CANONICAL_SCHEMAS = {
    "results": [
        {
            "urn": "urn:canonical:tag:1.0.0",
            "target": "members.tag",
            "label": "Tag",
            "url": "/api/v1/schemas/urn:canonical:tag:1.0.0",
        }
    ]
}
CANONICAL_SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:canonical:tag:1.0.0"}


def page(*results: dict[str, Any]) -> dict[str, Any]:
    return {"results": list(results), "next": None}
