"""Template tags of the pages, loaded as `{% load marketplace %}`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations import shown, targets
from integrations.conflicts.models import Conflict
from integrations.mapping import words as mapping_words
from integrations.mapping.rules import FieldRule
from integrations.provider import CATEGORIES, Provider
from integrations.sync.models import SyncRun

from . import faces, logos, states, words

register = template.Library()


@register.simple_tag(takes_context=True)
def to(context: Context, page: str, *args: object) -> str:
    """The address of a page of the marketplace on the face that is shown: `{% to 'run' run.pk %}`."""
    return str(context["face"].url(page, *args))


@register.simple_tag
def when(moment: datetime | None, how: str = "ago") -> SafeString | str:
    """`<time>` with the moment for machines, its exact chapter time as a tooltip, and `ago`, `since` or `until` in words."""
    if moment is None:
        return ""
    said = {"ago": words.ago, "since": words.since, "until": words.until}[how](moment, timezone.now())
    machine = moment.astimezone(UTC).isoformat(timespec="seconds")
    return format_html('<time datetime="{}" title="{}">{}</time>', machine, words.exactly(moment), said)


@register.simple_tag
def took(run: SyncRun) -> str:
    """How long a finished run took."""
    if run.started_at is None or run.finished_at is None:
        return ""
    return words.about(run.finished_at - run.started_at)


@register.inclusion_tag("marketplace/_state.html")
def state(shown: states.State) -> dict[str, Any]:
    return {"state": shown}


@register.inclusion_tag("marketplace/_logo.html")
def logo(provider: Provider) -> dict[str, Any]:
    """The provider's mark; decoration beside its name, so it has no alternative text."""
    drawn = logos.logo_of(provider.slug) is not None
    return {
        "address": faces.STAFF.url("logo", provider.slug) if drawn else "",
        "monogram": logos.monogram(provider.name),
    }


@register.simple_tag
def history_of(row: Any) -> str:
    """In the administration: where a record's history from all systems is shown; "" for what no system may write."""
    for target in targets.all_targets().values():
        if type(row) is target.model:
            return reverse("admin:marketplace:history", args=[target.name, row.pk])
    return ""


@register.filter
def run_state(run: SyncRun) -> states.State:
    return states.run_state(run)


@register.filter
def number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


@register.filter
def counted(value: int, noun: str) -> str:
    """`{{ n|counted:'record' }}`: 1 record, 1,200 records."""
    return words.count(value, noun)


@register.filter
def category(slug: str) -> str:
    return CATEGORIES[slug]


@register.filter
def resource_label(provider: Provider, name: str) -> str:
    return words.resource(provider, name)


@register.filter
def how(rule: FieldRule) -> str:
    """What makes the value of a field, in words."""
    return mapping_words.how(rule)


@register.filter
def joined(values: list[str]) -> str:
    return words.join(list(values))


@register.filter
def field_words(name: str) -> str:
    """`given_name` -> `Given name`."""
    return shown.label(name)


@register.filter
def decision(conflict: Conflict) -> str:
    """How it ended: `Ours was kept.`"""
    if conflict.state != Conflict.State.RESOLVED:
        return conflict.get_state_display() + "."
    said = {"ours": "Ours was kept.", "theirs": "Theirs was taken.", "value": "Another value was given."}
    return said.get(conflict.resolution, "")
