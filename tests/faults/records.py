"""What the vendor of the fault scenarios holds, for each chapter and each round: a function of both, known to the vendor's
process and to whoever compares. Nothing of Django here: the vendor starts in a blink.

Round 0 is the first load. In every later round a third of the contacts and invoices changes and some are new; two tags in a
hundred are gone for one round. Some contacts have no name in every other version: they cannot be taken over.
The keys are the same in both chapters, the names are not: a record in the wrong chapter is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

KEYS = {"sydney": "key_of_sydney_0001", "melbourne": "key_of_melbourne_01"}
RESOURCES = ("contacts", "invoices", "tags")
FIRST, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
Record = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """How many records a chapter has at the vendor in round 0. `nameless`: some of its contacts cannot be taken over."""

    contacts: int = 160
    invoices: int = 60
    tags: int = 60
    nameless: bool = True

    def at(self, name: str, round_: int) -> int:
        first: int = getattr(self, name)
        return first if name == "tags" else first + round_ * (first // 40)


@cache
def version(number: int, round_: int, born: int = 0) -> int:
    """The round a record was changed in last."""
    return max((q for q in range(born + 1, round_ + 1) if (number * 7 + q) % 3 == 0), default=born)


def nameless(size: Size, number: int, version_: int) -> bool:
    return size.nameless and number % 37 == 5 and version_ % 2 == 0


def contact_name(chapter: str, number: int, version_: int) -> str:
    return f"{chapter.title()} contact {number} v{version_}"


def born(size: Size, name: str, number: int) -> int:
    first: int = getattr(size, name)
    return 0 if number < first else (number - first) // (first // 40) + 1


def changed_at(number: int, version_: int) -> str:
    moment = LATER + timedelta(hours=version_, seconds=number) if version_ else FIRST + timedelta(minutes=number)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=64)
def listing(size: Size, chapter: str, name: str, round_: int, since: str = "") -> list[Record]:
    """What the vendor lists, in its order: contacts by their last change, so that a page never moves under a reader."""
    made = {"contacts": _contact, "invoices": _invoice, "tags": _tag}[name]
    found = [made(size, chapter, number, round_) for number in range(size.at(name, round_))]
    if name == "tags":
        return [one for number, one in enumerate(found) if number % 50 != round_ % 50]
    if name == "contacts":
        found = sorted((one for one in found if one["updated"] >= since), key=lambda one: (one["updated"], one["id"]))
    return found


@lru_cache(maxsize=64)
def _by_id(size: Size, chapter: str, name: str, round_: int) -> dict[str, Record]:
    return {one["id"]: one for one in listing(size, chapter, name, round_)}


def one_of(size: Size, chapter: str, name: str, round_: int, key: str) -> Record | None:
    return _by_id(size, chapter, name, round_).get(key)


def _contact(size: Size, chapter: str, number: int, round_: int) -> Record:
    now = version(number, round_, born(size, "contacts", number))
    return {
        "id": f"c{number}",
        "name": None if nameless(size, number, now) else contact_name(chapter, number, now),
        "first": "Ada",
        "email": f"c{number}@{chapter}.example",
        "status": "ACTIVE",
        "updated": changed_at(number, now),
        "version": now,
    }


def _invoice(size: Size, chapter: str, number: int, round_: int) -> Record:
    now = version(number + 1, round_, born(size, "invoices", number))
    first = 10 + now
    return {
        "id": f"i{number}",
        "number": f"{chapter[:3].upper()}-{number}",
        "contact": {"id": f"c{number % size.contacts}"},
        "date": "2026-02-03",
        "status": "open",
        "currency": "AUD",
        "subtotal": first + 5, "tax": 0, "total": first + 5, "paid": 0, "credited": 0, "due": first + 5,
        "lines": [
            {"text": f"{chapter.title()} fee v{now}", "quantity": 1, "amount": first},
            {"text": f"{chapter.title()} book v{now}", "quantity": 1, "amount": 5},
        ],
        "version": now,
    }  # fmt: skip


def _tag(size: Size, chapter: str, number: int, round_: int) -> Record:
    return {"id": f"t{number}", "name": f"{chapter.title()} tag {number}", "size": round_ // 4, "version": round_ // 4}


@cache
def accepted(size: Size, chapter: str, number: int, round_: int) -> list[int]:
    """The versions of a contact that were good enough to be taken over, oldest first."""
    begins = born(size, "contacts", number)
    shown = sorted({version(number, q, begins) for q in range(begins, round_ + 1)})
    return [one for one in shown if not nameless(size, number, one)]
