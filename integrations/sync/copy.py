"""Writing many rows of a model at once: COPY straight into its table, or through a temporary one where rows may be there.

A row is a mapping of column attribute names (`party_id`) to Python values. Columns that the rows do not name get the field's
default. Values the database would refuse are found beforehand by `refusals`, so that one record does not cost its batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import orjson
from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from .columns import limit_of, longest, text_of

Row = Mapping[str, Any]


class Table:
    """How rows of one model are written and read. `columns` are attribute names; an automatic key is the database's."""

    def __init__(self, model: type[models.Model]) -> None:
        fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
        self.model = model
        self.name = sql.Identifier(model._meta.db_table)
        self.columns = tuple(field.attname for field in fields)
        self.key = str(model._meta.pk.column)
        self.instants = tuple(field.attname for field in fields if isinstance(field, models.DateTimeField))
        self._names = {field.attname: sql.Identifier(field.column) for field in fields}
        self._texts = {field.attname: text for field in fields if (text := text_of(field)) is not None}
        self._longest = [(field.attname, most) for field in fields if (most := longest(field)) is not None]
        self._limits = [(field.attname, limit) for field in fields if (limit := limit_of(field)) is not None]
        self._defaults = {field.attname: field.get_default for field in fields if field.has_default()}
        self._loads = {field.attname: orjson.loads for field in fields if isinstance(field, models.JSONField)}

    def column(self, name: str) -> sql.Identifier:
        return self._names[name]

    def type_of(self, name: str) -> str:
        """The column's type in SQL: `uuid`, `varchar(10)`."""
        return str(self.model._meta.get_field(name).db_type(connection))

    def refusals(self, row: Row) -> list[tuple[str, str]]:
        """(column, sentence) for each value the table has no room for."""
        found = []
        for column, most in self._longest:
            value = row.get(column)
            if value is not None and len(value) > most:
                found.append((column, f"{len(value)} characters are more than the {most} there is room for"))
        for column, limit in self._limits:
            value = row.get(column)
            if value is not None and (problem := limit(value)):
                found.append((column, problem))
        return found

    def insert(self, cursor: CursorWrapper, rows: Sequence[Row], same: Row | None = None) -> None:
        """COPY new rows, which all name the same columns; `same` are columns with one value in all of them.

        Raises IntegrityError or DataError, and has then written none.
        """
        if rows:
            self._copy(cursor, self.name, rows, same or {})

    def upsert(self, cursor: CursorWrapper, rows: Sequence[Row]) -> None:
        """Write whole rows whose key may be there: those are replaced. A key stands only once among them."""
        if not rows:
            return
        columns = [column for column in self.columns if column in rows[0] or column in self._defaults]
        staged = sql.Identifier(f"staged_{self.model._meta.db_table}"[:63])
        names = sql.SQL(", ").join(self._names[column] for column in columns)
        changes = sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(self._names[column])
            for column in columns
            if self._names[column] != sql.Identifier(self.key)
        )
        self._run(cursor, "CREATE TEMPORARY TABLE {0} (LIKE {1} INCLUDING DEFAULTS)", staged, self.name)
        self._copy(cursor, staged, rows, {})
        self._run(
            cursor,
            "INSERT INTO {0} ({1}) SELECT {1} FROM {2} ON CONFLICT ({3}) DO UPDATE SET {4}",
            self.name,
            names,
            staged,
            sql.Identifier(self.key),
            changes,
        )
        self._run(cursor, "DROP TABLE {0}", staged)

    def locked(self, cursor: CursorWrapper, ids: Sequence[Any]) -> dict[Any, dict[str, Any]]:
        """The rows of these keys by key, locked against other writers until the transaction ends."""
        return self._rows(cursor, "WHERE {2} = ANY(%s) ORDER BY {2} FOR NO KEY UPDATE", list(ids))

    def found(self, cursor: CursorWrapper, ids: Sequence[Any]) -> dict[Any, dict[str, Any]]:
        """The rows of these keys by key."""
        return self._rows(cursor, "WHERE {2} = ANY(%s)", list(ids))

    def of_parents(self, cursor: CursorWrapper, parent: str, ids: Sequence[Any]) -> dict[Any, list[dict[str, Any]]]:
        """Rows by the parent they belong to, oldest first."""
        found: dict[Any, list[dict[str, Any]]] = {}
        rows = self._rows(cursor, "WHERE {3} = ANY(%s) ORDER BY {2}", list(ids), parent)
        for row in rows.values():
            found.setdefault(row[parent], []).append(row)
        return found

    def _rows(self, cursor: CursorWrapper, tail: str, ids: list[Any], parent: str | None = None) -> dict[Any, dict]:
        names = sql.SQL(", ").join([sql.Identifier(self.key), *self._names.values()])
        parent_column = self._names[parent] if parent else sql.SQL("")
        statement = "SELECT {0} FROM {1} " + tail  # noqa: S608 the tail is one of those above
        self._run(cursor, statement, names, self.name, sql.Identifier(self.key), parent_column, ids=ids)
        found = {row[0]: dict(zip(self.columns, row[1:], strict=True)) for row in cursor.fetchall()}
        for column, load in self._loads.items():
            for row in found.values():
                row[column] = load(row[column]) if isinstance(row[column], str) else row[column]
        return found

    def _copy(self, cursor: CursorWrapper, into: sql.Identifier, rows: Sequence[Row], same: Row) -> None:
        """Text and whole numbers go as they are, everything else as text: the writer is in C for those."""
        own = [column for column in self.columns if column in rows[0]]
        fixed = {name: default() for name, default in self._defaults.items() if name not in rows[0]} | dict(same)
        names = sql.SQL(", ").join(self._names[column] for column in [*own, *fixed])
        texts = [(index, self._texts[column]) for index, column in enumerate(own) if column in self._texts]
        tail = [self._text(column, value) for column, value in fixed.items()]
        take = itemgetter(*own) if len(own) > 1 else lambda row: (row[own[0]],)
        with (
            connection.wrap_database_errors,
            cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(into, names)) as copy,
        ):
            for row in rows:
                values = [*take(row), *tail]
                for index, text in texts:
                    if values[index] is not None:
                        values[index] = text(values[index])
                copy.write_row(values)

    def _text(self, column: str, value: Any) -> Any:
        return self._texts[column](value) if column in self._texts and value is not None else value

    @staticmethod
    def _run(cursor: CursorWrapper, statement: str, *parts: sql.Composable, ids: list[Any] | None = None) -> None:
        composed = sql.SQL(statement).format(*parts)
        cursor.execute(composed, None if ids is None else [ids])


@cache
def table(model: type[models.Model]) -> Table:
    return Table(model)
