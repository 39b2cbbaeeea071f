"""A provider: everything Chapterhouse knows about a vendor, in one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .actions import Action
from .auth import Accounts, Auth
from .resources import Resource
from .webhooks import Webhook

CATEGORIES = {
    "accounting": "Accounting",
    "payments": "Payments",
    "fundraising": "Fundraising",
    "marketing": "Marketing",
    "crm": "CRM",
    "events": "Events",
    "commerce": "Shop",
    "communication": "Communication",
    "calendar": "Calendar and mail",
    "documents": "Documents and signatures",
    "forms": "Forms and awards",
    "analytics": "Analytics",
    "automation": "Automation",
    "volunteers": "Volunteers and grants",
}


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """What the vendor allows one account. Requests per window; `concurrent` requests in flight."""

    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    concurrent: int | None = None


@dataclass(frozen=True, kw_only=True)
class Residency:
    """Where the vendor keeps the data: any of AU, EU, UK, US, and a sentence a board can read."""

    regions: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """For the person on duty: who to ask, what the vendor throttles, what to do while it is down."""

    owner: str
    throttling: str
    fallback: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Provider:
    """`base_url` may hold `{names}` filled from the connection's values (Mailchimp's data centre); `api_version` is
    pinned and sent in `headers`. `error` lists dotted paths where the vendor's error sentence may stand
    (`errors.0.message`: a number is a place in a list).

    `settings` is a JSON Schema of what a chapter may choose; `setup` says, step by step and with the vendor's own menu
    names, how to connect.
    """

    slug: str
    name: str
    category: str
    website: str
    summary: str
    auth: Auth | tuple[Auth, ...]
    base_url: str
    resources: tuple[Resource, ...]
    test: str
    accounts: Accounts | None = None
    api_version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    limits: RateLimit = RateLimit()
    residency: Residency = Residency(regions=())
    runbook: Runbook | None = None
    webhook: Webhook | None = None
    actions: tuple[Action, ...] = ()
    error: tuple[str, ...] = ("error.message", "message", "detail", "title")
    settings: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    setup: tuple[str, ...] = ()

    @property
    def auths(self) -> tuple[Auth, ...]:
        return self.auth if isinstance(self.auth, tuple) else (self.auth,)

    def auth_of(self, kind: str) -> Auth:
        """The way to sign in of that kind; KeyError when the vendor has none."""
        return {auth.kind: auth for auth in self.auths}[kind]

    def resource(self, name: str) -> Resource:
        """The resource of that name; KeyError when there is none."""
        return {resource.name: resource for resource in self.resources}[name]
