"""Before the first changes leave: many at once wait for a person."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from django.db.models import Count

from integrations.sync.batch import Route
from integrations.sync.models import RecordLink, ResourceState, SyncRun
from integrations.sync.words import Words

from . import outbox
from .models import OutboundWrite

FEW = 50
FEW_OF_ALL = 0.2


class Question(NamedTuple):
    """`first`: no other run waits with the same question."""

    sentence: str
    first: bool


def question(route: Route, state: ResourceState, words: Words) -> Question | None:
    """What a person has to agree to before anything is sent; None where nobody has to."""
    if state.trusted:
        return None
    ready = outbox.of(route.connection, route.resource.name).filter(state=outbox.State.READY)
    counts = {row["op"]: row["n"] for row in ready.order_by().values("op").annotate(n=Count("pk"))}
    linked = RecordLink.objects.filter(connection=route.connection, resource=route.resource.name).count()
    if sum(counts.values()) <= max(FEW, FEW_OF_ALL * linked):
        return None
    changed, created = (counts.get(op, 0) for op in (OutboundWrite.Op.UPDATE, OutboundWrite.Op.CREATE))
    parts = [f"{number:,} {word}" for number, word in ((changed, "changed"), (created, "created")) if number]
    sentence = (
        f"{' and '.join(parts)} at {words.provider} for the first time: that waits for approval. Nothing was sent."
    )
    return Question(sentence, first=not waiting(route.connection.pk, route.resource.name))


def waiting(connection_id: UUID, resource: str) -> bool:
    """Whether a run asks for approval of what it would send."""
    runs = SyncRun.objects.filter(connection_id=connection_id, resource=resource, state=SyncRun.State.PLANNED)
    return runs.exclude(send_plan="").exists()


def allow(run: SyncRun) -> bool:
    """A person has said yes to this run. Whether it had asked about sending: then what waits is sent from now on."""
    if not run.send_plan:
        return False
    ResourceState.objects.filter(connection_id=run.connection_id, resource=run.resource).update(trusted=True)
    return True
