"""What can go wrong at a vendor, on demand."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from integrations import targets
from integrations.canonical import Money
from integrations.provider import Field, Resource, dig
from integrations.provider.money import exponent
from integrations.provider.paths import plant

# Answered instead of the vendor's own.
STATUSES = ("400", "401", "403", "404", "409", "410", "422", "429", "500", "502", "503")
ANSWERS = ("slow", "half_body", "html", "dropped")
# Done to the records of a page.
RENAMED, RETYPED, DOUBLED, ENDLESS = "drift_renamed", "drift_retyped", "duplicate_page", "endless"
DRIFTS = ("drift", RENAMED, RETYPED)
BAD = ("missing_key", "bad_date", "three_decimals", "nul", "lone_surrogate", "huge_number")
FAULTS = (*STATUSES, *ANSWERS, *DRIFTS, DOUBLED, ENDLESS, *BAD, "bad_records")

# Canonical fields that hold what people typed.
FREE_TEXT = ("name", "display_name", "given_name", "family_name", "description", "reference", "number", "reason")
# Python and orjson refuse to write these: they are put into the bytes afterwards.
_SURROGATE, _HUGE = "@lab-lone-surrogate@", "@lab-huge-number@"
HTML = b"<!doctype html><title>We'll be right back</title><h1>Something went wrong on our side</h1>"


def spoiled(resource: Resource, fault: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of a page after that fault. What a resource has no field for (money with decimals) stays as it is."""
    if fault == DOUBLED:
        return [copy for record in records for copy in (record, record)]
    if fault in DRIFTS:
        return [_drifted(resource, fault, record) for record in records]
    kinds = BAD if fault == "bad_records" else (fault,)
    for kind, record in zip(kinds, records, strict=False):
        _SPOIL[kind](resource, record)
    return records


def raw(body: bytes) -> bytes:
    """The bytes no encoder will write."""
    body = body.replace(f'"{_HUGE}"'.encode(), b"9" * 5000)
    return body.replace(_SURROGATE.encode(), b"\\ud800")


def fields_of(resource: Resource, *kinds: type) -> Iterator[Field]:
    """The mapping's top-level fields whose canonical field is of one of these types."""
    model = targets.get(resource.target).canonical
    for field in resource.mapping.fields:
        if not isinstance(field, Field) or field.to not in model.model_fields or field.ref:
            continue
        if set(kinds) & set(_types(model.model_fields[field.to].annotation)):
            yield field


def _types(annotation: Any) -> Iterable[type]:
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return ()
    return [t for part in inner for t in _types(part)] if inner else [annotation]


def _drifted(resource: Resource, fault: str, record: dict[str, Any]) -> dict[str, Any]:
    """A field renamed, another of a new type, as after a vendor's careless release."""
    plain = [f.sources[0] for f in resource.mapping.fields if isinstance(f, Field) and f.sources[0] != resource.key]
    present = [path for path in plain if "." not in path and record.get(path) not in (None, "", [])]
    if present and fault != RETYPED:
        record[f"{present[0]}_v2"] = record.pop(present[0])
    if len(present) > 1 and fault != RENAMED:
        record[present[1]] = {"value": record[present[1]]}
    return record


def _missing_key(resource: Resource, record: dict[str, Any]) -> None:
    plant(record, resource.key, None)


def _bad_date(resource: Resource, record: dict[str, Any]) -> None:
    for field in fields_of(resource, date, datetime):
        known = dig(record, field.sources[0])
        plant(record, field.sources[0], 10**17 if isinstance(known, int) else "31st of Neveruary")
        return


def _three_decimals(resource: Resource, record: dict[str, Any]) -> None:
    """In a currency of two decimals; of an amount in minor units, a fraction."""
    for field in fields_of(resource, Money):
        code = next((v for v in (dig(record, s.lstrip("/")) for s in field.sources[1:]) if isinstance(v, str)), "")
        if code and exponent(code.upper()) == 2:
            plant(record, field.sources[0], Decimal("12.345"))
            return


def _text(spoil: Callable[[str], str]) -> Callable[[Resource, dict[str, Any]], None]:
    def inner(resource: Resource, record: dict[str, Any]) -> None:
        free = (f for f in fields_of(resource, str) if f.to in FREE_TEXT and f.sources[0] != resource.key)
        for path in (field.sources[0] for field in free):
            known = dig(record, path)
            if isinstance(known, str) and known:
                plant(record, path, spoil(known))
                return

    return inner


def _huge_number(resource: Resource, record: dict[str, Any]) -> None:
    for field in (*fields_of(resource, Money), *fields_of(resource, int, str)):
        if field.sources[0] != resource.key:
            plant(record, field.sources[0], _HUGE)
            return


_SPOIL: dict[str, Callable[[Resource, dict[str, Any]], None]] = {
    "missing_key": _missing_key,
    "bad_date": _bad_date,
    "three_decimals": _three_decimals,
    "nul": _text(lambda text: f"{text[:5]}\x00{text[5:]}"),
    "lone_surrogate": _text(lambda text: text[:5] + _SURROGATE),
    "huge_number": _huge_number,
}
