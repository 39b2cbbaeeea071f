"""What answers look like, for the API's description. Checked against their schemas by the tests."""

from __future__ import annotations

from typing import Any

from .connections import (
    ACCOUNTS,
    AUTHORIZE,
    CONNECTION,
    CONNECTION_STATUS,
    INTEGRATION,
    INTEGRATION_DETAIL,
    SETTINGS,
    TEST_RESULT,
)
from .mappings import (
    DEVIATIONS,
    MAPPING_COMPARED,
    MAPPING_PREVIEW,
    MAPPING_TRIED,
    MAPPING_VERSION,
    MAPPINGS,
    STATUS_TABLE,
)
from .records import (
    ACTION,
    ACTION_ANSWER,
    CANONICAL_SCHEMA,
    CANONICAL_SCHEMAS,
    CONFLICT,
    DECIDED,
    DECIDED_CONFLICT,
    DECISIONS,
    DUPLICATE,
    DUPLICATE_DECIDED,
    MERGE,
    MERGE_PREVIEW,
    RECORD,
)
from .syncing import (
    CHANGE,
    DRIFT,
    OUTGOING,
    OUTGOING_DETAIL,
    PLAN,
    REASON_COUNTS,
    RETRY,
    RUN,
    SCHEDULE,
    SET_ASIDE,
    SET_ASIDE_RECORD,
    SYNC_STATUS,
    UNDO,
    WRITE,
)
from .webhooks import ATTEMPTED, DELIVERY, EVENT_TYPE, WEBHOOK

__all__ = [
    "ACCOUNTS", "ACTION", "ACTION_ANSWER", "ATTEMPTED", "AUTHORIZE", "CANONICAL_SCHEMA", "CANONICAL_SCHEMAS", "CHANGE",
    "CONFLICT", "CONNECTION", "CONNECTION_STATUS", "DECIDED", "DECIDED_CONFLICT", "DECISIONS", "DELIVERY", "DEVIATIONS",
    "DRIFT", "DUPLICATE", "DUPLICATE_DECIDED", "EVENT_TYPE", "INTEGRATION", "INTEGRATION_DETAIL", "MAPPINGS",
    "MAPPING_COMPARED", "MAPPING_PREVIEW", "MAPPING_TRIED", "MAPPING_VERSION", "MERGE", "MERGE_PREVIEW", "OUTGOING",
    "OUTGOING_DETAIL", "PLAN", "REASON_COUNTS", "RECORD", "RETRY", "RUN", "SCHEDULE", "SETTINGS", "SET_ASIDE",
    "SET_ASIDE_RECORD", "STATUS_TABLE", "SYNC_STATUS", "TEST_RESULT", "UNDO", "WEBHOOK", "WRITE", "page",
]  # fmt: skip


def page(*results: dict[str, Any]) -> dict[str, Any]:
    return {"results": list(results), "next": None}
