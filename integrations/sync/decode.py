"""A vendor's answer -> Python values, without losing a digit where digits matter and without losing a page to one record."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson

from integrations.provider import Temporary

LONGEST_INT = 400  # digits; beyond 4,300 an int can be neither read nor shown, and a Decimal can


def decode(body: bytes, *, exact: bool) -> Any:
    """JSON -> values. `exact`: fractions become Decimal, never float. Raises Temporary when it is no JSON: a vendor's error
    page, half an answer."""
    if not exact:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # perhaps half a surrogate in one record: the reader below takes the page
    try:
        return _read(body, Decimal if exact else float)
    except RecursionError:
        raise Temporary("answered with lists nested too deeply to read") from None
    except ValueError:
        raise Temporary(_not_json(body)) from None


def _read(body: bytes, fraction: type[Decimal | float]) -> Any:
    try:
        return json.loads(body, parse_float=fraction)
    except json.JSONDecodeError:
        raise
    except (ValueError, ArithmeticError):  # one number beyond all bounds: its record will be refused, not the page
        return json.loads(body, parse_float=_fraction, parse_int=_whole)


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) < LONGEST_INT else Decimal(text)


def _fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal("Infinity")


def _not_json(body: bytes) -> str:
    start = body[:200].lstrip().lower()
    if not start:
        return "answered with nothing at all"
    if start.startswith(b"<"):
        return "answered with a web page instead of data"
    if start[:1] in b"{[":
        return "sent an answer that breaks off in the middle"
    return "answered with something that is not JSON"
