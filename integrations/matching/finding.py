"""Records of ours found by what a person types."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from integrations.targets import Target

MOST = 20
# What a person knows a record by, as far as the table has it.
_SEARCHED = ("display_name", "name", "given_name", "family_name", "email", "number", "member_number", "phone")


class Found(NamedTuple):
    id: UUID
    name: str
    details: str


def find(target: Target, text: str) -> list[Found]:
    """Those in which every word occurs somewhere, the first twenty. One statement."""
    columns = [name for name in _SEARCHED if name in {field.name for field in target.model._meta.concrete_fields}]
    rows = target.model._base_manager.all()
    for word in text.split()[:5]:
        anywhere = Q()
        for column in columns:
            anywhere |= Q(**{f"{column}__icontains": word})
        rows = rows.filter(anywhere)
    shown = [name for name in columns if name not in ("display_name", "name", "given_name", "family_name")]
    return [
        Found(row.pk, str(row), ", ".join(str(value) for name in shown if (value := getattr(row, name))))
        for row in rows.order_by(*target.model._meta.ordering, "pk")[:MOST]
    ]
