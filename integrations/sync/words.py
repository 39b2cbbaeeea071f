"""Sentences for people: they name provider, chapter, connection and resource, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from integrations import hub
from integrations.connections.models import Connection
from integrations.provider import Provider, Resource

AGAIN_BY_ITSELF = "It is tried again by itself."


@dataclass(frozen=True, kw_only=True)
class Words:
    provider: str
    chapter: str
    connection: str
    resource: str

    @classmethod
    def of(cls, connection: Connection, provider: Provider, resource: Resource) -> Words:
        chapter = hub.current()
        return cls(
            provider=provider.name,
            chapter=chapter.name if chapter else "the hub",
            connection=connection.name,
            resource=label(resource),
        )

    def vendor(self, happened: str, remedy: str = "") -> str:
        """`Xero sent the same page twice (chapter Sydney, connection 'Sydney ledger', contacts). Tell its support.`"""
        return f"{self.provider} {happened} ({self._where()}). {remedy}".rstrip()

    def ours(self, sentence: str) -> str:
        """The sentence with its place, unless it names it already. What begins small has no subject: it is the provider's."""
        if self.chapter in sentence and f"'{self.connection}'" in sentence:
            return sentence
        if sentence[:1].islower():
            sentence = f"{self.provider} {sentence}"
        return f"{sentence.rstrip('.')} ({self._where()})."

    def _where(self) -> str:
        return f"chapter {self.chapter}, connection '{self.connection}', {self.resource}"


def label(resource: Resource) -> str:
    return (resource.label or resource.name.replace("_", " ")).lower()


def seconds(count: float) -> str:
    """`90` -> `2 minutes`: how long, as one would say it."""
    for size, word in ((3600, "hour"), (60, "minute"), (1, "second")):
        if count >= 1.5 * size or size == 1:
            number = max(1, round(count / size))
            return f"{number} {word}{'' if number == 1 else 's'}"
    raise AssertionError("the last size always answers")
