"""What each role of a chapter may do. A role is a Django group; a person may have several.

Two questions are asked of every act on a connection: may this person do it (`view`, `connect`, `sync`), and with this kind
of provider (`use_<category>`). So a treasurer connects the ledger and never sees what the mailing system set aside.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from . import hub, registry, targets
from .provider import CATEGORIES, Provider
from .targets import Target

ACTS = {
    "view": "integrations.view_connection",
    "connect": "integrations.connect_connection",
    "sync": "integrations.sync_connection",
    "see_webhooks": "integrations.view_endpoint",
    "set_webhooks": "integrations.change_endpoint",
}
_APPS = ("auth", "integrations", "members", "finance")


def _models(app: str, verbs: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{app}.{verb}_{name}" for name in names for verb in verbs.split())


def _use(*categories: str) -> tuple[str, ...]:
    return tuple(f"integrations.use_{category}" for category in categories)


_PEOPLE = ("member", "memberconsent", "audience", "tag")
_MONEY = (
    "party", "invoice", "invoiceline", "payment", "refund", "dispute", "payout", "balanceentry", "account", "taxrate",
)  # fmt: skip
_SEE_CONNECTIONS = _models(
    "integrations",
    "view",
    "connection",
    "resourcestate",
    "syncrun",
    "recordlink",
    "quarantinedrecord",
    "fieldmapping",
    "conflict",
    "matchreview",
    "merge",
    "outboundwrite",
)
_SENT = ("event", "delivery", "attempt")
_RUN_CONNECTIONS = (*_SEE_CONNECTIONS, ACTS["connect"], ACTS["sync"])

MERGE = "integrations.merge_records"

CHAPTER_ADMIN = "Chapter admin"
ROLES: dict[str, tuple[str, ...]] = {
    CHAPTER_ADMIN: (
        *_RUN_CONNECTIONS,
        *_use(*CATEGORIES),
        MERGE,
        *_models("integrations", "view add change delete", "apikey"),
        *_models("integrations", "view change", "endpoint"),
        *_models("integrations", "view", *_SENT),
        *_models("members", "view add change delete", *_PEOPLE),
        *_models("finance", "view", *_MONEY),
        *_models("auth", "view add change", "user"),
        *_models("auth", "view", "group"),
    ),
    "Treasurer": (
        *_RUN_CONNECTIONS,
        *_use("accounting", "payments", "fundraising", "commerce"),
        *_models("finance", "view", *_MONEY),
        *_models("members", "view", "member"),
    ),
    "Membership secretary": (
        *_RUN_CONNECTIONS,
        *_use("crm", "events", "forms", "volunteers", "documents", "calendar"),
        MERGE,
        *_models("members", "view add change", *_PEOPLE),
    ),
    "Marketing": (
        *_RUN_CONNECTIONS,
        *_use("marketing", "communication", "analytics"),
        *_models("members", "view", *_PEOPLE),
    ),
    "Auditor": (
        *_SEE_CONNECTIONS,
        *_use(*CATEGORIES),
        *_models("integrations", "view", "apikey", "endpoint", *_SENT),
        *_models("members", "view", *_PEOPLE),
        *_models("finance", "view", *_MONEY),
        *_models("auth", "view", "user", "group"),
    ),
}


class MissingPermission(LookupError):
    """A role names a permission that no model declares."""


def apply_roles() -> None:
    """Make the roles of the chapter we are inside what ROLES says. May be repeated; other groups are left alone."""
    if hub.current() is None:
        raise hub.WrongSchema("Roles belong to a chapter: enter one first.")
    for label in _APPS:
        create_permissions(apps.get_app_config(label), verbosity=0)
    ids = _permission_ids({name for names in ROLES.values() for name in names})
    for role, names in ROLES.items():
        Group.objects.get_or_create(name=role)[0].permissions.set([ids[name] for name in names])


def may(user: Any, act: str, provider: Provider) -> bool:
    """Whether the user may `view`, `connect` (and change, and disconnect) or `sync` connections of this provider."""
    return bool(user.has_perm(ACTS[act]) and user.has_perm(f"integrations.use_{provider.category}"))


def usable_providers(user: Any, act: str = "view") -> list[str]:
    """Slugs of the providers whose connections the user may see at all, or do that with."""
    return [provider.slug for provider in registry.all_providers().values() if may(user, act, provider)]


def may_touch(user: Any, verb: str, target: Target) -> bool:
    """Whether the user may `view` or `add` what the target's records are: members, invoices."""
    meta = target.model._meta
    return bool(user.has_perm(f"{meta.app_label}.{verb}_{meta.model_name}"))


def targets_seen_by(user: Any) -> list[str]:
    """Names of the targets whose records the user may see."""
    return [name for name, target in targets.all_targets().items() if may_touch(user, "view", target)]


def roles_that_may(act: str, provider: Provider) -> list[str]:
    """Names of the roles to ask for help: "this needs the Treasurer or Chapter admin role"."""
    needed = {ACTS[act], f"integrations.use_{provider.category}"}
    return [role for role, names in ROLES.items() if needed <= set(names)]


def _permission_ids(names: Iterable[str]) -> dict[str, int]:
    wanted = Q()
    for name in names:
        app, _, codename = name.partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    found = {
        f"{app}.{codename}": pk
        for pk, app, codename in Permission.objects.filter(wanted).values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    if missing := sorted(set(names) - set(found)):
        raise MissingPermission(f"No model declares {', '.join(missing)}.")
    return found
