"""The vocabulary in which a provider is declared. Frozen values; no Django, no I/O, no tenant.

A provider module imports from here and from nowhere else in the project.
"""

from . import convert, money
from .actions import Action, Client
from .auth import Accounts, ApiKey, Auth, BasicAuth, ClientCredentials, Lookup, NoAuth, OAuth2, Scope
from .errors import AuthExpired, BadRecord, Permanent, ProviderError, RateLimited, Temporary, Unsupported, refusal
from .manifest import CATEGORIES, Provider, RateLimit, Residency, Runbook
from .mapping import Const, Converter, Each, Field, Mapping, fields
from .pagination import CursorPage, LinkHeader, NextUrl, Offset, PageNumber, Pages, SinglePage
from .paths import dig
from .resources import Cursor, Find, Flag, FullComparison, NoDeletes, Resource, Tombstones, Within, Write
from .webhooks import Hmac, SharedToken, TimestampedHmac, Verifier, Webhook

__all__ = [
    "CATEGORIES", "Accounts", "Action", "ApiKey", "Auth", "AuthExpired", "BadRecord", "BasicAuth", "Client",
    "ClientCredentials", "Const", "Converter", "Cursor", "CursorPage", "Each", "Field", "Find", "Flag", "FullComparison",
    "Hmac", "LinkHeader", "Lookup", "Mapping", "NextUrl", "NoAuth", "NoDeletes", "OAuth2", "Offset", "PageNumber", "Pages",
    "Permanent", "Provider", "ProviderError", "RateLimit", "RateLimited", "Residency", "Resource", "Runbook", "Scope",
    "SharedToken", "SinglePage", "Temporary", "TimestampedHmac", "Tombstones", "Unsupported", "Verifier", "Webhook",
    "Within", "Write", "convert", "dig", "fields", "money", "refusal",
]  # fmt: skip
