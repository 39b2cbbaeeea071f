"""How a vendor hands out a long list, page by page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SinglePage:
    """All of it at once."""


@dataclass(frozen=True, kw_only=True)
class PageNumber:
    """`?page=1&pageSize=100`, until a page is shorter than `size`."""

    param: str = "page"
    size: int
    size_param: str | None = None
    start: int = 1


@dataclass(frozen=True, kw_only=True)
class Offset:
    """`?offset=0&count=1000`, until `total` (dotted path) is reached, or a page is short."""

    param: str = "offset"
    size: int
    size_param: str = "limit"
    total: str | None = None


@dataclass(frozen=True, kw_only=True)
class CursorPage:
    """The next page is asked for by a token: from the answer (`token`, dotted path) or the last record's `last` field.

    `more` is the dotted path of a boolean that says whether there is another page; without it, an absent token ends.
    """

    param: str
    token: str | None = None
    last: str | None = None
    more: str | None = None
    size: int
    size_param: str = "limit"


@dataclass(frozen=True, kw_only=True)
class NextUrl:
    """The answer carries the next page's whole address at `path`. It is followed only on the host of the base URL."""

    path: str
    size: int
    size_param: str | None = None


@dataclass(frozen=True, kw_only=True)
class LinkHeader:
    """RFC 8288 `Link: <...>; rel="next"`. Followed only on the host of the base URL."""

    size: int
    size_param: str | None = None


Pages = SinglePage | PageNumber | Offset | CursorPage | NextUrl | LinkHeader
