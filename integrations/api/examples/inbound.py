"""What vendors deliver."""

from __future__ import annotations

from typing import Any

WEBHOOK_ADDRESS: dict[str, Any] = {
    "url": "https://hub.example/api/v1/webhooks/stripe/sydney",
    "for_all": False,
    "signed": True,
    "ready": True,
}
INBOUND_EVENT: dict[str, Any] = {
    "id": "01980f6e-9b2e-7d4a-8e77-51f0c2aa0417",
    "topic": "customer.updated",
    "resource": "customers",
    "record": "cus_u1lXZaBJYhY9zC",
    "state": "done",
    "note": "Fetched and taken over.",
    "attempts": 1,
    "received_at": "2026-02-01T03:00:00Z",
    "done_at": "2026-02-01T03:00:00.412000Z",
    "run": None,
}
INBOUND_EVENT_DETAIL: dict[str, Any] = {**INBOUND_EVENT, "payload": '{"id":"evt_1","type":"customer.updated"}'}
