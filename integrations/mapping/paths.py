"""Dotted paths into a record as the door decoded it: what is below something unreadable is unreadable."""

from __future__ import annotations

from integrations.http.decode import Unreadable
from integrations.provider import paths
from integrations.provider.paths import Getter, setter

__all__ = ["Getter", "getter", "setter"]


def getter(path: str) -> Getter:
    """`getter("a.b")({"a": {"b": 1}}) == 1`. An empty path is the record itself."""
    return paths.getter(path, opaque=Unreadable)
