"""Ids that arrive as text: in an address, a form, an origin of the feed."""

from __future__ import annotations

from typing import Any
from uuid import UUID


def id_of(text: Any) -> UUID | None:
    """The id that a text spells; None where it spells none."""
    try:
        return UUID(str(text))
    except ValueError:
        return None
