from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import forms

from integrations.outbound import catalogue, replay
from integrations.outbound.models import Endpoint
from integrations.outbound.replay import Which

GROUPS = {
    "connection": "Connections",
    "invoice": "Invoices",
    "member": "Members",
    "payment": "Payments",
    "payout": "Payouts",
    "sync": "Syncs",
    "webhook": "Webhooks",
}


class EndpointForm(forms.Form):
    """Where to, and which events. Types that are added later are among those of their group."""

    url = forms.CharField(
        label="Address",
        max_length=2_000,
        help_text="Where events are sent to, as POST: https, on a public host.",
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://example.org/webhooks"}),
    )
    description = forms.CharField(
        label="What it is for",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    patterns = forms.MultipleChoiceField(label="Events", widget=forms.CheckboxSelectMultiple)
    narrowed = forms.CharField(
        label="Only events with these values",
        required=False,
        max_length=4_000,
        help_text="One to a line: a field of the event's data, an equals sign, and the value. For example record.status ="
        " current",
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, endpoint: Endpoint | None = None, **kwargs: Any) -> None:
        if endpoint is not None:
            kwargs["initial"] = {
                "url": endpoint.url,
                "description": endpoint.description,
                "patterns": endpoint.events,
                "narrowed": "\n".join(f"{path} = {_shown(value)}" for path, value in endpoint.filter.items()),
            }
        super().__init__(*args, **kwargs)
        choices = _choices()
        known = {value for _, group in choices for value, _ in group}
        if more := [pattern for pattern in (endpoint.events if endpoint else []) if pattern not in known]:
            choices.append(("Others", [(pattern, pattern) for pattern in more]))
        self.groups = choices
        self.fields["patterns"].choices = choices  # type: ignore[attr-defined]

    def picker(self) -> list[tuple[str, list[Any]]]:
        """The boxes of each group with their label, for the template."""
        boxes = iter(self["patterns"])
        return [(label, [next(boxes) for _ in group]) for label, group in self.groups]

    def clean_narrowed(self) -> dict[str, Any]:
        found = {}
        for line in filter(str.strip, self.cleaned_data["narrowed"].splitlines()):
            path, equals, value = line.partition("=")
            if not equals:
                raise forms.ValidationError(f"“{line.strip()[:100]}” has no equals sign.")
            found[path.strip()] = _read(value.strip())
        return found


class ReplayForm(forms.Form):
    which = forms.ChoiceField(label="What is sent again", choices=list(replay.KINDS.items()))
    since = forms.DateField(
        label="Since", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def clean(self) -> dict[str, Any]:
        found = self.cleaned_data
        if found.get("which") == replay.SINCE and not found.get("since") and "since" not in self.errors:
            self.add_error("since", "Say since when.")
        return found

    def chosen(self) -> Which:
        since = self.cleaned_data["since"]
        moment: datetime | None = forms.DateTimeField().clean(f"{since} 00:00") if since else None
        return Which(kind=self.cleaned_data["which"], since=moment)


def _choices() -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for one in catalogue.all_types().values():
        label = GROUPS.get(one.group, one.group.capitalize())
        groups.setdefault(label, [(f"{one.group}.*", f"All of {one.group}, also what is added later")])
        groups[label].append((one.name, f"{one.name}: {one.description}"))
    return [("Everything", [("*", "Every event, also what is added later")]), *groups.items()]


def _read(text: str) -> Any:
    """`true`, `null` and whole numbers as such; everything else is text, in quotation marks or not."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (str, int, bool)) or value is None else text


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and _read(value) == value else json.dumps(value)
