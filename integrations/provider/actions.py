"""Something a person or rule can ask a vendor to do: create a payment, send a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Client(Protocol):
    """What a hook is given: a connection's door to its vendor. Every byte passes the house's limits and redaction."""

    @property
    def session(self) -> Any:
        """A `requests.Session` whose transport is the house's: what a vendor's SDK is given."""

    @property
    def base_url(self) -> str: ...

    def secret(self) -> str:
        """The access token or key, for an SDK that insists on holding it."""

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The decoded answer, or a ProviderError."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """`input` is a JSON Schema that renders the form and checks the API; `run(client, input)` returns a JSON-like answer.

    `irreversible` actions need a person's confirmation.
    """

    name: str = field(kw_only=False)
    label: str
    input: Mapping[str, Any]
    run: Callable[[Client, Mapping[str, Any]], Mapping[str, Any]]
    irreversible: bool = False
