"""A list cut into pages, as each kind of `Pages` asks for them and says that there are more."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from integrations.provider import CursorPage, LinkHeader, NextUrl, Offset, PageNumber, Pages, Resource, SinglePage
from integrations.provider.paths import plant

from .wire import Refusal

PAGE = "lab_page"  # what our own next addresses carry


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Which part of the list to answer with, and what to say about the rest."""

    start: int
    stop: int
    planted: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def cut(pages: Pages, keys: Sequence[str], query: Mapping[str, str], address: str) -> Cut:
    """`address` is the vendor's own address of the list, for pages that follow links."""
    total = len(keys)
    match pages:
        case SinglePage():
            return Cut(start=0, stop=total)
        case PageNumber():
            size = _size(query, pages.size_param, pages.size)
            start = max(0, _number(query, pages.param, pages.start) - pages.start) * size
            return Cut(start=start, stop=start + size)
        case Offset():
            start, size = _number(query, pages.param, 0), _size(query, pages.size_param, pages.size)
            return Cut(start=start, stop=start + size, planted={pages.total: total} if pages.total else {})
        case CursorPage():
            return _cursor(pages, keys, query)
        case NextUrl() | LinkHeader():
            size = _size(query, pages.size_param, pages.size)
            start = _number(query, PAGE, 0) * size
            following = {**query, PAGE: str(start // size + 1)} if start + size < total else None
            link = f"{address}?{urlencode(following)}" if following else None
            if isinstance(pages, NextUrl):
                return Cut(start=start, stop=start + size, planted={pages.path: link})
            return Cut(start=start, stop=start + size, headers={"Link": f'<{link}>; rel="next"'} if link else {})


def _cursor(pages: CursorPage, keys: Sequence[str], query: Mapping[str, str]) -> Cut:
    size, token = _size(query, pages.size_param, pages.size), query.get(pages.param, "")
    if not token:
        start = 0
    elif pages.last:
        if token not in keys:
            raise Refusal(400, f"No such object: '{token[:80]}' in {pages.param}.")
        start = keys.index(token) + 1
    else:
        start = int(token) if token.isascii() and token.isdigit() and len(token) < 12 else len(keys)
    planted: dict[str, Any] = {pages.more: start + size < len(keys)} if pages.more else {}
    if pages.token:
        planted[pages.token] = str(start + size) if start + size < len(keys) else None
    return Cut(start=start, stop=start + size, planted=planted)


def endless(pages: Pages, first: Cut, address: str) -> Cut:
    """The first page, saying for ever that there is another."""
    match pages:
        case Offset(total=str(total)):
            return replace(first, planted={total: 10**6})
        case CursorPage():
            said = {pages.more: True} if pages.more else {}
            return replace(first, planted={**said, pages.token: "0"} if pages.token else said)
        case NextUrl():
            return replace(first, planted={pages.path: address})
        case LinkHeader():
            return replace(first, headers={"Link": f'<{address}>; rel="next"'})
    return first


def enveloped(resource: Resource, sample: Any, records: list[dict[str, Any]], planted: Mapping[str, Any]) -> Any:
    """The sample's answer with other records in it."""
    if not resource.records:
        return records
    answer = copy.deepcopy(sample) if isinstance(sample, dict) else {}
    plant(answer, resource.records, records)
    for path, value in planted.items():
        plant(answer, path, value)
    return answer


def wrapped(resource: Resource, sample: Any, record: Mapping[str, Any]) -> Any:
    """One record as `GET path/{key}` answers it."""
    if not resource.one:
        return record
    answer = {name: value for name, value in sample.items() if name != resource.records}
    plant(answer, resource.one.removesuffix(".0"), [record] if resource.one.endswith(".0") else record)
    return answer


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 12):
        raise Refusal(400, f"{name} must be a number.")
    return int(given)


def _size(query: Mapping[str, str], name: str | None, largest: int) -> int:
    return min(_number(query, name, largest), largest) if name else largest
