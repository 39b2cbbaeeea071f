from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from integrations import hub
from integrations.hub.models import Chapter, Job
from integrations.outbound import sending, services
from integrations.outbound.models import Endpoint
from tests.hub.conftest import environment, start, until  # noqa: F401 fixtures
from tests.sync.conftest import ledger, running_vendor, vendor  # noqa: F401 fixtures

from .receiving import Receiving, receiving


@pytest.fixture
def receiver(settings) -> Iterator[Receiving]:
    """A real server; its address is one of our own network."""
    with receiving() as server:
        settings.WEBHOOK_PRIVATE_HOSTS = [server.host]
        yield server


@pytest.fixture
def endpoint(receiver) -> Callable[..., Endpoint]:
    """`endpoint(chapter, "member.*")`: made in that chapter, with its `secret` beside it."""

    def make(chapter: Chapter, *patterns: str, path: str = "", **more) -> Endpoint:
        with hub.enter(chapter):
            made, secret = services.create(url=receiver.url + path, patterns=patterns or ("*",), **more)
        made.secret = secret
        return made

    return make


def deliver(endpoint: Endpoint, **more) -> Endpoint:
    """Send what is due to it, as the job does, in the chapter one is in."""
    endpoint = Endpoint.objects.get(pk=endpoint.pk)
    sending.send(endpoint, **more)
    endpoint.refresh_from_db()
    return endpoint


def jobs(chapter: Chapter, kind: str) -> list[Job]:
    return list(Job.objects.filter(chapter_id=chapter.pk, kind=kind, state=Job.State.READY))
