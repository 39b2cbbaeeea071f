"""Numbers, times and intervals as people say them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from integrations.provider import Provider, RateLimit
from integrations.provider.auth import Auth

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_UNITS = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second"))


def count(number: int, noun: str, plural: str = "") -> str:
    """`count(1200, "record") == "1,200 records"`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def join(words: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def ago(moment: datetime, now: datetime) -> str:
    """`2 minutes ago`; older than a week, the date."""
    seconds = (now - moment).total_seconds()
    if seconds < 45:
        return "just now"
    if seconds >= 7 * _DAY:
        return "on " + _date(moment, now)
    if seconds >= 2 * _DAY:
        return f"{int(seconds // _DAY)} days ago"
    if _local(moment).date() == _local(now).date() - timedelta(days=1) and seconds > 12 * _HOUR:
        return f"yesterday at {_clock(moment)}"
    if seconds >= _HOUR:
        return count(round(seconds / _HOUR), "hour") + " ago"
    return count(max(1, round(seconds / _MINUTE)), "minute") + " ago"


def since(moment: datetime, now: datetime) -> str:
    """Follows the word "since": `14:05`, `yesterday`, `Tuesday`, `4 March`."""
    days = (_local(now).date() - _local(moment).date()).days
    if days <= 0:
        return _clock(moment)
    if days == 1:
        return "yesterday"
    return _local(moment).strftime("%A") if days < 7 else _date(moment, now)


def until(moment: datetime, now: datetime) -> str:
    """`in 12 minutes`; `now` when it is due."""
    seconds = (moment - now).total_seconds()
    return "now" if seconds < 30 else "in " + about(timedelta(seconds=seconds))


def about(span: timedelta) -> str:
    """The largest unit, rounded: `15 minutes`, `2 days`."""
    seconds = span.total_seconds()
    for size, unit in _UNITS:
        if seconds >= size * 0.95:
            return count(round(seconds / size), unit)
    return "less than a second"


def every(span: timedelta) -> str:
    """`every 15 minutes`, `every hour`."""
    return "every " + about(span).removeprefix("1 ")


def exactly(moment: datetime) -> str:
    """`Tuesday 4 March 2026, 14:05:09 AEDT`, in the chapter's time."""
    local = _local(moment)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S %Z}"


def limits(rates: RateLimit) -> str:
    """`60 requests a minute and 5,000 a day, 5 at once`, or nothing where the vendor says nothing."""
    spans = ("second", "minute", "hour", "day")
    rules = [f"{value:,} a {span}" for span in spans if (value := getattr(rates, f"per_{span}"))]
    if rules:
        first, _, rest = rules[0].partition(" ")
        rules[0] = f"{first} {'request' if first == '1' else 'requests'} {rest}"
    said = join(rules)
    if rates.concurrent:
        said += f"{', ' if said else ''}{rates.concurrent} at once"
    return said


def resource(provider: Provider, name: str) -> str:
    """What people call a resource, also one that the provider no longer declares."""
    known = {declared.name: declared.label for declared in provider.resources}
    return known.get(name) or name.replace("_", " ").replace("-", " ").capitalize()


def sign_in(auth: Auth, provider: Provider) -> str:
    return f"Sign in at {provider.name}" if auth.kind == "oauth2" else auth.label


def _local(moment: datetime) -> datetime:
    return timezone.localtime(moment)


def _clock(moment: datetime) -> str:
    return _local(moment).strftime("%H:%M")


def _date(moment: datetime, now: datetime) -> str:
    local = _local(moment)
    return f"{local.day} {local:%B}" + ("" if local.year == _local(now).year else f" {local.year}")
