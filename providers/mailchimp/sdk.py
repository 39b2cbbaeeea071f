"""Mailchimp's SDK over our own transport. Apart, because importing the SDK takes longer than everything else at start."""

from typing import Any
from urllib.parse import urlsplit

from mailchimp_marketing.api.lists_api import ListsApi
from mailchimp_marketing.api_client import ApiClient, ApiClientError

from integrations.provider import Client

__all__ = ["ApiClientError", "ListsApi", "OurTransport"]


class OurTransport(ApiClient):  # type: ignore[misc]
    """The SDK calls `requests` itself, past every limit and guard: this one sends through the connection's session."""

    def __init__(self, client: Client, kind: str) -> None:
        super().__init__({kind: client.secret(), "server": urlsplit(client.base_url).netloc.partition(".")[0]})
        self.session, self.answer = client.session, None

    def request(self, method: str, url: str, query_params: Any = None, headers: Any = None, body: Any = None) -> Any:
        auth = ("anystring", self.api_key) if self.is_basic_auth else None
        bearer = {"Authorization": f"Bearer {self.access_token}"} if self.is_oauth else {}
        self.answer = self.session.request(method, url, headers={**headers, **bearer}, auth=auth, json=body)
        return self.answer
