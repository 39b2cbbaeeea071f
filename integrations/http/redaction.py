"""Secrets taken out of text: by value where the value is known, by name and by shape where it is not.

Everything that is logged passes `SecretFilter`; every sentence a vendor sends back passes `redact` before anybody reads it.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

MASK = "****"
_SHORTEST = 4  # a shorter value would blot out ordinary words

_NAMES = (
    r"(?:access|refresh|id|auth|api|bearer|session)[_-]?token|client[_-]?secret|api[_-]?key|apikey|secret[_-]?key|password"
    r"|passwd|authorization|code[_-]?verifier|x-api-key"
)
# Words that stand in ordinary sentences too: only as a parameter (`code=...`) or a JSON key (`"token": ...`).
_WORDS = r"token|secret|code|state|signature|key"
_BY_NAME = re.compile(
    rf"""(?ix) (?P<name>
        (?<![a-z0-9]) ["']? (?:{_NAMES}) ["']? \s* (?:[:=]|=>) \s*
      | (?<![a-z0-9]) (?:{_WORDS}) =
      | (?<![a-z0-9]) ["'] (?:{_WORDS}) ["'] \s* [:=] \s* (?=["'])
    )
    (?P<value> " (?:[^"\\]|\\.)* " | ' (?:[^'\\]|\\.)* ' | (?:(?:bearer|basic|oauth|token)\s+)? [^\s"'&,;)\]}}>]+ )"""
)
_BY_SHAPE = re.compile(
    r"""(?x)
      \b (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{6,}        # Stripe
    | \b whsec_[A-Za-z0-9+/=]{6,}
    | \b [0-9a-f]{32}-us[0-9]{1,3} \b                      # Mailchimp
    | \b chk_[A-Za-z0-9]+_[A-Za-z0-9_-]{8,}                # ours
    | \b xox[abeprs]-[A-Za-z0-9-]{8,}                      # Slack
    | \b (?:ghp|gho|pat|shpat|shpss|SG)[_.][A-Za-z0-9_.-]{16,}
    | \b eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+ (?:\.[A-Za-z0-9_-]+)?   # JSON web tokens: Xero's access tokens
    | (?i:\b (?:bearer|basic) \s+ [A-Za-z0-9._~+/=-]{8,})
    | (?<=://) [^/\s:@]+ : [^/\s@]+ (?=@)                  # https://name:password@host
    """
)

_open_values: Counter[str] = Counter()  # of every credential that is in use in this process, in whatever thread
_lock = threading.Lock()


def redact(text: str, *secrets: str) -> str:
    """The text without these secrets, without those in use in this process, and without what looks or is named like one."""
    with _lock:
        known = {*_open_values, *secrets}
    for value in sorted(known, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            text = text.replace(value, MASK).replace(quote(value, safe=""), MASK)
    return _BY_NAME.sub(rf"\g<name>{MASK}", _BY_SHAPE.sub(MASK, text))


def shorten(text: str, length: int = 200) -> str:
    """One line of printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: length * 4]).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


@contextmanager
def guarding(*secrets: str) -> Iterator[None]:
    """While the block runs, no log line of this process holds these values."""
    watch(*secrets)
    try:
        yield
    finally:
        unwatch(*secrets)


def watch(*secrets: str) -> None:
    with _lock:
        _open_values.update(secrets)


def unwatch(*secrets: str) -> None:
    with _lock:
        _open_values.subtract(secrets)
        for value in [value for value, count in _open_values.items() if count < 1]:
            del _open_values[value]


class SecretFilter(logging.Filter):
    """On a handler, so that every logger's records pass it: message, arguments, exception and stack."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            record.msg = redact(record.getMessage())
        except (TypeError, ValueError):  # the arguments do not fit the message: logging would print both as they are
            record.msg = redact(f"{record.msg} {record.args}")
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


class NeverDebug(logging.Filter):
    """For loggers that write tokens at DEBUG: whatever level somebody sets, those lines are not written."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG
