"""The same samples as another account, or another copy, would hold them: other people, other ids, every reference and
every sum intact. Nothing is random: the same account sees the same data for ever."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from . import cast
from .samples import Samples, is_email

# A UUID; prefix_id as payment vendors write it; a hash in hex.
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![A-Za-z0-9_])[a-z]{2,6}_[A-Za-z0-9]{12,}"
    r"|(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])"
)
_MS_DATE = re.compile(r"/Date\((-?\d+)")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
APART = timedelta(minutes=1)


class Variation:
    """One copy of the samples in one account. `seed` is the account's, `copy` counts from 0."""

    def __init__(self, samples: Samples, seed: str, copy: int) -> None:
        self.samples, self.seed, self.copy = samples, seed, copy

    def of(self, value: Any, name: str = "") -> Any:
        """The value as this copy holds it; `name` is the key it stands under."""
        if isinstance(value, dict):
            return {key: self.of(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner, name) for inner in value]
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int) and not isinstance(value, bool) and name in self.samples.key_names:
            return self.number(value)
        return value

    def text(self, text: str) -> str:
        if text in self._names:
            return self._names[text]
        if is_email(text):
            return self.email(text)
        if text in self.samples.labels:
            return f"{text}-{self.copy}" if self.copy else text
        if text in self.samples.keys and not _ID.fullmatch(text):
            return self._scrambled(text, "0123456789abcdef")
        return _ID.sub(self._id, text)

    def email(self, address: str) -> str:
        _, _, domain = address.partition("@")
        person = self.samples.emails.get(address.lower())
        if person is None:
            return address.replace("@", f".{self.copy}@") if self.copy else address
        return f"{cast.mailbox(self.seed, self.copy, *cast.stand_in(self.seed, self.copy, *person))}@{domain.lower()}"

    def number(self, number: int) -> int:
        if number not in self.samples.keys:
            return number
        drawn = int.from_bytes(cast.digest(self.seed, self.copy, str(number))[:8], "big")
        return 100_000_000 + drawn % 900_000_000

    @cached_property
    def _names(self) -> dict[str, str]:
        """Full, given and family names of the cast -> those of their stand-ins."""
        found: dict[str, str] = {}
        for given, family in cast.CAST:
            other_given, other_family = cast.stand_in(self.seed, self.copy, given, family)
            found |= {given: other_given, family: other_family, f"{given} {family}": f"{other_given} {other_family}"}
        return found

    def _id(self, match: re.Match[str]) -> str:
        text = match[0]
        if text in self.samples.hashed_emails:
            address = self.email(self.samples.hashed_emails[text])
            return hashlib.md5(address.encode(), usedforsecurity=False).hexdigest()
        prefix, underscore, rest = text.rpartition("_")
        if underscore:
            return prefix + underscore + self._scrambled(rest, _ALPHABET)
        return self._scrambled(text, "0123456789abcdef")

    def _scrambled(self, text: str, alphabet: str) -> str:
        """As long as before, dashes where they were. Reference data keeps its ids in every copy."""
        copy = 0 if text in self.samples.fixed else self.copy
        number = int.from_bytes(cast.digest(self.seed, copy, text), "big")
        made = []
        for character in text:
            if character == "-":
                made.append(character)
                continue
            number, index = divmod(number, len(alphabet))
            made.append(alphabet[index])
            number = number or int.from_bytes(cast.digest(self.seed, copy, text + "".join(made)), "big")
        return "".join(made)


def spelled_like(sample: Any, moment: datetime) -> Any:
    """A moment in the spelling of a sample: /Date(ms)/, Unix seconds or ISO 8601."""
    if isinstance(sample, str):
        if _MS_DATE.match(sample):
            return f"/Date({int(moment.timestamp() * 1000)}+0000)/"
        spelt = moment.replace(microsecond=0, tzinfo=None).isoformat()
        return spelt + ("Z" if sample.endswith("Z") else sample[19:] if "+" in sample[19:] else "")
    return int(moment.timestamp())
