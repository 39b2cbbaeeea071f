"""The records that are set aside, as people look through them: which, why how often, and what a person wants no more of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection as database
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from integrations.connections.models import Connection

from .models import QuarantinedRecord

MOST_GROUPS = 100
LONGEST_BECAUSE = 300

# `lines.3.amount` and `lines.7.amount` are one reason.
_FIELD = r"regexp_replace(coalesce(r.value ->> 'field', ''), '\.\d+', '.*', 'g')"
_MESSAGE = "coalesce(r.value ->> 'message', '')"
_HAS_REASON = f"""EXISTS (
    SELECT FROM jsonb_array_elements(integrations_quarantinedrecord.reasons) r WHERE {_FIELD} = %s AND {_MESSAGE} = %s)"""
_GROUPS = f"""
SELECT q.resource, {_FIELD}, {_MESSAGE}, count(DISTINCT q.id) AS n
FROM integrations_quarantinedrecord q, jsonb_array_elements(q.reasons) r
WHERE q.connection_id = %(connection)s AND q.resolved_at IS NULL AND (%(resource)s = '' OR q.resource = %(resource)s)
GROUP BY 1, 2, 3 ORDER BY n DESC, 1, 2, 3 LIMIT %(most)s
"""  # noqa: S608


class Group(NamedTuple):
    """How often one reason was given: `214 times: total: is missing`. A place in a list stands as `*`."""

    resource: str
    field: str
    message: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Which:
    """Open set-aside records of a connection: of one resource, for one reason (as a Group has it), since a moment, or those
    named. What is None does not narrow."""

    resource: str = ""
    field: str | None = None
    message: str | None = None
    since: datetime | None = None
    ids: tuple[UUID, ...] | None = None

    def rows(self, connection: Connection) -> QuerySet[QuarantinedRecord]:
        found = QuarantinedRecord.objects.filter(connection=connection, resolved_at=None)
        if self.resource:
            found = found.filter(resource=self.resource)
        if self.message is not None:
            reason = RawSQL(_HAS_REASON, [self.field or "", self.message], output_field=BooleanField())  # noqa: S611  # nosec B611 a constant
            found = found.filter(reason)
        if self.since is not None:
            found = found.filter(created_at__gte=self.since)
        if self.ids is not None:
            found = found.filter(pk__in=self.ids)
        return found

    def stored(self) -> dict[str, Any]:
        """As JSON, without the resource."""
        kept = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        kept.pop("resource")
        if self.since is not None:
            kept["since"] = self.since.isoformat()
        if self.ids is not None:
            kept["ids"] = [str(one) for one in self.ids]
        return kept

    @classmethod
    def of(cls, resource: str, stored: Mapping[str, Any]) -> Which:
        """What `stored` said."""
        since, ids = stored.get("since"), stored.get("ids")
        return cls(
            resource=resource,
            field=stored.get("field"),
            message=stored.get("message"),
            since=datetime.fromisoformat(since) if since else None,
            ids=tuple(UUID(one) for one in ids) if ids is not None else None,
        )


def groups(connection: Connection, resource: str = "") -> list[Group]:
    """The reasons of what is set aside, the most frequent first; one query."""
    asked = {"connection": connection.pk, "resource": resource, "most": MOST_GROUPS}
    with database.cursor() as cursor:
        cursor.execute(_GROUPS, asked)
        return [Group(*row) for row in cursor.fetchall()]


def dismiss(connection: Connection, which: Which, because: str, *, user: Any = None) -> int:
    """Nobody wants these any more, and why; returns how many. The same record, refused again for the same reasons, is not set
    aside again; when it changes there, it is looked at anew. ValueError without a reason."""
    because = because.strip()[:LONGEST_BECAUSE]
    if not because:
        raise ValueError("Say why: whoever looks at it next wants to know.")
    by = user if user is not None and user.is_authenticated else None
    return which.rows(connection).update(resolved_at=timezone.now(), dismissed_because=because, dismissed_by=by)
