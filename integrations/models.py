"""The tables of a chapter's schema that belong to the platform. Each slice keeps its own; this page only names them."""

from .api.models import ApiKey, IdempotentRequest
from .connections.models import Connection, Credential
from .mapping.models import FieldMapping
from .sync.models import QuarantinedRecord, RecordLink, ResourceState, SeenKey, SyncRun

__all__ = [
    "ApiKey", "Connection", "Credential", "FieldMapping", "IdempotentRequest", "QuarantinedRecord", "RecordLink",
    "ResourceState", "SeenKey", "SyncRun",
]  # fmt: skip
