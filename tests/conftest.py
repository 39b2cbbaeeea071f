"""Every test of state has two chapters: `sydney` and `melbourne`, in schemas of their own."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from integrations import hub, roles
from integrations.http import shared
from integrations.hub.jobs import beat
from integrations.hub.models import Chapter, Domain

SLUGS = ("sydney", "melbourne")
# What migrations and roles have put there.
LASTING = [
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
]

# The same examples every time: what fails here fails again. `make faults` and `--hypothesis-profile=default` seek new ones.
# How long an example takes says more about what else the machine does.
hypothesis_settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def django_db_modify_db_settings_parallel_suffix() -> None:
    """Nothing: config.settings.test names each worker's database, so that the processes its tests start find it as well."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database, with both chapters' schemas and roles. Their rows are committed; each test's own changes roll back."""
    with django_db_blocker.unblock():
        make_chapters()
        for slug in SLUGS:
            with hub.enter(slug):
                roles.apply_roles()
        with connection.cursor() as cursor:  # no test crashes this server: nobody has to wait for its disk
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        connection.close()
    with pytest.MonkeyPatch.context() as patch:
        # Django's own emptying takes the permissions along and makes them again.
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: empty())
        yield
    shared.close()  # before the database is dropped under it


def make_chapters() -> None:
    connection.set_schema_to_public()
    for slug in SLUGS:
        chapter = Chapter.objects.filter(slug=slug).first() or Chapter.objects.create(slug=slug, name=slug.title())
        Domain.objects.get_or_create(domain=f"{slug}.localhost", tenant=chapter)


@pytest.fixture(autouse=True)
def _in_the_hub(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test begins in the public schema, whatever the one before left."""
    connection.set_schema_to_public()
    yield
    connection.set_schema_to_public()


@pytest.fixture(autouse=True)
def _no_limits_used_up(_in_the_hub: None) -> Iterator[None]:
    """What workers share about vendors is committed outside any test's transaction: emptied by hand."""
    yield
    if shared._open:
        shared.execute("DELETE FROM public.hub_ratebucket", {})
        shared.execute("DELETE FROM public.hub_breaker", {})


@pytest.fixture
def sydney(db: None) -> Chapter:
    make_chapters()  # a transactional test before this one has emptied the hub
    return Chapter.objects.get(slug="sydney")


@pytest.fixture
def melbourne(db: None) -> Chapter:
    make_chapters()
    return Chapter.objects.get(slug="melbourne")


@pytest.fixture
def committed(transactional_db: None) -> dict[str, Chapter]:
    """For tests whose effects other connections must see (workers, threads, servers): both chapters by slug, committed. All tables
    are emptied afterwards."""
    make_chapters()
    return {chapter.slug: chapter for chapter in Chapter.objects.filter(slug__in=SLUGS)}


def empty() -> None:
    """The tables of the hub and of the chapters are as they were made: empty, but for LASTING and what beat needs."""
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(format('SELECT %%L WHERE EXISTS (SELECT FROM %%s)', name, name), ' UNION ALL ')"
            " FROM pg_tables, format('%%I.%%I', schemaname, tablename) AS name"
            " WHERE schemaname = ANY(%s) AND tablename <> ALL(%s)",
            [["public", *(f"c_{slug}" for slug in SLUGS)], LASTING],
        )
        cursor.execute(cursor.fetchone()[0])
        if filled := [row[0] for row in cursor.fetchall()]:
            cursor.execute(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE")
    beat.set_up()  # as after a migration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which servers this run has talked to: the same tests run on several."""
    database = connection.settings_dict
    try:
        with psycopg.connect(
            **{**connection.get_connection_params(), "dbname": "postgres"}, connect_timeout=3
        ) as probe:
            version = f"PostgreSQL {probe.info.parameter_status('server_version')}"
    except psycopg.OperationalError:
        version = "no PostgreSQL"
    host = database["HOST"] or database["OPTIONS"].get("host", "a local socket")
    broker = urlsplit(settings.BROKER_URL)
    terminalreporter.write_line(f"Servers: {version} at {host}; broker {broker.scheme}://{broker.hostname or ''}")
