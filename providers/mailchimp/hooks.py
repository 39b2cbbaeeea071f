"""What can be asked of Mailchimp: through its SDK, over our own transport."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mailchimp_marketing.api.lists_api import ListsApi
from mailchimp_marketing.api_client import ApiClient, ApiClientError

from integrations.provider import Client, ProviderError, refusal

KEY = r"[0-9a-z]{32}-(?P<dc>[a-z]{2}\d{1,3})"


class _Sdk(ApiClient):  # type: ignore[misc]
    """The SDK calls `requests` itself, past every limit and guard: this one sends through the connection's session."""

    def __init__(self, client: Client) -> None:
        secret, host = client.secret(), urlsplit(client.base_url).netloc
        kind = "api_key" if re.fullmatch(KEY, secret) else "access_token"
        super().__init__({kind: secret, "server": host.partition(".")[0]})
        self.session, self.answer = client.session, None

    def request(self, method: str, url: str, query_params: Any = None, headers: Any = None, body: Any = None) -> Any:
        auth = ("anystring", self.api_key) if self.is_basic_auth else None
        bearer = {"Authorization": f"Bearer {self.access_token}"} if self.is_oauth else {}
        self.answer = self.session.request(method, url, headers={**headers, **bearer}, auth=auth, json=body)
        return self.answer


def add_member_tags(client: Client, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tags are only ever added here: taking one away may start or stop a campaign there."""
    sdk, email = _Sdk(client), given["email"].strip().lower()
    who = hashlib.md5(email.encode(), usedforsecurity=False).hexdigest()  # how Mailchimp names a member
    said: Any = ""
    try:
        body = {"tags": [{"name": name, "status": "active"} for name in given["tags"]]}
        ListsApi(sdk).update_list_member_tags(given["audience"], who, body)
    except ApiClientError as error:
        if isinstance(error.text, ProviderError):
            raise error.text from None
        said = error.text
    status = None if sdk.answer is None else sdk.answer.status_code
    if status is None or status >= 400:
        raise refusal("Mailchimp", status, said.get("detail", "") if isinstance(said, dict) else "")
    return {"email": email, "added": list(given["tags"])}
