"""On whose behalf a request leaves the house: what the limits are counted by, and what an error names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from integrations import registry
from integrations.provider import AuthExpired, Permanent, Provider
from integrations.provider.auth import Auth

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
        """Permanent when the connection's provider is no longer installed."""
        try:
            provider = registry.get(connection.provider)
        except registry.UnknownProvider:
            raise Permanent(
                f"The provider '{connection.provider}' is not installed here any more (chapter {chapter.name}, connection "
                f"'{connection.name}'). Whoever runs this server puts it back."
            ) from None
        return cls(
            provider=provider,
            chapter=chapter.name,
            connection=connection.name,
            connection_id=connection.pk,
            environment=connection.environment,
            account=connection.account_id or str(connection.pk),
            resource=resource,
        )

    def sign_in(self, kind: str) -> Auth:
        """The provider's declaration of that kind. AuthExpired when it no longer has it."""
        try:
            return self.provider.auth_of(kind)
        except KeyError:
            raise AuthExpired(self.sentence(f"is no longer connected by '{kind}'", "Reconnect it.")) from None

    def sentence(self, happened: str, remedy: str) -> str:
        """`Xero did not answer (chapter Sydney, connection 'Ledger'). It is tried again by itself.`"""
        where = f"chapter {self.chapter}, connection '{self.connection}'"
        if self.resource:
            where += f", {self.resource}"
        return f"{self.provider.name} {happened} ({where}). {remedy}"
