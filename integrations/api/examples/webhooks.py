"""What the answers about webhooks look like."""

from __future__ import annotations

from typing import Any

WEBHOOK: dict[str, Any] = {
    "id": "01980f6e-c9e6-7fa5-8b13-8f2a1d9e6043",
    "url": "https://hooks.example.org/chapterhouse",
    "description": "Newsletter",
    "events": ["member.*", "invoice.paid"],
    "filter": {},
    "version": 1,
    "enabled": True,
    "disabled_because": "",
    "failing_since": None,
    "last_success_at": "2026-02-01T03:00:05Z",
    "last_failure_at": None,
    "created_at": "2026-01-20T09:00:00Z",
}
EVENT_TYPE = {
    "name": "member.status.changed",
    "description": "A member's status went from one to another.",
    "version": 1,
    "target": "members.member",
    "schema": {"type": "object", "properties": {"from": {"type": "string"}, "to": {"type": "string"}}},
}
DELIVERY: dict[str, Any] = {
    "id": "01980f6e-d0f7-7ab6-9c24-9a3b2e0f7154",
    "event": "evt_01980f6ee1a87bc7ad350b4c3f1a8265",
    "type": "member.updated",
    "event_at": "2026-02-01T03:00:00Z",
    "state": "waiting",
    "tries": 1,
    "next_at": "2026-02-01T03:00:06Z",
    "status": 503,
    "error": "The endpoint answered 503.",
    "ended_at": None,
}
ATTEMPTED = {
    **DELIVERY,
    "attempts": [
        {
            "at": "2026-02-01T03:00:01Z",
            "ok": False,
            "status": 503,
            "milliseconds": 41,
            "answer": "Busy, try later",
            "error": "The endpoint answered 503.",
        }
    ],
}
