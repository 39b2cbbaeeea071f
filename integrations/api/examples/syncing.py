"""Syncs: runs, plans, what they changed, what is set aside, schedules, and what is sent."""

from __future__ import annotations

from typing import Any

from .connections import CONNECTION

RUN: dict[str, Any] = {
    "id": "01980f6e-9b2e-7d4a-8e77-51f0c2aa01de",
    "connection": CONNECTION["id"],
    "resource": "invoices",
    "kind": "sync",
    "undoes": None,
    "state": "queued",
    "trigger": "api",
    "full": False,
    "plan_only": False,
    "decision": "",
    "total": None,
    "fetched": 0,
    "created": 0,
    "updated": 0,
    "unchanged": 0,
    "deleted": 0,
    "quarantined": 0,
    "pages": 0,
    "phase": "queued",
    "rate": None,
    "remaining": None,
    "ends_at": None,
    "resumes_at": None,
    "summary": "Waiting to start.",
    "held": 0,
    "conflicts": 0,
    "sent": 0,
    "refused": 0,
    "message": "",
    "created_at": "2026-02-01T03:00:00Z",
    "started_at": None,
    "progress_at": None,
    "finished_at": None,
}
DRIFT = {
    "path": "EmailAddress",
    "problem": "missing",
    "was": "84%",
    "now": "120",
    "since": "2026-02-01T02:45:00Z",
}
SET_ASIDE: dict[str, Any] = {
    "id": "01980f6e-a1c0-7e55-8f10-2b9a4f7c1d03",
    "resource": "invoices",
    "external_id": "INV-77",
    "reasons": [{"field": "total", "message": "is missing"}],
    "run": RUN["id"],
    "tries": 0,
    "tried_at": None,
    "created_at": "2026-02-01T03:00:00Z",
    "resolved_at": None,
    "dismissed_because": "",
}
SET_ASIDE_RECORD = {**SET_ASIDE, "form": "exact", "body": '{"InvoiceID": "INV-77"}'}
REASON_COUNTS = {"results": [{"resource": "invoices", "field": "total", "message": "is missing", "count": 214}]}
RETRY: dict[str, Any] = {
    "id": "01980f6e-b2d1-7f66-9021-3cab5e8d2e14",
    "connection": CONNECTION["id"],
    "resource": "invoices",
    "state": "queued",
    "total": 214,
    "tried": 0,
    "taken": 0,
    "message": "",
    "created_at": "2026-02-01T03:05:00Z",
    "finished_at": None,
}
SCHEDULE: dict[str, Any] = {
    "resource": "contacts",
    "enabled": True,
    "every_seconds": 3600,
    "chosen": True,
    "shortest_seconds": 180,
    "longest_seconds": 604800,
    "sweep_days": 3,
    "next_at": "2026-02-01T03:42:10Z",
    "words": "every hour, next at 14:42",
}
SYNC_STATUS = {
    "connection": CONNECTION["id"],
    "running": True,
    "resources": [
        {
            "resource": "invoices",
            "enabled": True,
            "sends": False,
            "creates": False,
            "cursor": "2026-01-31T22:15:00Z",
            "last_complete_at": "2026-02-01T02:45:00Z",
            "last_error": "",
            "drift": [DRIFT],
            "run": RUN,
        }
    ],
}
PLAN: dict[str, Any] = {
    "run": {**RUN, "state": "planned", "plan_only": True, "fetched": 41, "created": 40, "quarantined": 1},
    "stale": "",
    "plan": {
        "why": "first",
        "linked": 0,
        "limit": 100,
        "counts": {"created": 40, "updated": 0, "unchanged": 0, "deleted": 0, "quarantined": 1},
        "gone": 0,
        "samples": {
            "create": [
                {
                    "key": "243216c5-369e-4056-ac67-05388f86dc81",
                    "record": "",
                    "name": "INV-0041",
                    "changes": [{"field": "total", "label": "Total", "ours": "", "theirs": "1,234.50 AUD"}],
                }
            ],
            "update": [],
            "delete": [],
            "aside": [
                {"key": "8f1c2b7e", "reasons": ["due: due 5 is not total 6 - paid 0 - credited 0 (minor units)"]}
            ],
        },
        "reasons": [{"field": "due", "message": "due 5 is not total 6 - paid 0 - credited 0", "count": 1}],
        "more_reasons": 0,
        "skipped": {"unlinked": 0, "deleted_on_both_sides": 0},
        "irreversible": [],
        "notes": [],
    },
}
CHANGE: dict[str, Any] = {
    "id": 4711,
    "at": "2026-02-01T03:00:02Z",
    "who": "Xero, “Sydney ledger”",
    "why": "by the schedule",
    "run": RUN["id"],
    "target": "finance.invoice",
    "record": "01980f6e-8a01-7b11-9c55-3f1f0f6b2a90",
    "name": "INV-0041",
    "op": "update",
    "part": "",
    "row": "",
    "changes": [{"field": "due", "label": "Due", "before": "1,234.50 AUD", "after": "0.00 AUD"}],
}
UNDO: dict[str, Any] = {
    "refusal": "",
    "deleted": 3,
    "changed": 17,
    "restored": 0,
    "moved": 1,
    "used": 0,
    "checked": 20,
    "left": [
        {
            "target": "finance.invoice",
            "record": "01980f6e-8a01-7b11-9c55-3f1f0f6b2a90",
            "name": "INV-0041",
            "why": "It was changed since, by Ann Lee.",
        }
    ],
    "consequences": ["Values that are set back stay until Xero changes the same field again."],
}
OUTGOING = {
    "resource": "contacts",
    "sends": False,
    "creates": False,
    "comparing": False,
    "asks": False,
    "waiting": 0,
    "refused": 0,
    "doubtful": 0,
}
OUTGOING_DETAIL: dict[str, Any] = {
    **OUTGOING,
    "difference": {
        "linked": 240,
        "compared": 240,
        "differ": 1,
        "only_here": 3,
        "samples": [
            {
                "external_id": "6c2f0f0e-5d2a-4f6e-9f0b-6f1f3a1c9d10",
                "record_id": "01980f6e-8a01-7b11-9c55-3f1f0f6b2a90",
                "fields_that_differ": [{"field": "phone", "there": "02 5550 1001", "here": "0491 570 006"}],
            }
        ],
    },
}
WRITE: dict[str, Any] = {
    "id": "01980f6e-a001-7c10-8d42-0a6b7f1f2b31",
    "resource": "contacts",
    "record_id": "01980f6e-8a01-7b11-9c55-3f1f0f6b2a90",
    "external_id": "6c2f0f0e-5d2a-4f6e-9f0b-6f1f3a1c9d10",
    "op": "update",
    "state": "refused",
    "version": 2,
    "attempts": 1,
    "answer": "Xero said: “The contact name must be unique.”",
    "created_at": "2026-02-01T03:00:00Z",
    "sent_at": "2026-02-01T03:00:01Z",
    "finished_at": "2026-02-01T03:00:02Z",
}
