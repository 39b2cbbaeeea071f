"""The words of `provider.pagination`, interpreted: one page after the other until the vendor has no more.

A token says where the next page begins: a page number, an offset, the vendor's own token, or an address. It is JSON and is
kept as the position of an unfinished read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from requests.utils import parse_header_links

from integrations.http import Door
from integrations.mapping.paths import getter
from integrations.provider import (
    CursorPage,
    LinkHeader,
    NextUrl,
    Offset,
    PageNumber,
    Permanent,
    Resource,
    SinglePage,
)

MAX_PAGES = 200_000
NOT_MODIFIED = 304
LARGEST_TOTAL = 2**31 - 1  # what a run has room for; more than that is no count

Token = str | int | None


@dataclass(frozen=True, kw_only=True)
class Page:
    """`following` is the token of the next page, None after the last. `total` is how many records the vendor says there are.
    `not_modified`: nothing changed since last time, which is not the same as an empty list."""

    records: list[Any]
    following: Token = None
    total: int | None = None
    not_modified: bool = False


def read_pages(
    door: Door,
    resource: Resource,
    *,
    exact: bool,
    since: str | None = None,
    token: Token = None,
    parent: str | None = None,
) -> Iterator[Page]:
    """Every page from `token` on. `since` is the cursor as it is sent; `parent` fills the path.

    Raises the door's ProviderErrors, Temporary for an answer that is no JSON, Permanent for one without the list and for a
    vendor that goes round in circles.
    """
    circle = _Circle(token)
    for _ in range(MAX_PAGES):
        request = _request(resource, token, since, parent)
        answer = door.fetch("GET", request.where, params=request.params, headers=request.headers)
        if answer.status == NOT_MODIFIED:
            yield Page(records=[], not_modified=True)
            return
        document = door.decoded(answer, exact=exact)
        page = _page(resource, token, document)
        if isinstance(resource.pages, (NextUrl, LinkHeader)):
            following = _named_next(resource.pages, document, answer.headers)
            page = Page(records=page.records, following=_address(door.base_url, request.where, following))
        circle.check(answer.body, page)
        yield page
        if page.following is None:
            return
        token = page.following
    raise Permanent(f"still has another page after {MAX_PAGES:,}: reading stopped")


class _Circle:
    """Notices a vendor that answers the same page for ever, or sends us back to one we had."""

    def __init__(self, start: Token) -> None:
        self.asked = {hash(start)}
        self.previous = b""

    def check(self, body: bytes, page: Page) -> None:
        if page.following is None:
            return
        if hash(page.following) in self.asked or (page.records and body == self.previous):
            raise Permanent("sent the same page twice: reading stopped there")
        self.asked.add(hash(page.following))
        self.previous = body


@dataclass(frozen=True, kw_only=True)
class _Request:
    where: str
    params: dict[str, str]
    headers: dict[str, str]


def _request(resource: Resource, token: Token, since: str | None, parent: str | None) -> _Request:
    pages, cursor = resource.pages, resource.cursor
    headers = {cursor.header: since} if cursor and cursor.header and since else {}
    if isinstance(pages, (NextUrl, LinkHeader)) and token is not None:
        return _Request(where=str(token), params={}, headers=headers)  # the address carries every parameter
    params = dict(resource.params)
    if cursor and cursor.param and since:
        params[cursor.param] = since
    if not isinstance(pages, SinglePage) and pages.size_param:
        params[pages.size_param] = str(pages.size)
    if isinstance(pages, PageNumber):
        params[pages.param] = str(pages.start if token is None else token)
    elif isinstance(pages, Offset):
        params[pages.param] = str(token or 0)
    elif isinstance(pages, CursorPage) and token is not None:
        params[pages.param] = str(token)
    where = resource.path if parent is None else resource.path.replace("{parent}", quote(parent, safe=""))
    return _Request(where=where, params=params, headers=headers)


def _page(resource: Resource, token: Token, document: Any) -> Page:
    records = records_of(document, resource)
    pages = resource.pages
    if isinstance(pages, PageNumber):
        number = pages.start if token is None else int(token)
        return Page(records=records, following=number + 1 if len(records) >= pages.size else None)
    if isinstance(pages, Offset):
        return _offset(resource, pages, int(token or 0), document, records)
    if isinstance(pages, CursorPage):
        return Page(records=records, following=_next_token(pages, document, records))
    return Page(records=records)


def records_of(document: Any, resource: Resource) -> list[Any]:
    """The list in an answer. An answer without it is an error, never an empty list: else one drifted answer would look as if
    everything had been deleted."""
    records = getter(resource.records)(document)
    if type(records) is not list:
        where = f"at '{resource.records}'" if resource.records else "in its answer"
        raise Permanent(f"no longer sends a list {where}")
    return records


def _offset(resource: Resource, pages: Offset, offset: int, document: Any, records: list[Any]) -> Page:
    """With a total, a short page is no end: a vendor may filter after cutting. Without one it is all there is to go by. What a
    page shows twice is one place in the list."""
    total = getter(pages.total)(document) if pages.total else None
    total = total if type(total) is int and 0 <= total <= LARGEST_TOTAL else None
    keys = map(getter(resource.key), records)
    reached = offset + len({key if type(key) in (str, int) else object() for key in keys})
    more = reached < total and bool(records) if total is not None else len(records) >= pages.size
    return Page(records=records, following=reached if more else None, total=total)


def _next_token(pages: CursorPage, document: Any, records: list[Any]) -> Token:
    more = getter(pages.more)(document) if pages.more else None
    if pages.more and more is not True:
        return None
    if pages.token:
        token = getter(pages.token)(document)
    elif pages.last and records and (more or len(records) >= pages.size):
        token = getter(pages.last)(records[-1])
    else:
        token = None
    if token is None or token == "":
        if more:
            raise Permanent("says there is another page, and not where")
        return None
    if type(token) not in (str, int):
        raise Permanent("names its next page in a way that cannot be read")
    return token


def _named_next(pages: NextUrl | LinkHeader, document: Any, headers: Mapping[str, str]) -> Any:
    if isinstance(pages, NextUrl):
        return getter(pages.path)(document)
    links = parse_header_links(headers["link"]) if headers.get("link") else []
    return next((link["url"] for link in links if "next" in link.get("rel", "").split()), None)


def _address(base_url: str, asked: str, following: Any) -> str | None:
    """The next page's address, followed only on the vendor's own host: an answer must not send our credential elsewhere."""
    if following is None or following == "":
        return None
    if not isinstance(following, str):
        raise Permanent("names its next page in a way that cannot be read")
    base = base_url.rstrip("/") + "/"
    try:
        address = urljoin(asked if "://" in asked else urljoin(base, asked.lstrip("/")), following)
        elsewhere = _origin(address) != _origin(base)
    except ValueError:
        elsewhere = True
    if elsewhere:
        raise Permanent("sends its next page to another host: it was not followed")
    return address


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
