"""Whether a list that is read by page number or offset has moved while nobody read it.

A record that leaves the pages already read (it was deleted, or changed and is now the newest) pulls the others forward: page 5
then begins behind what was to come. So the page before the place is looked at once more: it must still end where it ended.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from integrations.http import Door
from integrations.mapping.paths import getter
from integrations.provider import Offset, PageNumber, Permanent, Resource

from .cursors import sent_as
from .pages import Page, Token, read_pages

if TYPE_CHECKING:
    from .reading import Request


def ends_with(resource: Resource, token: Token, page: Page) -> dict[str, Any]:
    """What a place has to remember of the page before it. Nothing where the vendor's own token says where to go on."""
    key = getter(resource.key)(page.records[-1]) if page.records else None
    if not isinstance(resource.pages, (PageNumber, Offset)) or type(key) not in (str, int):
        return {}
    return {"last": [token, key]}


def has_moved(door: Door, request: Request) -> bool:
    """One request. Raises ProviderErrors, except for a page that is not there any more."""
    if "last" not in request.place:
        return False
    resource = request.resource
    token, key = request.place["last"]
    since = sent_as(resource.cursor, request.since) if resource.cursor and request.since else None
    parent = request.place.get("parent")
    try:
        with closing(read_pages(door, resource, exact=request.exact, since=since, token=token, parent=parent)) as pages:
            page = next(pages)
    except Permanent:
        return True
    return page.following != request.place["next"] or ends_with(resource, token, page) != {"last": [token, key]}
