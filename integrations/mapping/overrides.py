"""A connection's deviations from the provider's mapping, applied before it is compiled."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from integrations.connections.models import Connection
from integrations.provider import Const, Converter, Each, Field

from .formulas import LANGUAGE, BadFormula, Formula, formula
from .lookups import Scalar, lookup
from .models import FieldMapping

Step = Field | Const | Each


@dataclass(frozen=True, kw_only=True)
class Override:
    """The columns of a FieldMapping. `source` replaces the path (several are joined by commas; "" does not take the field at
    all); of a formula it is where the way out is written to."""

    source: str
    owner: str = "theirs"
    write: str = "always"
    transform: str = "direct"
    table: tuple[tuple[Scalar, Scalar], ...] = ()
    otherwise: Scalar | None = None
    formula: str = ""
    formula_out: str = ""
    direction: str = "both"
    write_out: str = "always"

    @property
    def taken(self) -> bool:
        """Whether there is anything to make a value of."""
        return bool(self.formula if self.transform == "formula" else self.source)


COLUMNS = tuple(field.name for field in dataclasses.fields(Override))
_FIRST = COLUMNS[:3]


def overrides_of(connection: Connection, resource: str) -> dict[str, Override]:
    """The connection's active deviations for one resource: canonical field -> Override."""
    rows = FieldMapping.objects.filter(connection=connection, resource=resource, is_active=True)
    return {row.field: override({name: getattr(row, name) for name in COLUMNS}) for row in rows}


def override(columns: Mapping[str, Any]) -> Override:
    """From the columns of a row, or a version's snapshot."""
    table = tuple((theirs, ours) for theirs, ours in columns.get("table", ()))
    return Override(**{name: columns[name] for name in COLUMNS if name in columns} | {"table": table})


def fingerprint(overrides: Mapping[str, Override]) -> str:
    """Part of every content hash: a changed deviation makes every record be looked at again. A deviation in path, owner and
    write mode alone is hashed as it was when there was nothing else."""
    if not overrides:
        return ""
    plain = {name: _plain(override) for name, override in overrides.items()}
    return hashlib.blake2b(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def _plain(override: Override) -> tuple[Any, ...]:
    before = tuple(getattr(override, name) for name in _FIRST)
    if override == Override(source=override.source, owner=override.owner, write=override.write):
        return before
    return (*dataclasses.astuple(override), LANGUAGE if override.transform == "formula" else 0)


def deviate(steps: Iterable[Step], overrides: Mapping[str, Override], resource: str = "") -> tuple[Step, ...]:
    """The mapping's steps as this connection wants them; a canonical field that only an override names is added. `resource`
    stands in sentences. Raises BadFormula."""
    steps = tuple(steps)
    known = {step.to for step in steps}
    added = tuple(
        _deviated(Field(name, ""), override, resource)
        for name, override in sorted(overrides.items())
        if name not in known and override.taken
    )
    kept = (step for step in steps if step.to not in overrides or overrides[step.to].taken)
    return (
        tuple(_deviated(step, overrides[step.to], resource) if step.to in overrides else step for step in kept) + added
    )


def source_of(step: Step) -> str:
    """The paths of a step as one text, as `Override.source` has them."""
    if isinstance(step, Const):
        return str(step.value)
    return ",".join(step.sources) if isinstance(step, Field) else step.source


def _deviated(step: Step, override: Override, resource: str) -> Step:
    if isinstance(step, Const):
        return step
    if isinstance(step, Each):
        return dataclasses.replace(step, source=override.source)
    rules = {"owner": override.owner, "write": override.write}
    if override.transform == "formula":
        made = Converter(_formula(step.to, override.formula), exact=True)
        return dataclasses.replace(step, source="", convert=made, **rules)
    if override.transform == "lookup":
        made = lookup(override.table, f"{resource}.{step.to}", override.otherwise)
        return dataclasses.replace(step, source=override.source, convert=made, **rules)
    paths = tuple(override.source.split(","))
    source = paths if isinstance(step.source, tuple) else override.source
    return dataclasses.replace(step, source=source, **rules)


def _formula(to: str, written: str) -> Formula:
    try:
        return formula(written)
    except BadFormula as error:
        raise BadFormula(f"{to}: {error}") from None
