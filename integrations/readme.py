"""A provider's README, made from its declaration: written by `manage.py renderproviderdocs`, never by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from . import quality, targets
from .provider import (
    CATEGORIES,
    Cursor,
    Flag,
    FullComparison,
    NoDeletes,
    OAuth2,
    Provider,
    RateLimit,
    Resource,
    Tombstones,
)

WINDOWS = {"per_second": "a second", "per_minute": "a minute", "per_hour": "an hour", "per_day": "a day"}


def render(provider: Provider, folder: Path) -> str:
    """Markdown, ending in a line break; the same declaration gives the same text."""
    return "\n".join([*_lines(provider, folder), ""])


def _lines(provider: Provider, folder: Path) -> Iterator[str]:
    promises = quality.read(folder)
    yield from (f"# {provider.name}", "", f"{provider.summary} {CATEGORIES[provider.category]}. <{provider.website}>")
    yield from ("", "Made from the declaration by `manage.py renderproviderdocs`: change `provider.py`, not this page.")
    yield from _section("Connecting", [f"{number}. {step}" for number, step in enumerate(provider.setup, 1)])
    yield from _sign_in(provider)
    yield from _resources(provider)
    yield from _actions(provider)
    yield from _webhook(provider)
    yield from _section("Limits and places", _limits(provider))
    if provider.runbook:
        steps = [f"- {step}" for step in provider.runbook.fallback]
        yield from _section(
            "When something is wrong", [provider.runbook.owner, "", provider.runbook.throttling, "", *steps]
        )
    yield from _section(f"Quality: {quality.tier(promises) or 'none yet'}", ["| promise | kept | |", "|---|---|---|", *(
        f"| {quality.PROMISES[name][1]} | {promise.status} | {promise.reason} |" for name, promise in promises.items()
    )])  # fmt: skip


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"## {title}", "", *lines)


def _sign_in(provider: Provider) -> Iterator[str]:
    for auth in provider.auths:
        said = [auth.label + "."]
        if isinstance(auth, OAuth2) and auth.scopes:
            rows = [f"| `{s.name}` | {s.reason} | {'when written' if s.write else 'always'} |" for s in auth.scopes]
            said += ["", "| right | what for | asked |", "|---|---|---|", *rows]
        if isinstance(auth, OAuth2) and auth.refresh_idle_days:
            said += ["", f"Unused for {auth.refresh_idle_days} days the sign-in dies and has to be repeated."]
        hint = getattr(auth, "hint", "")
        yield from _section("Signing in", [*said, *(["", hint] if hint else [])])


def _resources(provider: Provider) -> Iterator[str]:
    rows = [
        f"| {r.title} | {targets.get(r.target).label} | {_since(r.cursor)} | {_deleted(r)} | {_written(r)} | {_every(r)} |"
        for r in provider.resources
    ]
    head = ["| there | here | read | gone there | written | asked for every |", "|---|---|---|---|---|---|"]
    yield from _section("What is read and written", [*head, *rows])


def _since(cursor: Cursor | None) -> str:
    if cursor is None:
        return "whole"
    return f"new ones, {cursor.lookback.days} days back" if cursor.creation else "what changed"


def _deleted(resource: Resource) -> str:
    match resource.deletes:
        case Flag(field, value):
            return f"`{field}` is `{value}`"
        case Tombstones(path=path):
            return f"in the list at `{path}`" if path else f"`{resource.deletes.field}` has a value"
        case FullComparison():
            return "missing from a complete read"
        case NoDeletes():
            return "never"


def _written(resource: Resource) -> str:
    write = resource.write
    return " and ".join(filter(None, (write.create and "added", write.update and "changed"))) if write else "never"


def _every(resource: Resource) -> str:
    minutes = int(resource.every.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _actions(provider: Provider) -> Iterator[str]:
    for action in provider.actions:
        fields = ", ".join(f"`{name}`" for name in action.input.get("properties", {}))
        warning = " Cannot be undone: somebody has to confirm it." if action.irreversible else ""
        yield from _section(f"Action: {action.label}", [f"`{action.name}` with {fields}.{warning}"])


def _webhook(provider: Provider) -> Iterator[str]:
    webhook = provider.webhook
    if webhook is None:
        return
    header = getattr(webhook.verify, "header", None)
    how = f"the header `{header}`" if header else "an unguessable address"
    where = "One address for all chapters." if webhook.app_level else "An address per connection."
    topics = ", ".join(f"`{topic}`" for topic in webhook.topics)
    yield from _section("Webhooks", [f"Known by {how}. {where} Acted on: {topics}."])


def _limits(provider: Provider) -> list[str]:
    limits: RateLimit = provider.limits
    allowed = [f"{getattr(limits, name):,} {words}" for name, words in WINDOWS.items() if getattr(limits, name)]
    allowed += [f"{limits.concurrent} at once"] if limits.concurrent else []
    said = [f"We keep to {', '.join(allowed)}."] if allowed else []
    return [*said, "", provider.residency.note] if provider.residency.note else said
