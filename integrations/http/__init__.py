"""The only door out of the house."""

from .answer import Answer
from .budget import LOAD, PERSON, WORKER, Budget
from .decode import Unreadable
from .door import Door, open_door

__all__ = ["LOAD", "PERSON", "WORKER", "Answer", "Budget", "Door", "Unreadable", "open_door"]
