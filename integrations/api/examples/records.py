"""Records, possible duplicates, conflicts and schemas."""

from __future__ import annotations

from typing import Any

from .connections import CONNECTION

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
MERGED: dict[str, Any] = {
    "id": "01980f6e-8a01-7b11-9c55-3f1f0f6b2a91",
    "merged_into": RECORD["id"],
    "url": f"/api/v1/integrations/mailchimp/members/{RECORD['id']}",
    "detail": f"This record was merged into {RECORD['id']}.",
}
ACTION = {"input": {"amount": {"minor": 5000, "currency": "AUD", "exponent": 2}}, "confirm": False}
ACTION_ANSWER = {"result": {"url": "https://pay.example.org/p/1"}}
DUPLICATE: dict[str, Any] = {
    "id": "01980f6e-a3c1-7a52-8f11-6d0f0b7c4e21",
    "connection": CONNECTION["id"],
    "resource": "contacts",
    "external_id": "4711",
    "target": "members.member",
    "state": "open",
    "score": 54,
    "data": {"display_name": "Eva Novak", "email": "novaks@example.org"},
    "candidates": [
        {
            "id": RECORD["id"],
            "name": "Tom Novak",
            "score": 54,
            "reasons": ["same e-mail address (+50)", "same last name, other first name (a person decides)"],
            "data": {"display_name": "Tom Novak", "email": "novaks@example.org"},
        }
    ],
    "record": None,
    "created_at": "2026-02-01T03:00:00Z",
    "decided_at": None,
}
DUPLICATE_DECIDED = {"id": DUPLICATE["id"], "state": "linked", "record": RECORD["id"], "refused": ""}
MERGE: dict[str, Any] = {
    "id": "01980f6e-b7d4-7e83-9a02-7e1f0c8d5f32",
    "target": "members.member",
    "kept": RECORD["id"],
    "merged": "01980f6e-8a01-7b11-9c55-3f1f0f6b2b01",
    "label": "Ada Browne",
    "choices": {"phone": "merged"},
    "links_moved": 1,
    "created_at": "2026-02-01T03:00:00Z",
    "undone_at": None,
    "undoable": True,
}
MERGE_PREVIEW = {
    "target": "members.member",
    "choices": {"phone": "merged"},
    "moves": [{"label": "Consents", "count": 2}],
    "links": 1,
    "linked_twice": [],
}
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

CONFLICT: dict[str, Any] = {
    "id": "01980f6e-9c11-7aa0-9a52-6a5f3b1f7c20",
    "connection": CONNECTION["id"],
    "resource": "contacts",
    "target": "finance.party",
    "record_id": "01980f6e-8a01-7b11-9c55-3f1f0f6b2a90",
    "field": "phone",
    "part": [],
    "agreed": True,
    "base": "02 9000 0000",
    "ours": "02 9000 0001",
    "theirs": "02 9000 0002",
    "ours_by": "Ada Lovelace",
    "ours_at": "2026-02-01T02:40:00Z",
    "theirs_at": "2026-02-01T02:50:00Z",
    "state": "open",
    "resolution": "",
    "value": None,
    "resolved_by": "",
    "resolved_at": None,
    "created_at": "2026-02-01T03:00:00Z",
    "updated_at": "2026-02-01T03:00:00Z",
    "stamp": "5a1c0be7d9f2a344",
}
DECIDED_CONFLICT = {
    **CONFLICT,
    "state": "resolved",
    "resolution": "ours",
    "resolved_by": "Grace Hopper",
    "resolved_at": "2026-02-01T03:10:00Z",
}
DECISIONS = {"side": "theirs", "conflicts": [{"id": CONFLICT["id"], "stamp": CONFLICT["stamp"]}]}
DECIDED = {"resolved": [CONFLICT["id"]], "refused": []}
