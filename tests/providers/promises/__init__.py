"""The promises every provider keeps, one sentence each. The name of a check is the sentence."""

from . import declaration, deliveries, reading, records, signing_in, writing
from .suite import PROMISES, Check, Lab, is_asked

__all__ = [
    "PROMISES",
    "Check",
    "Lab",
    "declaration",
    "deliveries",
    "is_asked",
    "reading",
    "records",
    "signing_in",
    "writing",
]
