"""The one door into a chapter's schema.

PostgreSQL accepts a search path that names a schema which does not exist, and then reads the tables of `public` instead:
entering is therefore refused unless the chapter is known, active and its schema is there, and the schema the server
says it is in is compared with the one meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from django.apps import apps
from django.db import connection

if TYPE_CHECKING:
    from .models import Chapter


class ChapterUnavailable(Exception):
    """The chapter is unknown, not active, or has no schema. `reason` says which."""

    def __init__(self, chapter: object, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Chapter {chapter} cannot be entered: {reason}.")


class WrongSchema(RuntimeError):
    """The connection is not in the schema it must be in. Never expected; never continued from."""


@contextmanager
def enter(chapter: Chapter | UUID | str) -> Iterator[Chapter]:
    """Run the block inside a chapter's schema; `chapter` is a Chapter, its id or its slug.

    The row is read afresh, so a chapter suspended a moment ago is refused. Raises ChapterUnavailable, or WrongSchema
    when already inside another chapter.
    """
    inside = current()
    found = _find(chapter)
    if inside is not None and inside.pk != found.pk:
        raise WrongSchema(f"Already inside chapter {inside.slug}; leave it before entering {found.slug}.")
    before = connection.tenant
    connection.set_tenant(found)
    try:
        _confirm(found.schema_name)
        yield found
    finally:
        connection.set_tenant(before)


def current() -> Chapter | None:
    """The chapter this thread is inside, or None in the hub."""
    tenant = connection.tenant
    return tenant if isinstance(tenant, apps.get_model("hub", "Chapter")) else None


def inside() -> Chapter:
    """The chapter this thread is inside. WrongSchema in the hub: what is asked for belongs to a chapter."""
    chapter = current()
    if chapter is None:
        raise WrongSchema("This belongs to a chapter: enter it first.")
    return chapter


def schema() -> str:
    """The name of the schema this thread is in: what cache keys, locks and files carry."""
    return str(connection.schema_name)


def _find(chapter: Chapter | UUID | str) -> Chapter:
    model: type[Chapter] = apps.get_model("hub", "Chapter")
    if isinstance(chapter, model):
        lookup: dict[str, object] = {"pk": chapter.pk}
    elif isinstance(chapter, UUID):
        lookup = {"pk": chapter}
    else:
        lookup = {"slug": chapter}
    found = (
        model.objects.filter(**lookup)
        .extra(select={"has_schema": "to_regnamespace(quote_ident(schema_name)) IS NOT NULL"})
        .first()
    )
    if found is None:
        raise ChapterUnavailable(chapter, "it is not known")
    if found.status != model.Status.ACTIVE:
        raise ChapterUnavailable(found.slug, f"it is {found.get_status_display().lower()}")
    if not found.has_schema:
        raise ChapterUnavailable(found.slug, "its schema does not exist")
    return found


def _confirm(expected: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (actual,) = cursor.fetchone()
    if actual != expected:
        raise WrongSchema(f"Expected schema {expected}, the database is in {actual}.")
