"""Bodies: JSON that can be stored and answered for, or 400."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from .problems import Problem

LARGEST = 2**63 - 1
DEEPEST = 40


class StrictJSONParser(BaseParser):
    """UTF-8 JSON. Refused: NaN and infinities, numbers beyond 64 bits, NUL and lone surrogates (PostgreSQL stores neither), a
    name twice in one object, nesting beyond 40 levels, and more than DATA_UPLOAD_MAX_MEMORY_SIZE bytes (413)."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise Problem(413, f"The body is longer than {limit} bytes.")
        try:
            value = json.loads(
                body.decode(),
                parse_int=_whole,
                parse_float=_number,
                parse_constant=_refused,
                object_pairs_hook=_once,
            )
        except RecursionError:
            raise ParseError(f"The body is nested deeper than {DEEPEST} levels.") from None
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except json.JSONDecodeError as error:
            raise ParseError(
                f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            ) from None
        except ValueError as error:
            raise ParseError(f"The body cannot be taken: {error}.") from None
        _check(value)
        return value


def _whole(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > LARGEST:
        raise ValueError(f"a whole number of {len(text)} characters is too large")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _refused(text: str) -> None:
    raise ValueError(f"{text} is not a number in JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _check(value: Any) -> None:
    """Every text storable, nothing nested too deep; without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, Mapping):
                inner += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                inner += item
        if not inner:
            return
        level = inner
    raise ParseError(f"The body is nested deeper than {DEEPEST} levels.")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ParseError("A text contains a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ParseError("A text contains half of a surrogate pair.") from None
