"""Whether the caller may do this: one declaration per view serves keys and people."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from integrations import registry, roles
from integrations.provider import Provider
from integrations.targets import Target

from .models import ApiKey
from .problems import Problem
from .scopes import SCOPES


class HasScope(BasePermission):
    """A view declares `scopes = {"GET": "integrations:read", ...}`. A method that it has and says nothing about is nobody's;
    one that it does not have is refused later, with 405.

    A key needs the scope, a person the act that goes with it.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not is_key(request) and not request.user.is_authenticated:
            return False
        name = scope_of(request, view)
        if name is None:
            return request.method == "OPTIONS" or not hasattr(view, str(request.method).lower())
        if is_key(request):
            self.message = f"This API key lacks the scope '{name}'."
            return name in request.auth.scopes
        self.message = f"Your role here does not let you {SCOPES[name].label}."
        return bool(request.user.has_perm(roles.ACTS[SCOPES[name].act]))


def scope_of(request: Request, view: Any) -> str | None:
    found: str | None = view.scopes.get("GET" if request.method == "HEAD" else request.method)
    return found


def may_use(request: Request, view: Any, provider: Provider) -> None:
    """403 when the person's roles do not extend to this kind of provider. A key has its scopes for all of them."""
    scope = SCOPES.get(scope_of(request, view) or "")
    if scope is None or is_key(request) or roles.may(request.user, scope.act, provider):
        return
    needed = " or ".join(roles.roles_that_may(scope.act, provider))
    raise Problem(403, f"Your role here does not let you {scope.label} of {provider.name}. It takes the role {needed}.")


def usable_providers(request: Request) -> list[str]:
    """Slugs of the providers the caller may see connections of."""
    return list(registry.all_providers()) if is_key(request) else roles.usable_providers(request.user)


def may_touch(request: Request, target: Target, verb: str) -> None:
    """A person also needs the permission for what the record is (`view` or `add` a member, an invoice): 403 otherwise."""
    if not is_key(request) and not roles.may_touch(request.user, verb, target):
        raise Problem(403, f"Your role here does not let you {verb} {target.model._meta.verbose_name_plural}.")


def person(request: Request) -> Any:
    """The signed-in person, or None when a key is asking."""
    return request.user if request.user.is_authenticated else None


def is_key(request: Request) -> bool:
    return isinstance(request.auth, ApiKey)
