"""Which connection an address means. `/connections/{id}/...` is the full form; `/integrations/{slug}/...` means the only one
of that provider."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.request import Request

from integrations import registry, targets
from integrations.connections.models import Connection
from integrations.provider import Provider, Resource
from integrations.targets import Target

from .permissions import may_use
from .problems import Problem
from .serializers.connections import connection_url
from .view import ApiView

LIVE = (Connection.Status.CONNECTED, Connection.Status.ERROR)


class ConnectionView(ApiView):
    """A view of one connection, found before the method runs."""

    connection: Connection
    provider: Provider

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "connection_id" in kwargs:
            self.connection = connection_by_id(kwargs["connection_id"])
            self.provider = installed(self.connection)
        else:
            self.provider = provider_by_slug(kwargs["slug"])
        may_use(request, self, self.provider)
        if "connection_id" not in kwargs:
            self.connection = only_connection(self.provider)

    def resource(self, name: str) -> tuple[Resource, Target]:
        """The provider's resource of that name and what its records become; 404 naming those there are."""
        try:
            resource = self.provider.resource(name)
        except KeyError:
            known = ", ".join(resource.name for resource in self.provider.resources)
            raise Problem(404, f"{self.provider.name} has no resource '{name}'. It has: {known}.") from None
        return resource, targets.get(resource.target)

    def live_connection(self) -> Connection:
        """The connection, when the vendor can be asked through it; 409 with the remedy otherwise."""
        if self.connection.status in LIVE:
            return self.connection
        expired = self.connection.status == Connection.Status.EXPIRED
        raise Problem(
            409,
            f"The connection '{self.connection.name}' to {self.provider.name} is"
            f" {self.connection.get_status_display().lower()}: connect it again.",
            kind="reconnect-needed" if expired else "not-connected",
        )


def provider_by_slug(slug: str) -> Provider:
    try:
        return registry.get(slug)
    except registry.UnknownProvider as unknown:
        raise Problem(404, str(unknown), kind="unknown-integration") from None


def installed(connection: Connection) -> Provider:
    """The connection's provider; 409 when it is no longer installed."""
    try:
        return registry.get(connection.provider)
    except registry.UnknownProvider:
        raise Problem(
            409, f"The provider '{connection.provider}' of '{connection.name}' is not installed.", kind="not-installed"
        ) from None


def connection_by_id(pk: UUID) -> Connection:
    found = Connection.objects.filter(pk=pk).first()
    if found is None:
        raise Problem(404, "There is no such connection.")
    return found


def only_connection(provider: Provider) -> Connection:
    """The provider's only connection. One that was disconnected counts only where no other is left.

    404 when there is none, 409 naming all when there are several.
    """
    found = list(Connection.objects.filter(provider=provider.slug).order_by("pk"))
    several = [c for c in found if c.status != Connection.Status.DISCONNECTED] or found
    if not several:
        raise Problem(
            404,
            f"{provider.name} is not connected. Connect it with POST integrations/{provider.slug}/connect.",
            kind="not-connected",
        )
    if len(several) > 1:
        raise Problem(
            409,
            f"There are {len(several)} connections to {provider.name}. Use the address of the one you mean.",
            kind="several-connections",
            extra={
                "connections": [{"id": str(c.pk), "name": c.name, "url": connection_url(c)} for c in several],
            },
        )
    return several[0]
