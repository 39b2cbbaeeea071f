"""The triggers that fill the feed: per table and kind of statement one function, once per statement, over its transition
tables, so that no code path can forget and a load of thousands costs one insert.

`enable_nestloop` is off inside: the plan is kept from the first call, which may have seen one row, and a nested loop over the
next call's ten thousand takes seconds. TRUNCATE is not seen.
"""

from __future__ import annotations

from psycopg import sql

from .watched import Watched

# The change set of this transaction and origin; made by the first statement that changes something. What is remembered is
# local to the transaction, and forgotten with the savepoint whose change set is rolled back.
CHANGE_SET = """
CREATE OR REPLACE FUNCTION changes_set() RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
DECLARE
    who text := coalesce(current_setting('chapterhouse.origin', true), '');
    run text := coalesce(current_setting('chapterhouse.run', true), '');
    mark text := current_schema() || ' ' || pg_current_xact_id() || ' ' || run || ' ' || who;
    known text := coalesce(current_setting('chapterhouse.changeset', true), '');
    made bigint;
BEGIN
    IF split_part(known, '=', 1) = md5(mark) THEN
        RETURN split_part(known, '=', 2)::bigint;
    END IF;
    INSERT INTO integrations_changeset (xid, at, origin, run_id)
    VALUES (pg_current_xact_id()::text::bigint, clock_timestamp(), left(who, 100), nullif(run, '')::uuid)
    RETURNING id INTO made;
    PERFORM set_config('chapterhouse.changeset', md5(mark) || '=' || made, true);
    RETURN made;
END $body$
"""
_INSERTED = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT SET enable_nestloop = off AS $body$
DECLARE made bigint;
BEGIN
    IF EXISTS (SELECT FROM added) THEN
        made := changes_set();
        INSERT INTO integrations_change (changeset_id, aggregate_id, target, part, row_key, op)
        SELECT made, n.{aggregate}, {target}, {part}, {n_key}, 'insert' FROM added n;
    END IF;
    RETURN NULL;
END $body$
"""
# A row whose key itself was changed is another row: one deleted, one made.
_UPDATED = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT SET enable_nestloop = off AS $body$
DECLARE made bigint;
BEGIN
    IF EXISTS (
        SELECT FROM removed o FULL JOIN added n ON n.{key} = o.{key} WHERE ({o_told}) IS DISTINCT FROM ({n_told})
    ) THEN
        made := changes_set();
        INSERT INTO integrations_change (changeset_id, aggregate_id, target, part, row_key, op, before, after)
        SELECT made, coalesce(n.{aggregate}, o.{aggregate}), {target}, {part}, coalesce({n_key}, {o_key}),
            CASE WHEN o.{key} IS NULL THEN 'insert' WHEN n.{key} IS NULL THEN 'delete' ELSE 'update' END,
            CASE WHEN n.{key} IS NULL THEN to_jsonb(o) WHEN o.{key} IS NOT NULL THEN {before} END,
            CASE WHEN n.{key} IS NOT NULL AND o.{key} IS NOT NULL THEN {after} END
        FROM removed o FULL JOIN added n ON n.{key} = o.{key}
        WHERE ({o_told}) IS DISTINCT FROM ({n_told});
    END IF;
    RETURN NULL;
END $body$
"""
_DELETED = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT SET enable_nestloop = off AS $body$
DECLARE made bigint;
BEGIN
    IF EXISTS (SELECT FROM removed) THEN
        made := changes_set();
        INSERT INTO integrations_change (changeset_id, aggregate_id, target, part, row_key, op, before)
        SELECT made, o.{aggregate}, {target}, {part}, {o_key}, 'delete', to_jsonb(o) FROM removed o;
    END IF;
    RETURN NULL;
END $body$
"""
_FUNCTIONS = {"insert": _INSERTED, "update": _UPDATED, "delete": _DELETED}
_TRIGGER = """
CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table} REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION {name}()
"""
_TABLES = {
    "insert": "NEW TABLE AS added",
    "update": "OLD TABLE AS removed NEW TABLE AS added",
    "delete": "OLD TABLE AS removed",
}


def name_of(table: str, event: str) -> str:
    return f"changes_{table}_{event}"[:63]


def statements(one: Watched) -> dict[str, tuple[sql.Composed, sql.Composed]]:
    """Name -> the statement that makes the function, and the one that makes the trigger of that name."""
    return {name_of(one.table, event): (_function(one, event), _trigger(one, event)) for event in _FUNCTIONS}


def _function(one: Watched, event: str) -> sql.Composed:
    told = [sql.Identifier(column) for column in one.told]
    return sql.SQL(_FUNCTIONS[event]).format(
        function=sql.Identifier(name_of(one.table, event)),
        key=sql.Identifier(one.key),
        aggregate=sql.Identifier(one.aggregate),
        target=sql.Literal(one.target),
        part=sql.Literal(one.part),
        n_key=_row_key(one, "n"),
        o_key=_row_key(one, "o"),
        n_told=_row("n", told),
        o_told=_row("o", told),
        before=_changed("o", one.told),
        after=_changed("n", one.told),
    )


def _trigger(one: Watched, event: str) -> sql.Composed:
    return sql.SQL(_TRIGGER).format(
        name=sql.Identifier(name_of(one.table, event)),
        event=sql.SQL(event.upper()),
        table=sql.Identifier(one.table),
        tables=sql.SQL(_TABLES[event]),
    )


def _row_key(one: Watched, side: str) -> sql.Composable:
    """Empty for the record's own row, whose key is the aggregate's."""
    return sql.SQL(f"{side}.{{}}::text").format(sql.Identifier(one.key)) if one.part else sql.Literal("")


def _row(side: str, columns: list[sql.Identifier]) -> sql.Composed:
    return sql.SQL("ROW({})").format(sql.SQL(", ").join(sql.SQL(f"{side}.{{}}").format(column) for column in columns))


def _changed(side: str, columns: tuple[str, ...]) -> sql.Composed:
    """The columns that differ, as JSON."""
    one = "CASE WHEN o.{0} IS DISTINCT FROM n.{0} THEN jsonb_build_object({1}, " + side + ".{0}) ELSE '{{}}'::jsonb END"
    parts = [sql.SQL(one).format(sql.Identifier(column), sql.Literal(column)) for column in columns]
    return sql.SQL("({})").format(sql.SQL(" || ").join(parts))
