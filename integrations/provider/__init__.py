"""The vocabulary in which a provider is declared. Frozen values; no Django, no I/O, no tenant.

A provider module imports from here and from nowhere else in the project.
"""

from . import convert, money
from .actions import Action, Client
from .auth import Accounts, ApiKey, Auth, BasicAuth, ClientCredentials, Lookup, NoAuth, OAuth2, Scope
from .challenges import AnswersGet, Challenge, EchoedField, EchoedParam, HashedField, VerifiedParam
from .errors import AuthExpired, BadRecord, Permanent, ProviderError, RateLimited, Temporary, Unsupported, refusal
from .manifest import CATEGORIES, Provider, RateLimit, Residency, Runbook
from .mapping import Const, Converter, Each, Field, Mapping, fields
from .pagination import CursorPage, LinkHeader, NextUrl, Offset, PageNumber, Pages, SinglePage
from .paths import dig
from .public_keys import Ecdsa, FetchesKey, Jwt, SignedCertificate
from .resources import Cursor, Find, Flag, FullComparison, NoDeletes, Resource, Tombstones, Within, Write
from .signatures import (
    Delivery,
    Hmac,
    SecretDigest,
    SharedToken,
    SortedForm,
    StandardSignature,
    TimestampedHmac,
    Verifier,
)  # fmt: skip
from .webhooks import Webhook

__all__ = [
    "CATEGORIES", "Accounts", "Action", "AnswersGet", "ApiKey", "Auth", "AuthExpired", "BadRecord", "BasicAuth",
    "Challenge", "Client", "ClientCredentials", "Const", "Converter", "Cursor", "CursorPage", "Delivery", "Each",
    "Ecdsa", "EchoedField", "EchoedParam", "FetchesKey", "Field", "Find", "Flag", "FullComparison", "HashedField",
    "Hmac", "Jwt", "LinkHeader", "Lookup", "Mapping", "NextUrl", "NoAuth", "NoDeletes", "OAuth2", "Offset",
    "PageNumber", "Pages", "Permanent", "Provider", "ProviderError", "RateLimit", "RateLimited", "Residency",
    "Resource", "Runbook", "Scope", "SecretDigest", "SharedToken", "SignedCertificate", "SinglePage", "SortedForm",
    "StandardSignature", "Temporary", "TimestampedHmac", "Tombstones", "Unsupported", "VerifiedParam", "Verifier",
    "Webhook", "Within", "Write", "convert", "dig", "fields", "money", "refusal",
]  # fmt: skip
