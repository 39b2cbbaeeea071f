"""Connections and what can be connected."""

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
    "plan_first": True,
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
SETTINGS = {"settings": {}, "schema": {"type": "object", "properties": {}}}
