"""The tables of the public schema. One noun per module."""

from .chapters import Chapter, Domain
from .inbox import InboxDelivery, Refusals
from .jobs import HUB, DeadLetter, Due, Fire, Job, Turn
from .limits import Breaker, RateBucket
from .providers import AccountRoute, OAuthState, ProviderApp

__all__ = [
    "HUB", "AccountRoute", "Breaker", "Chapter", "DeadLetter", "Domain", "Due", "Fire", "InboxDelivery", "Job", "OAuthState",
    "ProviderApp", "RateBucket", "Refusals", "Turn",
]  # fmt: skip
