"""Which OAuth app a chapter signs in with: its own where it has one, else the hub's."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F, Q

from integrations.http.caller import Caller
from integrations.hub.models import Chapter, ProviderApp
from integrations.provider import Provider

from .errors import ConnectError


def find(provider: Provider, environment: str, chapter: Chapter) -> ProviderApp:
    """ConnectError when nobody registered one. The lab takes any app, so there it is made up."""
    if environment == "lab":
        app, _ = ProviderApp.objects.get_or_create(
            provider=provider.slug,
            environment=environment,
            chapter=None,
            defaults={"client_id": "lab", "client_secret": "lab"},
        )
        return app
    found = (
        ProviderApp.objects.filter(
            Q(chapter=chapter) | Q(chapter=None), provider=provider.slug, environment=environment
        )
        .order_by(F("chapter_id").asc(nulls_last=True))
        .first()
    )
    if found is None:
        raise ConnectError(
            f"No {provider.name} app is registered here for the {environment} environment, so nobody can sign in yet. "
            f"The hub operator registers one at {provider.website} and enters its client id and secret."
        )
    return found


def get(app_id: UUID | None, caller: Caller) -> ProviderApp:
    """The app that minted a token: no other can refresh it. ConnectError when it is gone, or is now another vendor's or
    environment's: its secret is told to nobody else."""
    found = ProviderApp.objects.filter(pk=app_id, provider=caller.provider.slug, environment=caller.environment).first()
    if found is None:
        raise ConnectError(
            f"The {caller.provider.name} app this connection signed in with is no longer registered: reconnect it."
        )
    return found
