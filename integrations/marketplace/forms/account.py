from __future__ import annotations

from typing import Any

from django import forms


class AccountForm(forms.Form):
    """Which of the vendor's accounts a connection is for. `accounts`: [{"id", "name"}]."""

    account = forms.ChoiceField(
        label="Account",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one account.", "invalid_choice": "Choose one of the accounts shown."},
    )

    def __init__(self, *args: Any, accounts: list[dict[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].choices = [(one["id"], one["name"] or one["id"]) for one in accounts]
