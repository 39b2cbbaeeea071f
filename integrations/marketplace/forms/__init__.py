"""The forms of the marketplace. Every one works without JavaScript and says what is wrong beside the field."""

from .account import AccountForm
from .connect import ConnectForm
from .mapping import MappingForm
from .schema import SchemaForm

__all__ = ["AccountForm", "ConnectForm", "MappingForm", "SchemaForm"]
