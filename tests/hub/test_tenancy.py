"""The one door into a chapter."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.checks import run_checks
from django.db import connection

from integrations import hub
from integrations.connections.models import Connection
from integrations.hub.models import Chapter

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def test_entering_reads_this_chapter_and_not_the_other(sydney, melbourne):
    with hub.enter(sydney):
        Connection.objects.create(provider="xero", name="Sydney ledger", auth_kind="oauth2")
    with hub.enter(melbourne):
        assert not Connection.objects.exists()
    with hub.enter(sydney):
        assert Connection.objects.get().name == "Sydney ledger"


def test_leaving_returns_to_the_hub_even_after_an_error(sydney):
    with pytest.raises(ZeroDivisionError), hub.enter(sydney):
        raise ZeroDivisionError
    assert hub.current() is None
    assert hub.schema() == "public"


@pytest.mark.parametrize("status", [Chapter.Status.SUSPENDED, Chapter.Status.DELETED])
def test_a_chapter_that_is_not_active_is_refused(sydney, status):
    Chapter.objects.filter(pk=sydney.pk).update(status=status)
    with pytest.raises(hub.ChapterUnavailable, match=status), hub.enter(sydney):
        pytest.fail("entered")


def test_a_chapter_that_is_not_known_is_refused():
    with pytest.raises(hub.ChapterUnavailable, match="not known"), hub.enter(uuid.uuid4()):
        pytest.fail("entered")


def test_a_chapter_without_a_schema_is_refused_instead_of_reading_the_hubs_tables(db):
    ghost = Chapter(slug="ghost", name="Ghost", schema_name="c_ghost")
    ghost.auto_create_schema = False
    ghost.save()
    with pytest.raises(hub.ChapterUnavailable, match="schema does not exist"), hub.enter("ghost"):
        pytest.fail("entered")


def test_one_chapter_cannot_be_entered_from_inside_another(sydney, melbourne):
    with hub.enter(sydney), pytest.raises(hub.WrongSchema), hub.enter(melbourne):
        pytest.fail("entered")


def test_a_rolled_back_savepoint_does_not_leave_the_connection_in_another_chapter(sydney, melbourne):
    from django.db import transaction

    with hub.enter(sydney):
        Connection.objects.create(provider="xero", name="S", auth_kind="oauth2")
    with pytest.raises(ZeroDivisionError), transaction.atomic(), hub.enter(sydney):
        Connection.objects.count()
        raise ZeroDivisionError
    with hub.enter(melbourne), connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        assert cursor.fetchone() == ("c_melbourne",)
        assert not Connection.objects.exists()


def test_what_one_thread_knows_of_content_types_another_does_not(sydney):
    """The same model has another id in another chapter, and threads of one process serve several chapters at once."""

    def known() -> int:
        return len(ContentType.objects._cache)

    with hub.enter(sydney):
        ContentType.objects.get_for_model(Connection)
        assert known()
        with ThreadPoolExecutor(1) as elsewhere:
            assert elsewhere.submit(known).result() == 0
    assert known() == 0


def test_an_app_in_both_lists_must_be_allowed(settings):
    settings.TENANT_APPS = [*settings.TENANT_APPS, "django_celery_beat"]
    assert "hub.E001" in {message.id for message in run_checks()}
