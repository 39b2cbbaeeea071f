"""A vendor's JSON, read so that one bad value never loses a page.

A value that cannot be kept becomes an `Unreadable` in its place: the record it stands in is set aside with that reason, the
others go on. orjson reads what is clean; what it refuses is read again, slowly and tolerantly.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from integrations.provider import Temporary

DEEPEST = 100
_MOST_DIGITS = 40
_NUL = re.compile(rb"\\u0000")
_NUL_OR_SURROGATE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")  # orjson refuses half a pair by itself
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[\[{\]}]', re.DOTALL)
_TOO_DEEP = "\x00too deep"


class Unreadable:
    """Stands where a value could not be kept; `reason` says why, for people. Equal only to itself, never true."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"<unreadable: {self.reason}>"

    def __bool__(self) -> bool:
        return False


def decode(body: bytes, *, exact: bool = False) -> Any:
    """The decoded value. With `exact` a number with a fraction is a Decimal, and a key that stands twice in an object with
    two values is Unreadable; without it such a number is a float and the last of two equal keys wins.

    Raises Temporary when the body is no JSON at all (half an answer, an error page).
    """
    try:
        decoded = _exact(body) if exact else orjson.loads(body)
    except (ValueError, RecursionError):
        return _tolerant(body, exact=exact)
    suspect = _NUL_OR_SURROGATE if exact else _NUL
    return _marked(decoded) if suspect.search(body) else decoded


def _exact(body: bytes) -> Any:
    return json.loads(body.decode(), parse_float=_decimal, parse_constant=_constant, object_pairs_hook=_once)


def _tolerant(body: bytes, *, exact: bool) -> Any:
    # What is not UTF-8 becomes lone surrogates, which are marked like any other.
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    try:
        return _marked(
            json.loads(
                _cut(text),
                strict=False,
                parse_float=_decimal if exact else _float,
                parse_int=_whole,
                parse_constant=_constant,
                object_pairs_hook=_once,
            )
        )
    except (ValueError, RecursionError):
        kind = "a web page" if text.lstrip()[:1] == "<" else "nothing" if not text.strip() else "something"
        raise Temporary(f"The answer is {kind} that is not JSON. It is asked for again.") from None


def _cut(text: str) -> str:
    """The text with every value nested deeper than DEEPEST replaced; unclosed brackets are left for the parser to refuse."""
    depth, kept, start, pieces = 0, 0, 0, []
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                start = token.start()
        elif mark in "]}":
            depth -= 1
            if depth == DEEPEST:
                pieces += [text[kept:start], json.dumps(_TOO_DEEP)]
                kept = token.end()
    return "".join([*pieces, text[kept:]])


def _marked(decoded: Any) -> Any:
    """Strings that the database cannot hold, replaced; without recursion."""
    if isinstance(decoded, str):
        return _text(decoded)
    waiting = [decoded]
    while waiting:
        container = waiting.pop()
        if isinstance(container, dict):
            items: Any = container.items()
        elif isinstance(container, list):
            items = enumerate(container)
        else:
            continue
        for key, value in list(items):
            if isinstance(value, str):
                container[key] = _text(value)
            elif isinstance(value, (dict, list)):
                waiting.append(value)
    return decoded


def _text(value: str) -> Any:
    if value == _TOO_DEEP:
        return Unreadable(f"nested more than {DEEPEST} deep")
    if "\x00" in value:
        return Unreadable("text with a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        return Unreadable("text with half of a surrogate pair, or bytes that are not UTF-8")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen and seen[key] != value:
                made[key] = Unreadable("stands twice, with two values")
            seen[key] = value
    return made


def _whole(digits: str) -> Any:
    return int(digits) if len(digits) <= _MOST_DIGITS else Unreadable(f"a number of {len(digits)} digits")


def _decimal(digits: str) -> Any:
    try:
        number = Decimal(digits)
    except InvalidOperation:
        return Unreadable("a number that is none")
    if len(digits) > _MOST_DIGITS or abs(number.adjusted()) > _MOST_DIGITS:
        return Unreadable("a number far too long or too large")
    return number


def _float(digits: str) -> Any:
    number = float(digits)
    return number if math.isfinite(number) else Unreadable("a number far too large")


def _constant(name: str) -> Unreadable:
    return Unreadable(f"{name}, which is not a number")
