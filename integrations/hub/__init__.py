"""The hub: what all chapters share, in the public schema, and the one door into a chapter."""

from .tenancy import ChapterUnavailable, WrongSchema, current, enter, inside, schema

__all__ = ["ChapterUnavailable", "WrongSchema", "current", "enter", "inside", "schema"]
