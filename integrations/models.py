"""The tables of a chapter's schema that belong to the platform. Each slice keeps its own; this page only names them."""

from .api.models import ApiKey, IdempotentRequest
from .changes.models import Change, ChangePosition, ChangeSet
from .conflicts.models import Conflict
from .connections.models import Connection, Credential
from .inbound.models import InboundEvent
from .mapping.models import FieldMapping, MappingVersion
from .matching.models import MatchReview, Merge
from .outbound.models import Attempt, Delivery, Endpoint, EndpointSecret, Event
from .sync.models import PlannedKey, QuarantinedRecord, QuarantineRetry, RecordLink, ResourceState, SeenKey, SyncRun
from .sync.push.models import OutboundWrite

__all__ = [
    "ApiKey", "Attempt", "Change", "ChangePosition", "ChangeSet", "Conflict", "Connection", "Credential", "Delivery",
    "Endpoint", "EndpointSecret", "Event", "FieldMapping", "IdempotentRequest", "InboundEvent", "MappingVersion",
    "MatchReview", "Merge", "OutboundWrite", "PlannedKey", "QuarantineRetry", "QuarantinedRecord", "RecordLink",
    "ResourceState", "SeenKey", "SyncRun",
]  # fmt: skip
