"""Where a record is now that was merged into another."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.connections.models import Connection
from integrations.matching.aliases import standing
from integrations.sync.models import RecordLink
from integrations.targets import Target

from .problems import Problem
from .serializers.records import MergedSerializer


def elsewhere(request: Request, connection: Connection, resource: str, target: Target, record_id: UUID) -> Response:
    """For a record that this resource does not know: 301 to the same address of the record that stands for it now, if it knows
    that. Nobody on the way keeps the answer (ApiView), for a merge may be undone. Raises 404 where there is none."""
    survivor = standing(target, [record_id]).get(record_id)
    links = RecordLink.objects.filter(connection=connection, resource=resource, record_id=survivor)
    if not links.exists():
        raise Problem(404, f"There is no such record among the {resource} of '{connection.name}'.")
    address = request.path.replace(str(record_id), str(survivor))
    told = {
        "id": record_id,
        "merged_into": survivor,
        "url": address,
        "detail": f"This record was merged into {survivor}.",
    }
    return Response(MergedSerializer(told).data, status=301, headers={"Location": address})
