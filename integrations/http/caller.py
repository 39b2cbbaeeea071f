"""On whose behalf a request leaves the house: what the limits are counted by, and what an error names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from integrations import registry
from integrations.provider import Provider

if TYPE_CHECKING:
    from integrations.connections.models import Connection
    from integrations.hub.models import Chapter


@dataclass(frozen=True, kw_only=True)
class Caller:
    """`account` is the vendor's account, or the connection where the vendor names none: what a rate limit is shared by."""

    provider: Provider
    chapter: str
    connection: str
    connection_id: UUID
    environment: str
    account: str
    resource: str = ""

    @classmethod
    def of(cls, connection: Connection, chapter: Chapter, resource: str = "") -> Caller:
        return cls(
            provider=registry.get(connection.provider),
            chapter=chapter.name,
            connection=connection.name,
            connection_id=connection.pk,
            environment=connection.environment,
            account=connection.account_id or str(connection.pk),
            resource=resource,
        )

    def sentence(self, happened: str, remedy: str) -> str:
        """`Xero did not answer (chapter Sydney, connection 'Ledger'). It is tried again by itself.`"""
        where = f"chapter {self.chapter}, connection '{self.connection}'"
        if self.resource:
            where += f", {self.resource}"
        return f"{self.provider.name} {happened} ({where}). {remedy}"
