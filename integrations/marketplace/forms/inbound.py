from __future__ import annotations

from django import forms

from integrations.inbound.models import InboundEvent
from integrations.inbound.replay import Which


class ShownForm(forms.Form):
    """Which events the page shows."""

    state = forms.ChoiceField(label="State", required=False, choices=[("", "All"), *InboundEvent.State.choices])


class ReplayForm(forms.Form):
    """One event, those since a moment or, with neither, those that failed."""

    event = forms.UUIDField(required=False)
    since = forms.DateTimeField(
        label="Since",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def which(self) -> Which:
        event = self.cleaned_data["event"]
        return Which(ids=[event] if event else None, since=self.cleaned_data["since"])


class SecretForm(forms.Form):
    """What the vendor signs with. Never shown again."""

    secret = forms.CharField(
        label="Signing secret",
        min_length=8,
        max_length=500,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="As the vendor shows it, whole. The one before is accepted for 24 hours more.",
    )
