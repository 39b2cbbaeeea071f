"""How far a resource has been read: the newest time seen, as the vendor is asked for what came after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from integrations.mapping.paths import getter
from integrations.provider import Cursor

# "2026-01-31T00:00:00Z", with and without fractions
_SORTABLE = {(length, "Z") for length in (20, 24, 27)}


def sent_as(cursor: Cursor, since: datetime) -> str:
    """What the vendor is asked with: `since` less the lookback, in the vendor's spelling. Fractions are dropped downwards."""
    return cursor.spell(since - cursor.lookback)


def newest(cursor: Cursor, records: Iterable[Any], known: datetime | None, now: datetime) -> datetime | None:
    """The newest time in the records, or what was known. A time ahead of us (a wrong clock, a typing error) counts as now:
    otherwise one record of 2099 would hide every later change."""
    value_of = getter(cursor.field)
    values = _latest([value_of(record) for record in records])
    found = [moment for value in values if (moment := instant(cursor, value))]
    return min(max([*found, known] if known else found), now) if found else known


def instant(cursor: Cursor, value: Any) -> datetime | None:
    """When a record changed; None for what is no time (its record may be quarantined elsewhere)."""
    try:
        return cursor.moment(value)
    except ValueError:
        return None


def _latest(values: list[Any]) -> list[Any]:
    """Times of one spelling in UTC sort as text, so that only the last needs reading; otherwise all of them."""
    shapes = {(len(value), value[-1:]) if type(value) is str else None for value in values}
    return [max(values)] if len(shapes) == 1 and shapes.pop() in _SORTABLE else values
