from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from integrations.connections.models import Connection
from integrations.marketplace import words
from integrations.provider import Provider
from integrations.sync import schedules, timetable

UNITS = {"minutes": 60, "hours": 3_600, "days": 86_400}


class ScheduleForm(forms.Form):
    """How often each resource of a connection is read by itself, whether at all, and how many days are read once more each
    night."""

    def __init__(self, *args: Any, connection: Connection, provider: Provider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = connection
        self.table = timetable.rows(connection, provider)
        for row in self.table:
            self._add(row, words.resource(provider, row.resource.name))

    def _add(self, row: timetable.Row, label: str) -> None:
        name, (number, unit) = row.resource.name, _parts(row.every)
        self.fields[f"{name}-on"] = forms.BooleanField(
            label=f"Read {label} by itself", required=False, initial=row.enabled
        )
        self.fields[f"{name}-every"] = forms.IntegerField(
            label=f"How often {label} is read", min_value=1, max_value=10_080, initial=number
        )
        self.fields[f"{name}-unit"] = forms.ChoiceField(
            label=f"Unit for {label}", choices=[(one, one) for one in UNITS], initial=unit
        )
        if row.sweeps:
            self.fields[f"{name}-days"] = forms.IntegerField(
                label=f"Days of {label} read once more each night",
                min_value=0,
                max_value=schedules.MOST_SWEEP_DAYS,
                initial=row.sweep_days,
            )

    def rows(self) -> list[dict[str, Any]]:
        """One per resource, for the template."""
        return [
            {
                "row": row,
                "on": self[f"{row.resource.name}-on"],
                "every": self[f"{row.resource.name}-every"],
                "unit": self[f"{row.resource.name}-unit"],
                "days": self[f"{row.resource.name}-days"] if row.sweeps else None,
                "allowed": f"between {timetable.spoken(row.shortest)} and {schedules.LONGEST.days} days",
                "usual": timetable.spoken(row.resource.every),
            }
            for row in self.table
        ]

    def save(self) -> bool:
        """Whether everything was saved; an interval that is not allowed is refused beside its field, and nothing is saved."""
        found = self.cleaned_data
        chosen: dict[str, timedelta | None] = {}
        for row in self.table:
            name = row.resource.name
            every = timedelta(seconds=found[f"{name}-every"] * UNITS[found[f"{name}-unit"]])
            if not row.shortest <= every <= schedules.LONGEST and every != row.resource.every:
                shortest = timetable.spoken(row.shortest)
                self.add_error(f"{name}-every", f"Between {shortest} and {schedules.LONGEST.days} days.")
            chosen[name] = None if every == row.resource.every else every
        if self.errors:
            return False
        for row in self.table:
            name = row.resource.name
            days = found.get(f"{name}-days", row.sweep_days)
            wanted = (chosen[name], found[f"{name}-on"], days)
            if wanted != (row.every if row.chosen else None, row.enabled, row.sweep_days):
                schedules.choose(self.connection, name, every=wanted[0], enabled=wanted[1], sweep_days=wanted[2])
        return True


def _parts(every: timedelta) -> tuple[int, str]:
    total = int(every.total_seconds())
    for unit in ("days", "hours"):
        if total % UNITS[unit] == 0:
            return total // UNITS[unit], unit
    return max(1, total // 60), "minutes"
