"""Which rows refer to a target's records: its own parts, and the columns of other targets' tables that hold its ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import models

from integrations import targets
from integrations.targets import Target


class Reference(NamedTuple):
    """A column of another table. `owner` is the target whose record (or part, then `part`) the row is; `field` its canonical
    reference, "" where it has none."""

    model: type[models.Model]
    column: str
    owner: Target
    field: str
    part: str = ""

    @property
    def label(self) -> str:
        """`Invoices`."""
        return str(self.model._meta.verbose_name_plural).capitalize()


def references(target: Target) -> list[Reference]:
    """Every column that holds the id of one of the target's records, without its own parts' parent."""
    own = {(child.model, child.parent) for child in target.children}
    return [
        Reference(model, field.attname, owner, _canonical(owner, field), part)
        for model, owner, part in _tables()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.related_model is target.model
        if (model, field.attname) not in own
    ]


def unknown_references(target: Target) -> list[str]:
    """Columns that refer to the target's records and belong to no target: a merge would not move them."""
    known = {model for model, _, _ in _tables()}
    return sorted(
        f"{relation.related_model._meta.label}.{relation.field.name}"
        for relation in target.model._meta.related_objects
        if isinstance(relation.related_model, type) and relation.related_model not in known
    )


def _tables() -> Iterator[tuple[type[models.Model], Target, str]]:
    for target in targets.all_targets().values():
        yield target.model, target, ""
        for child in target.children:
            yield child.model, target, child.field


def _canonical(owner: Target, field: models.Field[Any, Any]) -> str:
    return field.name if field.name in owner.refs else ""
