"""Whether a run sends, and whether it may do so without reading everything once more."""

from __future__ import annotations

import dataclasses

from django.utils import timezone

from integrations import registry
from integrations.connections.models import Connection
from integrations.mapping.compile import CompiledMapping, compile_mapping
from integrations.mapping.overrides import overrides_of
from integrations.provider import Resource, Temporary
from integrations.sync.batch import Route
from integrations.sync.models import ResourceState, SyncRun
from integrations.sync.pull import Fence, Progress
from integrations.sync.words import Words

from .engine import Push


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sending:
    """What a run has to do beside reading."""

    run: SyncRun
    connection: Connection
    resource: Resource
    state: ResourceState | None

    @classmethod
    def of(cls, run: SyncRun, connection: Connection, resource: Resource) -> Sending:
        state = ResourceState.objects.filter(connection=connection, resource=resource.name).first()
        return cls(run=run, connection=connection, resource=resource, state=state)

    @property
    def wanted(self) -> bool:
        return bool(self.state and self.state.sends and self.resource.write and not self.run.plan_only)

    def has_read(self) -> bool:
        """An interrupted run has; and one that only sends, where everything would have to be read and lately was: it reads
        again what it changes."""
        return self.wanted and (bool(self.run.read_said) or self._may_do_without())

    def push(self, work: Fence | None, progress: Progress | None) -> Push:
        state = ResourceState.objects.get(connection=self.connection, resource=self.resource.name)
        return Push(
            route=Route.of(self.connection, self.resource),
            run=self.run,
            state=state,
            words=Words.of(self.connection, registry.get(self.connection.provider), self.resource),
            work=work,
            progress=progress,
        )

    def confirm(self, push: Push) -> None:
        """What was read is what is compared with, and no older than that it may be gone by. Raises Temporary where the mapping
        has changed since: everything is read with it first."""
        state = ResourceState.objects.get(connection=self.connection, resource=self.resource.name)
        if state.mapping != push.route.mapping.fingerprint:
            SyncRun.objects.filter(pk=self.run.pk).update(read_said="")
            raise Temporary("The mapping was changed: everything is read again before anything is sent")
        push.state, push.reread = state, not self.run.read_said or not self._was_read_lately(state)

    def _may_do_without(self) -> bool:
        state = self.state
        return (
            self.run.trigger == SyncRun.Trigger.CHANGE
            and not self.run.full
            and self.resource.cursor is None
            and self.resource.one is not None
            and state is not None
            and state.position is None
            and self._was_read_lately(state)
            and state.mapping == self._mapping().fingerprint
        )

    def _was_read_lately(self, state: ResourceState) -> bool:
        read = state.last_complete_at
        return read is not None and read > timezone.now() - self.resource.every

    def _mapping(self) -> CompiledMapping:
        return compile_mapping(self.resource, overrides_of(self.connection, self.resource.name))
