from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from django import forms
from django.forms import BoundField
from django.http import QueryDict

from integrations import targets
from integrations.connections.models import Connection
from integrations.mapping.formulas import LONGEST
from integrations.mapping.lookups import LONGEST_VALUE, MOST_ROWS, key
from integrations.mapping.models import FieldMapping
from integrations.mapping.rules import LONGEST_SOURCE, unused, usual
from integrations.mapping.services import FieldRule, MappingRefused, field_rules, save_field_rules
from integrations.provider import Field, Resource
from integrations.sync.preview import RecordPreview, preview

NOT_TAKEN = ("none", "Not taken")
BLANK_ROWS = 2
MORE_ROWS = 5
_TEXT = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
_CHOICES = {
    "owner": ("When both changed", FieldMapping.Owner, "Who wins for {} when both sides changed"),
    "write": ("Written here", FieldMapping.Write, "When an incoming {} is written here"),
    "direction": ("Goes", FieldMapping.Direction, "Which way {} goes"),
    "write_out": ("Written there", FieldMapping.WriteOut, "When our {} is written there"),
}
# Where a reason of the mapping is shown, when the part it is about has no field of its own on the page.
_SHOWN_AT = {"table": "transform", "": "source"}


@dataclass(frozen=True, kw_only=True)
class MappingRow:
    """One canonical field on the page: its rule, and the form's fields for it. `values`: the values of ours there are, where
    there are only a few. `said`: what is wrong with it. `out`: whether anything of this resource is written there."""

    number: int
    rule: FieldRule
    transform: BoundField | None
    source: BoundField
    otherwise: BoundField | None
    formula: BoundField | None
    formula_out: BoundField | None
    rules: list[tuple[str, BoundField]]
    cells: list[tuple[BoundField, BoundField]]
    values: list[str]
    said: list[str]
    touched: bool
    out: bool

    @property
    def open(self) -> bool:
        return bool(self.said) or self.touched


class MappingForm(forms.Form):
    """How one connection takes the fields of one resource: from where, through which table or formula, which way, who wins, and
    what a value does when it arrives.

    What the provider fixes has no field here; what equals the provider's own mapping is not kept as a deviation. `more` and
    `less` are the buttons of the tables; both change the page only.
    """

    note = forms.CharField(label="What the change is for", max_length=200, required=False)
    reapply = forms.ChoiceField(
        label="The records that are already here",
        choices=[("yes", "Re-apply to all"), ("no", "Only from now on")],
        initial="yes",
        required=False,
        widget=forms.RadioSelect,
    )
    sample = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, connection: Connection, resource: Resource) -> None:
        self.connection, self.resource = connection, resource
        rules = field_rules(connection, resource.name)
        self.rules = [*(rule for rule in rules if rule.kind != "constant"), *unused(resource, rules)]
        self.touched: int | None = None
        super().__init__(self._edited(data) if data is not None else None)
        for number, rule in enumerate(self.rules):
            self._add(number, rule)

    def _edited(self, sent: QueryDict) -> QueryDict:
        """What was sent, with the row added or emptied whose button was pressed."""
        data = sent.copy()
        number, _, row = (sent.get("more") or sent.get("less") or "").partition("-")
        if number.isascii() and number.isdigit() and len(number) < 4:
            self.touched = int(number)
            if "more" in sent:
                data[f"{number}-rows"] = str(self._rows(sent, int(number), 0) + MORE_ROWS)
            else:
                data[f"{number}-theirs-{row}"] = data[f"{number}-ours-{row}"] = ""
        return data

    def _rows(self, data: QueryDict | None, number: int, usually: int) -> int:
        told = (data or {}).get(f"{number}-rows", "") if data is not None else ""
        return min(int(told), MOST_ROWS + MORE_ROWS) if told.isascii() and told.isdigit() and len(told) < 5 else usually

    def _add(self, number: int, rule: FieldRule) -> None:
        name = f"{number}-"
        self.fields[name + "source"] = self._text(
            f"Path of {rule.field} in their record", rule.source or rule.default_source, LONGEST_SOURCE
        )
        for part, (_, choices, label) in _CHOICES.items():
            initial = getattr(rule, part)
            self.fields[name + part] = forms.ChoiceField(
                label=label.format(rule.field), choices=choices.choices, initial=initial, required=False
            )
        if rule.kind == "list":
            self.fields[name + "source"].initial = rule.source
            return
        self.fields[name + "transform"] = forms.ChoiceField(
            label=f"How {rule.field} is filled",
            choices=[*FieldMapping.Transform.choices, NOT_TAKEN],
            initial=rule.transform if rule.taken else NOT_TAKEN[0],
            required=False,
        )
        for part, label in (
            ("formula", f"Formula for {rule.field}"),
            ("formula_out", f"Formula for sending {rule.field}"),
        ):
            area = forms.Textarea(attrs={**_TEXT, "rows": 2})
            self.fields[name + part] = forms.CharField(
                label=label, initial=getattr(rule, part), max_length=LONGEST + 100, required=False, widget=area
            )
        self.fields[name + "otherwise"] = self._text(
            f"{rule.field} for any other value", key(rule.otherwise), LONGEST_VALUE
        )
        self._add_table(number, rule)

    def _add_table(self, number: int, rule: FieldRule) -> None:
        count = self._rows(self.data if self.is_bound else None, number, len(rule.table) + BLANK_ROWS)
        self.fields[f"{number}-rows"] = forms.CharField(required=False, initial=count, widget=forms.HiddenInput)
        for row in range(count):
            theirs, ours = (key(one) for one in rule.table[row]) if row < len(rule.table) else ("", "")
            line = row + 1
            cells = (
                ("theirs", f"Theirs, row {line} of {rule.field}", theirs),
                ("ours", f"Ours, row {line} of {rule.field}", ours),
            )
            for part, label, value in cells:
                self.fields[f"{number}-{part}-{row}"] = self._text(label, value, LONGEST_VALUE)
            self.fields[f"{number}-ours-{row}"].widget.attrs["list"] = f"values-{number}"

    def _text(self, label: str, initial: str, longest: int) -> forms.CharField:
        widget = forms.TextInput(attrs=dict(_TEXT))
        return forms.CharField(label=label, initial=initial, max_length=longest, required=False, widget=widget)

    @property
    def from_now_on(self) -> bool:
        return self["reapply"].value() == "no"

    # --- for the page ---------------------------------------------------------------------------------------------------

    def rows(self) -> list[MappingRow]:
        return [self._row(number, rule) for number, rule in enumerate(self.rules)]

    def _row(self, number: int, rule: FieldRule) -> MappingRow:
        name = f"{number}-"
        optional = {part: self[name + part] if name + part in self.fields else None
                    for part in ("transform", "otherwise", "formula", "formula_out")}  # fmt: skip
        shown = _CHOICES if self.resource.write else {part: _CHOICES[part] for part in ("owner", "write")}
        cells = [
            (self[f"{name}theirs-{row}"], self[f"{name}ours-{row}"])
            for row in range(MOST_ROWS + MORE_ROWS)
            if f"{name}theirs-{row}" in self.fields
        ]
        said = [error for field, errors in self.errors.items() if field.startswith(name) for error in errors]
        return MappingRow(
            number=number,
            rule=rule,
            source=self[name + "source"],
            **optional,
            rules=[(short, self[name + part]) for part, (short, _, _) in shown.items()],
            cells=cells,
            values=_values(self.resource, rule.field),
            said=said,
            touched=self.touched == number,
            out=self.resource.write is not None,
        )

    # --- what was chosen ------------------------------------------------------------------------------------------------

    def save(self, *, who: str) -> bool:
        """Whether it was saved; when the mapping refuses a field, the reason stands beside it."""
        try:
            save_field_rules(
                self.connection,
                self.resource.name,
                self._changes(),
                reapply=self.cleaned_data["reapply"] != "no",
                who=who,
                note=self.cleaned_data["note"],
            )
        except MappingRefused as refused:
            self._show(refused)
            return False
        return True

    def preview(self, records: list[Any]) -> list[RecordPreview]:
        """The records through what is chosen here; nothing where it is refused, with the reasons beside the fields."""
        try:
            return preview(self.connection, self.resource.name, self._changes(), records)
        except MappingRefused as refused:
            self._show(refused)
            return []

    def _show(self, refused: MappingRefused) -> None:
        numbers = {rule.field: number for number, rule in enumerate(self.rules)}
        for field, reason in refused.reasons.items():
            part = refused.parts.get(field, "")
            name = f"{numbers.get(field)}-{_SHOWN_AT.get(part, part)}"
            self.add_error(name if name in self.fields else None, reason)

    def _changes(self) -> dict[str, dict[str, Any] | None]:
        return {rule.field: self._change(number, rule) for number, rule in enumerate(self.rules)}

    def _change(self, number: int, rule: FieldRule) -> dict[str, Any] | None:
        """What was chosen; None when that is what the provider says."""
        chosen: dict[str, Any] = {part: self._said(number, part) or getattr(rule, part) for part in _CHOICES}
        transform = self._said(number, "transform") or ("direct" if rule.kind == "list" else rule.transform)
        source = self._said(number, "source").replace(" ", "")
        chosen |= {"transform": transform, "source": source}
        if transform == NOT_TAKEN[0]:
            chosen |= {"transform": "direct", "source": ""}
        elif transform == "lookup":
            chosen |= {"table": self._table(number, rule), "otherwise": self._said(number, "otherwise") or None}
        elif transform == "formula":
            chosen |= {part: self._said(number, part) for part in ("formula", "formula_out")}
            if "," in source and not chosen["formula_out"]:
                chosen["source"] = ""  # the paths of before say nothing to a formula that does not go out
        plain = usual(
            next((step for step in self.resource.mapping.fields if step.to == rule.field), Field(rule.field, ""))
        )
        same = chosen["transform"] == "direct" and all(chosen[part] == getattr(plain, part) for part in chosen)
        return None if same else chosen

    def _table(self, number: int, rule: FieldRule) -> list[list[Any]]:
        """The rows with something in them. A value that was a number or true or false stays one: it is sent as it was."""
        typed = {key(one): one for row in rule.table for one in row}
        rows = []
        for name in [name for name in self.fields if name.startswith(f"{number}-theirs-")]:
            theirs, ours = self.cleaned_data[name], self.cleaned_data[name.replace("theirs", "ours")]
            if theirs or ours:
                rows.append([typed.get(theirs, theirs), typed.get(ours, ours)])
        return rows

    def _said(self, number: int, part: str) -> str:
        found: str = self.cleaned_data.get(f"{number}-{part}") or ""
        return found


def _values(resource: Resource, field: str) -> list[str]:
    """The values that a canonical field takes, where it takes no others."""
    declared = targets.get(resource.target).canonical.model_fields.get(field)
    found: list[str] = []
    waiting = [declared.annotation] if declared else []
    while waiting:
        one = waiting.pop()
        found += get_args(one) if get_origin(one) is Literal else []
        waiting += get_args(one) if get_origin(one) is not Literal else []
    return [str(one) for one in found]
