from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from integrations.connections import services
from integrations.connections.models import Connection
from integrations.hub.models.providers import Environment
from integrations.provider import Provider
from integrations.provider.auth import Auth

_PREFIX = "credential_"
_ENVIRONMENTS = {
    Environment.LIVE: "The real system",
    Environment.LAB: "Sample data: try everything, nothing leaves this server",
}


class ConnectForm(forms.Form):
    """A name, the environment where there is a choice, and what the vendor needs to know us by.

    `connection` is given when an existing one is reconnected: it keeps its name and environment.
    """

    name = forms.CharField(
        max_length=100,
        label="Name of this connection",
        help_text="What people here will call it, for example “Sydney ledger”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    environment = forms.ChoiceField(label="Connect to", widget=forms.RadioSelect)
    plan_first = forms.BooleanField(
        required=False,
        initial=True,
        label="Show me the plan before anything is written",
        help_text="The first sync only counts and shows what it would bring. You say yes or no.",
    )

    def __init__(
        self, *args: Any, provider: Provider, auth: Auth, connection: Connection | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.provider, self.auth, self.connection = provider, auth, connection
        if connection:
            del self.fields["name"], self.fields["environment"], self.fields["plan_first"]
        else:
            self.fields["name"].initial = _free_name(provider)
            self._offer_environments()
        if auth.kind != "oauth2":
            for declared in services.credential_fields(provider.slug, auth.kind):
                self.fields[_PREFIX + declared["name"]] = _credential_field(declared)
        self.order_fields([name for name in self.fields if name != "plan_first"])  # that one comes last

    def _offer_environments(self) -> None:
        """Sample data only where a lab runs; without it there is nothing to choose."""
        if settings.LAB_URL:
            self.fields["environment"].choices = list(_ENVIRONMENTS.items())
            self.fields["environment"].initial = Environment.LIVE
        else:
            del self.fields["environment"]

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].split())
        taken = Connection.objects.filter(provider=self.provider.slug, name=name).first()
        if taken is None or taken.connected_at is None:  # begun under that name, and never finished
            return name
        if taken.status == Connection.Status.DISCONNECTED:
            raise ValidationError(
                "A disconnected connection has this name: reconnect that one, or choose another name."
            )
        raise ValidationError("Another connection already has this name. Choose a different one.")

    @property
    def chosen_name(self) -> str:
        return self.connection.name if self.connection else self.cleaned_data["name"]

    @property
    def chosen_environment(self) -> str:
        if self.connection:
            return self.connection.environment
        return self.cleaned_data.get("environment") or Environment.LIVE

    @property
    def plans_first(self) -> bool | None:
        """None for a connection there is: it stays as it is."""
        return None if self.connection else self.cleaned_data["plan_first"]

    @property
    def credential(self) -> dict[str, str]:
        """What was typed, by the name the service knows it under."""
        return {
            name.removeprefix(_PREFIX): value for name, value in self.cleaned_data.items() if name.startswith(_PREFIX)
        }

    def refuse(self, message: str, fields: dict[str, str]) -> None:
        """Show what the vendor or the service said, beside the field it is about where it says so."""
        about = {name if name in self.fields else _PREFIX + name: said for name, said in fields.items()}
        for name, said in about.items():
            self.add_error(name if name in self.fields else None, said)
        if message and message not in about.values():
            self.add_error(None, message)


def _credential_field(declared: dict[str, Any]) -> forms.CharField:
    """Masked and never sent back to the browser where it is a secret."""
    attrs = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
    widget = (
        forms.PasswordInput(attrs | {"autocomplete": "new-password"}) if declared["secret"] else forms.TextInput(attrs)
    )
    return forms.CharField(label=declared["label"], help_text=declared["hint"], max_length=4000, widget=widget)


def _free_name(provider: Provider) -> str:
    """The vendor's name, with a number when it is taken."""
    known = Connection.objects.filter(provider=provider.slug, connected_at__isnull=False)
    taken = set(known.values_list("name", flat=True))
    names = (provider.name if n == 1 else f"{provider.name} {n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
