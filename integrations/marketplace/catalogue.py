"""The catalogue: every provider by category, with the chapter's connections to it, searched and filtered."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.http import QueryDict

from integrations import registry
from integrations.provider import CATEGORIES, Provider

from .summaries import Summary, summaries

ALL, CONNECTED, ATTENTION = "all", "connected", "attention"
FILTERS = {ALL: "All", CONNECTED: "Connected", ATTENTION: "Needs attention"}
SHOWN_PER_CARD = 3


@dataclass(frozen=True, kw_only=True)
class Search:
    text: str = ""
    show: str = ALL

    @classmethod
    def read(cls, query: QueryDict) -> Search:
        """Whatever the address holds; what is not a filter means all."""
        show = query.get("show", ALL)
        return cls(text=query.get("q", "").strip()[:100], show=show if show in FILTERS else ALL)

    def finds(self, provider: Provider) -> bool:
        """Every word stands somewhere in what the provider is, or in what it reads ("invoices" finds the ledgers)."""
        labels = (resource.label or resource.name for resource in provider.resources)
        text = " ".join((provider.name, provider.summary, CATEGORIES[provider.category], *labels)).lower()
        return all(word in text for word in self.text.lower().split())


@dataclass(frozen=True, kw_only=True)
class Card:
    provider: Provider
    connections: list[Summary]

    @property
    def shown(self) -> list[Summary]:
        return self.connections[:SHOWN_PER_CARD]

    @property
    def more(self) -> int:
        return len(self.connections) - len(self.shown)


@dataclass(frozen=True, kw_only=True)
class Section:
    category: str
    label: str
    cards: list[Card]


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    search: Search
    sections: list[Section]
    counts: dict[str, int]
    attention: list[Summary]

    @property
    def found(self) -> int:
        return sum(len(section.cards) for section in self.sections)


def catalogue(user: Any, search: Search) -> Catalogue:
    by_provider: dict[str, list[Summary]] = {}
    everything = summaries(user)
    for one in everything:
        by_provider.setdefault(one.provider.slug, []).append(one)
    cards = [Card(provider=p, connections=by_provider.get(p.slug, [])) for p in registry.all_providers().values()]
    chosen = {
        ALL: cards,
        CONNECTED: [card for card in cards if _in_use(card)],
        ATTENTION: [card for card in cards if any(one.state.needs_attention for one in card.connections)],
    }
    found = [card for card in chosen[search.show] if search.finds(card.provider)]
    return Catalogue(
        search=search,
        sections=[
            Section(category=category, label=CATEGORIES[category], cards=list(group))
            for category, group in groupby(found, key=lambda card: card.provider.category)
        ],
        counts={name: len(group) for name, group in chosen.items()},
        attention=[one for one in everything if one.state.needs_attention],
    )


def _in_use(card: Card) -> bool:
    """Connected, or about to be; not what was disconnected or begun and left."""
    return any(one.state.tone != "idle" for one in card.connections)
