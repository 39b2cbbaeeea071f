"""Field mappings, their versions, and a mapping that is tried."""

from __future__ import annotations

STATUS_TABLE = [{"theirs": "ACTIVE", "ours": "active"}, {"theirs": "ARCHIVED", "ours": "archived"}]
MAPPINGS = {
    "mappings": [
        {
            "resource": "contacts",
            "field": "status",
            "kind": "field",
            "transform": "lookup",
            "source": "ContactStatus",
            "default_source": "ContactStatus",
            "table": STATUS_TABLE,
            "otherwise": None,
            "formula": "",
            "formula_out": "",
            "direction": "both",
            "owner": "theirs",
            "write": "always",
            "write_out": "always",
            "required": False,
            "overridden": True,
            "warnings": [],
        }
    ]
}
_STATUS = {"field": "status", "transform": "lookup", "source": "ContactStatus", "table": STATUS_TABLE}
_NAME = {"field": "name", "transform": "formula", "formula": 'join(" ", FirstName, LastName)', "direction": "in"}
DEVIATIONS = {
    "mappings": [{"resource": "contacts", **_STATUS}, {"resource": "contacts", "field": "phone", "source": ""}],
    "reapply": False,
    "note": "Ours are never archived by hand.",
}
MAPPING_TRIED = {"resource": "contacts", "mappings": [_NAME]}
MAPPING_PREVIEW = {
    "records": [
        {
            "key": "0d8f1a6e",
            "fields": [
                {
                    "field": "name",
                    "theirs": "FirstName: Ada, LastName: Lovelace",
                    "now": "Lovelace",
                    "then": "Ada Lovelace",
                    "error_now": "",
                    "error_then": "",
                    "changes": True,
                }
            ],
            "errors": [],
        }
    ],
    "message": "",
}
MAPPING_VERSION = {
    "resource": "contacts",
    "number": 2,
    "created_at": "2026-02-01T03:00:00Z",
    "who": "API key Website",
    "note": "Ours are never archived by hand.",
    "reapplied": False,
    "mappings": [_STATUS],
}
MAPPING_COMPARED = {
    "version": MAPPING_VERSION,
    "compared_with": 1,
    "differences": ["status: ContactStatus, looked up in a table, before: ContactStatus"],
}
