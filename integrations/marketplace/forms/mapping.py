from __future__ import annotations

from typing import Any

from django import forms

from integrations.connections.models import Connection
from integrations.mapping.models import FieldMapping
from integrations.mapping.services import FieldRule, MappingRefused, field_rules, save_field_rules
from integrations.provider import Resource

_PARTS = {"source": "Path there", "owner": "When both changed", "write": "Written"}


class MappingForm(forms.Form):
    """How one connection takes the fields of one resource: path, who wins, what an incoming value does.

    What the provider fixes has no field here; what equals the provider's own mapping is not kept as a deviation.
    """

    def __init__(self, *args: Any, connection: Connection, resource: Resource, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection, self.resource = connection, resource
        self.rules = [rule for rule in field_rules(connection, resource.name) if rule.kind != "constant"]
        for number, rule in enumerate(self.rules):
            self._add(number, rule)

    def _add(self, number: int, rule: FieldRule) -> None:
        self.fields[f"{number}-source"] = forms.CharField(
            label=f"Path of {rule.field} in their record",
            initial=rule.source,
            max_length=200,
            required=rule.required,
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
        )
        self.fields[f"{number}-owner"] = forms.ChoiceField(
            label=f"Who wins for {rule.field} when both sides changed",
            choices=FieldMapping.Owner.choices,
            initial=rule.owner,
        )
        self.fields[f"{number}-write"] = forms.ChoiceField(
            label=f"When an incoming {rule.field} is written",
            choices=FieldMapping.Write.choices,
            initial=rule.write,
        )

    def rows(self) -> list[dict[str, Any]]:
        """One per field, for the template; `short` is the label for those who see the row."""
        return [
            {
                "rule": rule,
                "parts": [{"field": self[f"{number}-{part}"], "short": label} for part, label in _PARTS.items()],
            }
            for number, rule in enumerate(self.rules)
        ]

    def save(self) -> bool:
        """Whether it was saved; when the mapping refuses a field, the reason stands beside it."""
        changes = {rule.field: self._change(number, rule) for number, rule in enumerate(self.rules)}
        try:
            save_field_rules(self.connection, self.resource.name, changes)
        except MappingRefused as refused:
            numbers = {rule.field: number for number, rule in enumerate(self.rules)}
            for field, reason in refused.reasons.items():
                self.add_error(f"{numbers[field]}-source" if field in numbers else None, reason)
            return False
        return True

    def _change(self, number: int, rule: FieldRule) -> dict[str, str] | None:
        """What was chosen; None when that is what the provider says."""
        chosen = {part: self.cleaned_data[f"{number}-{part}"].replace(" ", "") for part in _PARTS}
        declared = next((step for step in self.resource.mapping.fields if step.to == rule.field), None)
        usual = {
            "source": rule.default_source,
            "owner": getattr(declared, "owner", "theirs"),
            "write": getattr(declared, "write", "always"),
        }
        return None if chosen == usual else chosen
