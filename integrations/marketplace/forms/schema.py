from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms

Schema = Mapping[str, Any]


class SchemaForm(forms.Form):
    """A form drawn from a provider's JSON Schema of settings: texts, numbers, yes or no, dates, one or several of a list.

    A property of another kind has no field; its name is in `beyond`, and the page says that only the API changes it.
    """

    def __init__(self, *args: Any, schema: Schema, values: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schema, self.values = schema, values
        self.beyond: list[str] = []
        required = set(schema.get("required", ()))
        for name, rule in schema.get("properties", {}).items():
            field = _field(rule, required=name in required)
            if field is None:
                self.beyond.append(rule.get("title", name))
                continue
            field.label = rule.get("title") or name.replace("_", " ").capitalize()
            field.help_text = rule.get("description", "")
            field.initial = values.get(name, rule.get("default"))
            self.fields[name] = field

    def clean(self) -> dict[str, Any]:
        """The settings as JSON. What was left empty is left out, so that the provider's default holds."""
        settings = {name: value for name, value in self.values.items() if name not in self.fields}
        for name, value in self.cleaned_data.items():
            if (plain := _plain(value, self.schema["properties"][name])) is not None:
                settings[name] = plain
        return {"settings": settings}

    def refuse(self, errors: list[dict[str, str]]) -> None:
        """`[{"pointer": "/months", "detail": sentence}]`: each beside its field."""
        for error in errors:
            name = error["pointer"].split("/")[1] if "/" in error["pointer"] else ""
            self.add_error(name if name in self.fields else None, error["detail"])


def _field(rule: Schema, *, required: bool) -> forms.Field | None:
    kind = rule.get("type")
    kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
    if "enum" in rule:
        return _choice(rule, required=required)
    if kind == "array" and "enum" in rule.get("items", {}):
        choices = [(str(value), _words(value, rule["items"])) for value in rule["items"]["enum"]]
        return forms.MultipleChoiceField(choices=choices, required=required, widget=forms.CheckboxSelectMultiple)
    if kind == "boolean":
        return forms.BooleanField(required=False)
    if kind == "integer":
        return forms.IntegerField(required=required, min_value=rule.get("minimum"), max_value=rule.get("maximum"))
    if kind == "number":
        return forms.DecimalField(required=required, min_value=rule.get("minimum"), max_value=rule.get("maximum"))
    if kind == "string" and rule.get("format") == "date":
        return forms.DateField(required=required, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    if kind == "string":
        return forms.CharField(
            required=required, min_length=rule.get("minLength"), max_length=rule.get("maxLength", 1000)
        )
    return None


def _choice(rule: Schema, *, required: bool) -> forms.ChoiceField:
    choices = [(str(value), _words(value, rule)) for value in rule["enum"] if value is not None]
    if not required and "default" not in rule:
        choices.insert(0, ("", "Not chosen"))
    return forms.ChoiceField(choices=choices, required=required)


def _words(value: object, rule: Schema) -> str:
    """`x-labels` beside an enum says it in words: {"value": "Label"}."""
    said = rule.get("x-labels", {}).get(str(value))
    return said or str(value).replace("_", " ").capitalize()


def _plain(value: Any, rule: Schema) -> Any:
    """What the form field gave, as JSON has it; None for nothing."""
    if value in (None, "", []):
        return None
    if "enum" in rule:
        return next((one for one in rule["enum"] if str(one) == value), value)
    if isinstance(value, list):
        return [next((one for one in rule["items"]["enum"] if str(one) == part), part) for part in value]
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
