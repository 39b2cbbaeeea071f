"""How alike two records are in one thing: case, accents, spaces and hyphens aside, phone numbers by their digits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from .nicknames import one_short_for_the_other

AGREES, DOUBTFUL, DIFFERS = "agrees", "doubtful", "differs"

# Letters that no decomposition opens.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_NO_DIGIT = re.compile(r"\D", re.ASCII)
_PLAIN = re.compile(r"[a-z0-9]*")
LOCAL_DIGITS = 8  # of a phone number: what is left without country and area


class Likeness(NamedTuple):
    """`share` of a rule's weight that it earns, `grade`, and `words` with {} for what the thing is called."""

    share: float
    grade: str
    words: str


SAME = Likeness(1.0, AGREES, "same {}")
OTHER = Likeness(0.0, DIFFERS, "other {}")


@lru_cache(maxsize=50_000)
def fold(text: str) -> str:
    """`"O'Brien-Żak"` -> `"obrienzak"`: letters and digits, small, without their marks."""
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return text if _PLAIN.fullmatch(text) else "".join(letter for letter in text if letter.isalnum())


def same_text(one: str, other: str) -> bool:
    """Folded; an umlaut may be written out on one side (Mueller)."""
    if fold(one) == fold(other):
        return True
    first, second = (unicodedata.normalize("NFC", text.casefold()).translate(_UMLAUTS) for text in (one, other))
    return fold(first) == fold(second) and not (one.isascii() and other.isascii())


def digits(text: str) -> str:
    return _NO_DIGIT.sub("", text)


def local_number(text: str) -> str:
    """What a number is found by: its last digits; "" for one that is too short to say anything."""
    found = digits(text)
    return found[-LOCAL_DIGITS:] if len(found) >= LOCAL_DIGITS else ""


def compare(how: str, theirs: Sequence[Any], ours: Sequence[Any]) -> Likeness | None:
    """None where either side says nothing."""
    if how == "name":
        return _name(theirs, ours)
    (one,), (other,) = theirs, ours
    if one in _EMPTY or other in _EMPTY:
        return None
    return _COMPARED[how](one, other)


_EMPTY: tuple[Any, ...] = (None, "", [], {})


def _exact(one: Any, other: Any) -> Likeness:
    return SAME if one == other else OTHER


def _folded(one: Any, other: Any) -> Likeness:
    return SAME if same_text(str(one), str(other)) else OTHER


def _phone(one: str, other: str) -> Likeness | None:
    """By the last nine digits, without area by eight: +61 2 9876 5432, (02) 9876 5432 and 9876 5432."""
    first, second = digits(one).lstrip("0"), digits(other).lstrip("0")
    if min(len(first), len(second)) < LOCAL_DIGITS:
        return None
    length = min(len(first), len(second), LOCAL_DIGITS + 1)
    return SAME if first[-length:] == second[-length:] else OTHER


def _date(one: date, other: date) -> Likeness:
    if one == other:
        return SAME
    if (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return Likeness(0.5, DOUBTFUL, "{} with day and month exchanged")
    return OTHER


def _address(one: Any, other: Any) -> Likeness | None:
    """Postcode and street; without both it says nothing."""
    first, second = _place(one), _place(other)
    if not all(first) or not all(second):
        return None
    return SAME if first == second else Likeness(0.0, DIFFERS, "other {}")


def _place(address: Any) -> tuple[str, str]:
    lines = address.get("lines") or [""]
    return fold(address.get("postcode") or ""), fold("".join(lines))


_COMPARED: dict[str, Callable[[Any, Any], Likeness | None]] = {
    "exact": _exact,
    "folded": _folded,
    "phone": _phone,
    "date": _date,
    "address": _address,
}


# --- names ----------------------------------------------------------------------------------------------------------------

_SAME_NAME = Likeness(1.0, AGREES, "same {}")
_EXCHANGED = Likeness(0.7, AGREES, "first and last name exchanged")
_SHORT = Likeness(0.4, DOUBTFUL, "same last name, first name may be a short form")
_INITIAL = Likeness(0.3, DOUBTFUL, "same last name, first name only an initial")
_LONGER = Likeness(0.6, DOUBTFUL, "same last name, first name in part")
_OTHER_FIRST = Likeness(0.1, DIFFERS, "same last name, other first name")
_OTHER_LAST = Likeness(0.1, AGREES, "same first name, other last name")
_HALF = Likeness(0.25, DOUBTFUL, "half of the name is the same")
_OTHER_NAME = Likeness(0.0, DIFFERS, "other {}")


def person_of(given: str | None, family: str | None, whole: str | None) -> tuple[str, str]:
    """First and last name; from the whole name where those are not said: `Ada Lovelace`, `Lovelace, Ada`."""
    if given or family:
        return given or "", family or ""
    if whole and "," in whole:
        last, _, first = whole.partition(",")
        return first.strip(), last.strip()
    first, _, last = (whole or "").strip().rpartition(" ")
    return first.strip(), last


def _name(theirs: Sequence[Any], ours: Sequence[Any]) -> Likeness | None:
    (first, last), (given, family) = person_of(*theirs), person_of(*ours)
    if not (first or last) or not (given or family):
        return None
    if not (first and given) or not (last and family):
        half = (first and given and same_text(first, given)) or (last and family and same_text(last, family))
        return _HALF if half else _OTHER_NAME
    if same_text(last, family):
        return _first_name(first, given)
    if same_text(first, family) and same_text(last, given):
        return _EXCHANGED
    return _OTHER_LAST if same_text(first, given) else _OTHER_NAME


def _first_name(one: str, other: str) -> Likeness:
    """Of two people with the same last name."""
    if same_text(one, other):
        return _SAME_NAME
    first, second = fold(one), fold(other)
    if min(len(first), len(second)) == 1 and first[:1] == second[:1]:
        return _INITIAL
    if one_short_for_the_other(first, second):
        return _SHORT
    parts, others = ([fold(part) for part in re.split(r"[\s-]+", name) if fold(part)] for name in (one, other))
    if parts and others and len(parts) != len(others) and parts[0] == others[0]:
        return _LONGER
    return _OTHER_FIRST
