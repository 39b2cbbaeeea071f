from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from integrations.marketplace import words
from integrations.provider import Provider
from integrations.sync.setaside import LONGEST_BECAUSE, Which


class WhichForm(forms.Form):
    """Which of the set-aside records: what is not given does not narrow; what cannot be read names none at all."""

    resource = forms.ChoiceField(label="Records", required=False)
    field = forms.CharField(required=False, widget=forms.HiddenInput)
    message = forms.CharField(required=False, widget=forms.HiddenInput)
    since = forms.DateField(
        label="Set aside since", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    record = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, provider: Provider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(one.name, words.resource(provider, one.name)) for one in provider.resources]
        self.fields["resource"].choices = [("", "All"), *names]  # type: ignore[attr-defined]

    def which(self) -> Which:
        if not self.is_valid():
            return Which(ids=())
        found = self.cleaned_data
        since = found["since"]
        return Which(
            resource=found["resource"],
            field=found["field"] if found["message"] else None,
            message=found["message"] or None,
            since=forms.DateTimeField().clean(f"{since} 00:00") if since else None,
            ids=(found["record"],) if found["record"] else None,
        )

    def narrows(self) -> bool:
        return any(self.data.get(name) for name in self.fields)

    def query(self) -> QueryDict:
        """What was given, for the next address."""
        made = QueryDict(mutable=True)
        made.update({name: self.data[name] for name in self.fields if self.data.get(name)})
        return made


class DismissForm(forms.Form):
    because = forms.CharField(
        label="Why",
        max_length=LONGEST_BECAUSE,
        help_text="Whoever looks at it next wants to know: “test data”, “left in 2019”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
