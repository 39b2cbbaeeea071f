"""Which tables the feed sees: those of every target and of its parts."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

from integrations import targets

# They change with every write and say nothing by themselves.
UNTOLD = frozenset({"version", "created_at", "updated_at"})


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A table whose rows are changes of `target`'s records; `aggregate` is the column that holds the record's id."""

    model: type[models.Model]
    target: str
    aggregate: str
    part: str = ""

    @property
    def table(self) -> str:
        return str(self.model._meta.db_table)

    @property
    def key(self) -> str:
        return str(self.model._meta.pk.column)

    @property
    def told(self) -> tuple[str, ...]:
        """The columns whose change is one."""
        columns = (field.column for field in self.model._meta.concrete_fields)
        return tuple(column for column in columns if column != self.key and column not in UNTOLD)


def watched() -> list[Watched]:
    found = []
    for target in targets.all_targets().values():
        found.append(Watched(model=target.model, target=target.name, aggregate=str(target.model._meta.pk.column)))
        for child in target.children:
            column = str(child.model._meta.get_field(child.parent).column)
            found.append(Watched(model=child.model, target=target.name, aggregate=column, part=child.field))
    return found
