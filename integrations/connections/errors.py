"""Why a connection could not be made, for the person who is making it."""

from __future__ import annotations

from collections.abc import Mapping


class ConnectError(Exception):
    """`fields` are messages for single fields of the form: name -> sentence. No secret is in either."""

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
