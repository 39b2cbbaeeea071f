"""The JSON Schemas of what events say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.targets import Target

from .catalogue import EventType, Meaning

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT = {"type": "string"}
ID = {"type": "string", "format": "uuid"}


def shape(properties: Mapping[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with these names. Names may be added to a version, so others are no mistake."""
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
    }


def of_record(
    name: str, target: Target, meaning: Meaning, description: str, more: Mapping[str, Any] | None = None
) -> EventType:
    """An event that is made from changes of a target's records. `more`: what its meaning adds to the data."""
    return EventType(
        name=name,
        description=description,
        target=target.name,
        meaning=meaning,
        schema=shape(
            {
                "id": {**ID, "description": "The record's id here, stable for life."},
                "target": {"const": target.name},
                "schema": {"const": target.canonical.URN, "description": "Of `record`; see /api/v1/schemas."},
                "version": {"type": "integer", "description": "Grows with every change here."},
                "record": {"type": "object", "description": "The record as it was when the event was made."},
                "changed": {
                    "type": "array",
                    "items": TEXT,
                    "description": "The fields that changed; empty for a record that was made.",
                },
                "origin": {**TEXT, "description": "Who changed it, in words, without a person's name."},
                **(more or {}),
            }
        ),
    )
