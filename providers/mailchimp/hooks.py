"""What can be asked of Mailchimp."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from integrations.provider import Client, ProviderError, refusal

KEY = r"[0-9a-z]{32}-(?P<dc>[a-z]{2}\d{1,3})"


def add_member_tags(client: Client, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tags are only ever added here: taking one away may start or stop a campaign there."""
    from .sdk import ApiClientError, ListsApi, OurTransport

    sdk = OurTransport(client, "api_key" if re.fullmatch(KEY, client.secret()) else "access_token")
    email = given["email"].strip().lower()
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
