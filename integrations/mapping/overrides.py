"""A connection's deviations from the provider's mapping, applied before it is compiled."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from integrations.connections.models import Connection
from integrations.provider import Const, Each, Field

from .models import FieldMapping

Step = Field | Const | Each


@dataclass(frozen=True, kw_only=True)
class Override:
    """`source` replaces the path (several are joined by commas; "" does not take the field at all); `owner` and `write`
    replace the rules."""

    source: str
    owner: str = "theirs"
    write: str = "always"


def overrides_of(connection: Connection, resource: str) -> dict[str, Override]:
    """The connection's active deviations for one resource: canonical field -> Override."""
    rows = FieldMapping.objects.filter(connection=connection, resource=resource, is_active=True)
    return {row.field: Override(source=row.source, owner=row.owner, write=row.write) for row in rows}


def fingerprint(overrides: Mapping[str, Override]) -> str:
    """Part of every content hash: a changed deviation makes every record be looked at again."""
    if not overrides:
        return ""
    plain = {name: dataclasses.astuple(override) for name, override in overrides.items()}
    return hashlib.blake2b(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def deviate(steps: Iterable[Step], overrides: Mapping[str, Override]) -> tuple[Step, ...]:
    """The mapping's steps as this connection wants them; a canonical field that only an override names is added."""
    steps = tuple(steps)
    known = {step.to for step in steps}
    added = tuple(
        Field(name, override.source, owner=override.owner, write=override.write)
        for name, override in sorted(overrides.items())
        if name not in known and override.source
    )
    kept = (step for step in steps if step.to not in overrides or overrides[step.to].source)
    return tuple(_deviated(step, overrides[step.to]) if step.to in overrides else step for step in kept) + added


def source_of(step: Step) -> str:
    """The paths of a step as one text, as `Override.source` has them."""
    if isinstance(step, Const):
        return str(step.value)
    return ",".join(step.sources) if isinstance(step, Field) else step.source


def _deviated(step: Step, override: Override) -> Step:
    if isinstance(step, Const):
        return step
    if isinstance(step, Each):
        return dataclasses.replace(step, source=override.source)
    paths = tuple(override.source.split(","))
    source = paths if isinstance(step.source, tuple) else override.source
    return dataclasses.replace(step, source=source, owner=override.owner, write=override.write)
