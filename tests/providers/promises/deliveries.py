"""Webhook deliveries that are the vendor's, and those that are not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from integrations.lab import samples
from integrations.provider import Delivery, Hmac, Provider, TimestampedHmac, dig

from .suite import Lab, promise


@promise("webhook-signature")
def a_delivery_that_is_not_the_vendors_is_refused(provider: Provider, lab: Lab):
    webhook, now, secret = provider.webhook, 1_700_000_000.0, b"the secret of this webhook"
    for delivery in (samples.of(provider.slug).answer("_webhooks") or {}).values():
        body = json.dumps(delivery, default=str).encode()
        header = signature(webhook.verify, secret, body, int(now))
        if header is None:
            continue

        def accepts(*secrets: bytes, headers: dict[str, str] = header, content: bytes = body) -> bool:
            return webhook.verify.verify(Delivery(body=content, headers=headers), secrets, now)

        assert accepts(secret)
        assert accepts(b"the next one", secret)
        assert not accepts(secret, content=body + b" ")
        assert not accepts(b"another")
        assert not accepts()
        assert not accepts(b"", headers=signature(webhook.verify, b"", body, int(now)))
        assert not accepts(secret, headers={})
        for name, value in header.items():
            doubled = accepts(secret, headers={name: f"{value},{value}"})
            assert not doubled or isinstance(webhook.verify, TimestampedHmac)
            assert not accepts(secret, headers={name: "ünïcödé\udcff"})


def signature(verifier: Any, secret: bytes, body: bytes, now: int) -> dict[str, str] | None:
    """The header a vendor would send; None where an unguessable address is all there is."""
    if isinstance(verifier, Hmac):
        digest = hmac.new(secret, body, getattr(hashlib, verifier.algorithm)).digest()
        text = base64.b64encode(digest).decode() if verifier.encoding == "base64" else digest.hex()
        return {verifier.header: verifier.prefix + text}
    if isinstance(verifier, TimestampedHmac):
        digest = hmac.new(secret, f"{now}.".encode() + body, hashlib.sha256)
        return {verifier.header: f"t={now},v1={digest.hexdigest()}"}
    return None


@promise("webhook-signature")
def every_sample_delivery_is_about_a_declared_topic(provider: Provider, lab: Lab):
    webhook = provider.webhook
    deliveries = samples.of(provider.slug).answer("_webhooks")
    assert deliveries
    for topic, delivery in deliveries.items():
        event = dig(delivery, webhook.events)[0] if webhook.events else delivery
        assert dig(event, webhook.topic) == topic
        assert topic in webhook.topics
        for path in filter(None, (webhook.record, webhook.account, webhook.event_id)):
            assert dig(event, path), f"{topic}: nothing at {path}"
    assert {webhook.topics[topic] for topic in deliveries} == set(webhook.topics.values())
    assert set(webhook.deletes) <= set(webhook.topics)
