"""What is due becomes jobs: once after any downtime, for active chapters only, by one statement."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integrations import hub
from integrations.hub.jobs import beat, claims, schedule, tick
from integrations.hub.models import Chapter, Due, Fire, Job

pytestmark = [pytest.mark.django_db, pytest.mark.services]

HOUR = timedelta(hours=1)


def due_in(chapter, resource="contacts", every=HOUR, due_at=None) -> uuid.UUID:
    connection_id = uuid.uuid4()
    with hub.enter(chapter):
        schedule.set_due(connection_id, resource, every, due_at)
    return connection_id


def test_what_is_due_becomes_one_job_of_its_chapter(sydney, melbourne):
    ours, theirs = due_in(sydney), due_in(melbourne)
    assert schedule.turn_into_jobs() == 2
    job = Job.objects.get(chapter_id=sydney.pk)
    assert (job.kind, job.key) == ("sync.run", f"{ours}:contacts")
    assert job.payload == {"connection": str(ours), "resource": "contacts"}
    assert Job.objects.get(chapter_id=melbourne.pk).key == f"{theirs}:contacts"
    assert schedule.turn_into_jobs() == 0


def test_after_downtime_a_resource_is_due_once_and_next_at_its_old_phase(sydney):
    began = timezone.now() - 30 * HOUR - timedelta(minutes=20)
    due_in(sydney, due_at=began)
    assert [schedule.turn_into_jobs() for _ in range(3)] == [1, 0, 0]
    assert Due.objects.get().due_at == began + 31 * HOUR


def test_forty_resources_of_a_hundred_connections_are_one_statement(sydney):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO hub_due (chapter_id, connection_id, resource, every, due_at)"
            " SELECT %s, c, 'r' || r, interval '1 hour', now() - interval '1 hour'"
            " FROM (SELECT gen_random_uuid() AS c FROM generate_series(1, 100)) c, generate_series(1, 40) r",
            [sydney.pk],
        )
    with CaptureQueriesContext(connection) as queries:
        assert schedule.turn_into_jobs() == 4_000
    assert len([query for query in queries if not query["sql"].startswith("SET search_path")]) == 1
    assert Job.objects.count() == 4_000
    assert claims.claim() is not None


def test_a_schedule_neither_doubles_nor_hurries_a_job_that_waits_out_its_backoff(sydney, melbourne):
    due_in(sydney)
    due_in(melbourne)
    schedule.turn_into_jobs()
    later = timezone.now() + HOUR
    Job.objects.filter(chapter_id=sydney.pk).update(run_at=later, last_error="Xero asks for a pause of an hour.")
    Job.objects.filter(chapter_id=melbourne.pk).update(run_at=later)
    Due.objects.update(due_at=timezone.now() - HOUR)
    schedule.turn_into_jobs()
    assert Job.objects.get(chapter_id=sydney.pk).run_at == later
    assert Job.objects.get(chapter_id=melbourne.pk).run_at < later


def test_a_suspended_chapter_has_nothing_due_until_it_is_active_again(sydney, melbourne):
    due_in(sydney)
    due_in(melbourne)
    Chapter.objects.filter(pk=sydney.pk).update(status="suspended")
    assert schedule.turn_into_jobs() == 1
    assert not Job.objects.filter(chapter_id=sydney.pk).exists()
    Chapter.objects.filter(pk=sydney.pk).update(status="active")
    assert schedule.turn_into_jobs() == 1


def test_a_new_interval_brings_the_next_time_forward_but_never_back(sydney):
    connection_id, later = uuid.uuid4(), timezone.now() + 24 * HOUR
    with hub.enter(sydney):
        schedule.set_due(connection_id, "contacts", 24 * HOUR, later)
        schedule.set_due(connection_id, "contacts", HOUR)
    due = Due.objects.get()
    assert due.every == HOUR
    assert due.due_at < timezone.now() + 2 * HOUR


def test_a_forgotten_connection_is_due_no_more_and_the_other_chapters_stay(sydney, melbourne):
    connection_id, other = due_in(sydney), due_in(melbourne)
    with hub.enter(melbourne):
        schedule.forget_due(connection_id)
    assert Due.objects.count() == 2
    with hub.enter(sydney):
        schedule.forget_due(connection_id)
    assert Due.objects.get().connection_id == other


def test_schedules_belong_to_a_chapter(db):
    with pytest.raises(hub.WrongSchema):
        schedule.set_due(uuid.uuid4(), "contacts", HOUR)


def test_an_interval_of_nothing_is_refused(sydney):
    with hub.enter(sydney), pytest.raises(ValueError, match="contacts"):
        schedule.set_due(uuid.uuid4(), "contacts", timedelta(0))


def test_five_beats_fire_once(committed, settings):
    settings.JOB_TICK_SECONDS = 3600
    due_in(committed["sydney"])

    def one_beat(_):
        try:
            return tick.tick()
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as beats:
        assert sorted(beats.map(one_beat, range(5))) == [False] * 4 + [True]
    assert Fire.objects.filter(schedule="hub.tick").count() == 1
    assert Job.objects.filter(kind="sync.run").count() == 1


def test_a_step_of_the_tick_that_fails_does_not_stop_the_others(sydney, settings, caplog):
    settings.JOB_KEEP_DAYS = "no number"
    due_in(sydney)
    assert tick.tick()
    assert Job.objects.filter(kind="sync.run").count() == 1
    assert "could not prune" in caplog.text


def test_the_periodic_tasks_are_few_and_setting_them_up_again_changes_nothing_but_the_interval(db, settings):
    assert PeriodicTask.objects.get().task == "hub.tick"  # migrate has made it
    beat.set_up()
    PeriodicTask.objects.filter(task="hub.tick").update(enabled=False)
    settings.JOB_TICK_SECONDS = 7
    beat.set_up()
    task = PeriodicTask.objects.get()
    assert (task.task, task.interval.every, task.enabled) == ("hub.tick", 7, False)
