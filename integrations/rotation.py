"""Replacing keys while the house runs.

A value is re-sealed by compare-and-swap on its old ciphertext: one that was changed meanwhile (a token refreshed) is left as
it is and looked at again. What is sealed with the newest key already is skipped, so a run that was stopped is simply begun
again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models

from . import hub
from .encryption import HUB, EncryptedField, data_keys, key_id, master_keys, new_data_key, unwrap, wrap, wrapped_keys
from .hub.models import Chapter

_BATCH = 500


def rewrap_data_keys(chapter: Chapter) -> bool:
    """The chapter's data keys, wrapped by the newest master key. Whether there was anything to do."""
    newest = next(iter(master_keys()))
    while True:
        old = bytes(Chapter.objects.values_list("data_key", flat=True).get(pk=chapter.pk))
        if all(key_id(data) == newest for data in wrapped_keys(old).values()):
            return False
        if _swap(chapter, old, unwrap(chapter.pk, old)):
            return True


def reseal_hub() -> Counter[str]:
    """Every hub field, sealed with the newest master key: field -> how many were re-sealed."""
    newest = next(iter(master_keys()))
    return Counter({_label(field): _reseal(field, newest) for field in fields(HUB)})


def rotate_data_key(chapter: Chapter) -> Counter[str]:
    """A new data key for the chapter, and every secret of it re-sealed: field -> how many. Keys that an earlier run replaced
    and that no value needs any more are forgotten; this run's old key stays until the next, since a transaction that is still
    open may be using it.
    """
    with hub.enter(chapter):
        retired = list(data_keys(chapter.pk))[1:]
        needed = {key_id(data) for field in fields("chapter") for _, data in _values(field)}
        while True:
            old = bytes(Chapter.objects.values_list("data_key", flat=True).get(pk=chapter.pk))
            kept = {name: key for name, key in unwrap(chapter.pk, old).items() if name not in retired or name in needed}
            if _swap(chapter, old, {**new_data_key(), **kept}):
                return reseal_chapter(chapter)


def reseal_chapter(chapter: Chapter) -> Counter[str]:
    """Every secret of the chapter, sealed with its newest data key: what a run that was stopped is finished by."""
    with hub.enter(chapter):
        newest = next(iter(data_keys(chapter.pk)))
        return Counter({_label(field): _reseal(field, newest) for field in fields("chapter")})


def fields(scope: str) -> list[EncryptedField]:
    """Every encrypted field of that scope, of whatever model."""
    return [
        field
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedField) and field.scope == scope
    ]


def _reseal(field: EncryptedField, newest: str) -> int:
    """Again and again, until a whole pass finds nothing behind."""
    done = 0
    while True:
        behind = [(pk, old) for pk, old in _values(field) if key_id(old) != newest]
        if not behind:
            return done
        done += sum(_swap_value(field, pk, old) for pk, old in behind)


def _swap_value(field: EncryptedField, pk: Any, old: bytes) -> bool:
    new = field.seal(pk, field.open(pk, old))
    meta = field.model._meta
    table, column, key = (
        connection.ops.quote_name(str(name)) for name in (meta.db_table, field.column, meta.pk.column)
    )
    with connection.cursor() as cursor:
        # The names are our own models', quoted; the values are parameters.
        statement = f"UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s"  # noqa: S608
        cursor.execute(statement, [new, pk, old])
        return bool(cursor.rowcount)


def _values(field: EncryptedField) -> Iterator[tuple[Any, bytes]]:
    """Primary key and ciphertext of every row that has one, in the order of the keys."""
    model: type[models.Model] = field.model
    last = None
    while True:
        rows = model._default_manager.filter(**{f"{field.name}__isnull": False}).order_by("pk")
        if last is not None:
            rows = rows.filter(pk__gt=last)
        batch = list(rows.values_list("pk", field.name)[:_BATCH])
        yield from ((pk, sealed.data) for pk, sealed in batch)
        if len(batch) < _BATCH:
            return
        last = batch[-1][0]


def _swap(chapter: Chapter, old: bytes, keys: dict[str, bytes]) -> bool:
    return bool(Chapter.objects.filter(pk=chapter.pk, data_key=old).update(data_key=wrap(chapter.pk, keys)))


def _label(field: EncryptedField) -> str:
    return f"{field.model._meta.label_lower}.{field.name}"
