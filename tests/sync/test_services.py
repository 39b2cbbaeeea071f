"""Runs asked for, queued, carried out by jobs and stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from finance.models import Invoice, Party
from integrations import hub
from integrations.connections.models import Connection
from integrations.connections.signals import connected, disconnected
from integrations.hub.jobs import Fail, LeaseLost, Retry, Work, claims, dead_letters, sweep, worker
from integrations.hub.models import Chapter, Due, Job
from integrations.sync import pull, services, tasks
from integrations.sync.engine import run_sync
from integrations.sync.models import ResourceState, SyncRun

from . import testbook
from .conftest import connect
from .testbook import contact, invoice, person
from .vendor import Reply

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def jobs(**more):
    return Job.objects.filter(kind="sync.run", **more).order_by("id")


def claim(job):
    """What a worker does before the body: the job is its, for a while."""
    from uuid import uuid4

    job.state, job.attempts, job.lease_token = Job.State.RUNNING, job.attempts + 1, uuid4()
    job.lease_until = timezone.now() + timedelta(seconds=60)
    job.save()
    return Work(
        id=job.pk, chapter=hub.current(), key=job.key, payload=job.payload, attempt=job.attempts, token=job.lease_token
    )


def carry_out(job):
    tasks.run(claim(job))


def work_on_the_next():
    """A worker takes the next job, whenever that is due, and settles it; the test stays in its chapter."""
    chapter = hub.current()
    jobs(state=Job.State.READY).update(run_at=timezone.now())
    worker.run(claims.claim())
    database.set_tenant(chapter)


def test_everything_is_queued_in_the_order_of_its_references(ledger):
    runs = services.request_sync(ledger)
    order = [run.resource for run in runs]
    assert set(order) == {resource.name for resource in testbook.provider.resources}
    assert order.index("contacts") < order.index("invoices")
    assert order.index("lists") < order.index("people")
    assert {run.state for run in runs} == {"queued"}
    assert jobs().count() == len(runs)
    first = jobs().first()
    assert (first.key, first.payload) == (
        f"{ledger.pk}:{order[0]}",
        {"connection": str(ledger.pk), "resource": order[0]},
    )


def test_what_is_queued_or_running_is_returned_and_not_doubled(ledger):
    (run,) = services.request_sync(ledger, "contacts")
    (again,) = services.request_sync(ledger, "contacts", full=True)
    assert (again.pk, again.full, SyncRun.objects.count(), jobs().count()) == (run.pk, True, 1, 1)
    claim(jobs().get())
    SyncRun.objects.update(state=SyncRun.State.RUNNING)
    assert services.request_sync(ledger, "contacts")[0].pk == run.pk
    jobs().update(state=Job.State.DEAD)
    (fresh,) = services.request_sync(ledger, "contacts")
    run.refresh_from_db()
    assert (fresh.pk != run.pk, run.state) == (True, "failed")
    assert "worker was lost" in run.message


def test_what_is_switched_off_is_left_out_of_everything(ledger):
    ResourceState.objects.create(connection=ledger, resource="contacts", enabled=False)
    assert "contacts" not in {run.resource for run in services.request_sync(ledger)}
    assert services.request_sync(ledger, "contacts")[0].resource == "contacts"


def test_an_unknown_resource_is_a_key_error(ledger):
    with pytest.raises(KeyError):
        services.request_sync(ledger, "shoes")


def test_a_job_carries_the_run_out_and_is_completed_with_it(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    (run,) = services.request_sync(ledger, "contacts")
    carry_out(jobs().get())
    run.refresh_from_db()
    assert (run.state, run.created, run.trigger) == ("succeeded", 1, "person")
    assert jobs().get().state == Job.State.DONE


def test_a_scheduled_job_makes_its_own_run(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    services.request_sync(ledger, "contacts")
    SyncRun.objects.all().delete()
    carry_out(jobs().get())
    assert (SyncRun.objects.get().trigger, SyncRun.objects.get().state) == ("schedule", "succeeded")


@pytest.mark.parametrize("reason", ["disconnected", "expired", "switched off", "gone"])
def test_a_scheduled_job_with_nothing_to_do_does_nothing(ledger, vendor, reason):
    services.request_sync(ledger, "contacts")
    SyncRun.objects.all().delete()
    job = jobs().get()
    if reason in {"disconnected", "expired"}:
        Connection.objects.update(status=reason)
    elif reason == "switched off":
        ResourceState.objects.update(enabled=False)
    else:
        job.payload["connection"] = "00000000-0000-0000-0000-000000000000"
    carry_out(job)
    assert not SyncRun.objects.exists()
    assert not vendor.asked


def test_a_resource_that_is_no_longer_declared_is_a_dead_letter(ledger):
    services.request_sync(ledger, "contacts")
    job = jobs().get()
    job.payload["resource"] = "shoes"
    with pytest.raises(Fail, match="no resource 'shoes'"):
        carry_out(job)


def test_a_pause_is_the_jobs_pause(ledger, vendor):
    vendor.faults = [Reply({}, 429, {"Retry-After": "120"})]
    (run,) = services.request_sync(ledger, "contacts")
    with pytest.raises(Retry) as pause:
        carry_out(jobs().get())
    assert pause.value.after == timedelta(seconds=120)
    run.refresh_from_db()
    assert run.state == "running"
    jobs().update(state=Job.State.READY)
    assert services.request_sync(ledger, "contacts")[0].pk == run.pk  # waiting is not lost
    vendor.lists("/contacts", [contact(1)])
    carry_out(jobs().get())
    run.refresh_from_db()
    assert (run.state, SyncRun.objects.count()) == ("succeeded", 1)


def test_faults_are_tried_again_and_in_the_end_given_up_with_a_sentence(ledger, vendor):
    (run,) = services.request_sync(ledger, "contacts")
    for attempt in range(1, tasks.MAX_ATTEMPTS + 1):
        vendor.faults = [Reply({}, 503)]
        work_on_the_next()
        run.refresh_from_db()
        assert run.state == ("failed" if attempt == tasks.MAX_ATTEMPTS else "running")
        assert ("It is tried again by itself." in run.message) is (run.state == "running")
    assert run.message.endswith("Given up: run it again when it is mended.")
    assert "(503)" in run.message
    assert "'Ledger'" in run.message
    assert ResourceState.objects.get().last_error == run.message
    assert jobs().get().state == Job.State.DEAD


def test_an_error_of_ours_ends_the_run_at_last(ledger, vendor, monkeypatch):
    monkeypatch.setattr("integrations.sync.pull.apply", lambda *args, **more: 1 / 0)
    vendor.lists("/contacts", [contact(1)])
    (run,) = services.request_sync(ledger, "contacts")
    jobs().update(attempts=tasks.MAX_ATTEMPTS - 2)
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, run.message) == ("running", "An error of ours: ZeroDivisionError. It is tried again by itself.")
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, "ZeroDivisionError" in run.message) == ("failed", True)


def test_a_run_whose_worker_dies_again_and_again_fails(vendor, sydney, melbourne):
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            services.request_sync(connect(), "contacts")
            claim(jobs(chapter_id=chapter.pk).get())
            SyncRun.objects.update(state=SyncRun.State.RUNNING)
    jobs(chapter_id=sydney.pk).update(attempts=tasks.MAX_ATTEMPTS, lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep.take_back() == 1
    with hub.enter(sydney):
        run = SyncRun.objects.get()
        assert (run.state, run.finished_at is not None) == ("failed", True)
        assert run.message.startswith("The worker stopped 8 times while it ran this job. Given up")
    with hub.enter(melbourne):
        assert SyncRun.objects.get().state == "running"


@pytest.mark.parametrize("path", ["/contacts", "/lists/{}/people"])
def test_a_long_run_makes_room_for_others_and_goes_on_where_it_stopped(ledger, vendor, monkeypatch, path):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    monkeypatch.setattr(pull, "TURN_SECONDS", 0)
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    vendor.lists("/lists", [{"id": name, "name": name} for name in ("a", "b")])
    for place, name in enumerate("ab"):
        vendor.lists(f"/lists/{name}/people", [person(3 * place + n) for n in range(3)])
    run_sync(ledger, "lists")
    vendor.asked.clear()
    (run,) = services.request_sync(ledger, path.rpartition("/")[2])
    work_on_the_next()
    run.refresh_from_db()
    job = jobs().get()
    assert (run.state, run.message, job.state, job.attempts) == ("running", "", "ready", 0)
    for _ in range(9):
        if jobs(state=Job.State.READY):
            work_on_the_next()
    run.refresh_from_db()
    assert (run.state, run.created, run.fetched) == ("succeeded", *([8] * 2 if path == "/contacts" else [6] * 2))
    assert len(vendor.asked) == (3 if path == "/contacts" else 4), [one.path for one in vendor.asked]


def test_a_run_whose_resource_is_gone_fails_with_its_job(ledger):
    (run,) = services.request_sync(ledger, "contacts")
    jobs().update(payload={"connection": str(ledger.pk), "resource": "shoes"})
    SyncRun.objects.update(resource="shoes")
    jobs().update(key=f"{ledger.pk}:shoes")
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, "no resource 'shoes'" in run.message) == ("failed", True)


def test_a_replayed_dead_letter_makes_a_run_of_its_own(ledger, vendor):
    vendor.lists("/contacts", [contact(1)])
    (run,) = services.request_sync(ledger, "contacts")
    jobs().update(attempts=tasks.MAX_ATTEMPTS - 1)
    vendor.faults = [Reply({}, 503)]
    work_on_the_next()
    dead_letters.replay(jobs().get().pk)
    work_on_the_next()
    run.refresh_from_db()
    assert (run.state, SyncRun.objects.exclude(pk=run.pk).get().state) == ("failed", "succeeded")


def test_a_run_is_not_given_up_while_another_wish_goes_on_with_it(ledger):
    (run,) = services.request_sync(ledger, "contacts")
    claim(jobs().get())
    services.enqueue(services.KIND, key=f"{ledger.pk}:contacts")
    jobs(state=Job.State.RUNNING).update(attempts=8, lease_until=timezone.now() - timedelta(seconds=1))
    sweep.take_back()
    run.refresh_from_db()
    assert run.state == "queued"


def test_a_chapter_suspended_while_it_is_read_is_written_no_more(ledger, vendor, sydney, monkeypatch):
    monkeypatch.setattr(pull, "MOST_PAGES", 1)
    plain = pull.apply

    def suspend_then_apply(*args, **more):
        Chapter.objects.filter(pk=sydney.pk).update(status="suspended")
        return plain(*args, **more)

    monkeypatch.setattr(pull, "apply", suspend_then_apply)
    vendor.lists("/contacts", [contact(n) for n in range(8)])
    services.request_sync(ledger, "contacts")
    work_on_the_next()
    assert Party.objects.count() == 3
    job = jobs().get()
    assert (job.state, job.last_error) == (
        "dead", "Chapter sydney cannot be entered: it was suspended while the job ran."
    )  # fmt: skip
    Chapter.objects.filter(pk=sydney.pk).update(status="active")
    monkeypatch.setattr(pull, "apply", plain)
    dead_letters.replay(job.pk)
    work_on_the_next()
    assert (SyncRun.objects.get().state, Party.objects.count()) == ("succeeded", 8)


def test_what_lives_inside_another_waits_until_that_is_read(ledger, vendor):
    vendor.lists("/lists", [{"id": "news", "name": "News"}])
    vendor.lists("/lists/news/people", [person(1)])
    services.request_sync(ledger)
    people, lists = (jobs().get(key=f"{ledger.pk}:{name}") for name in ("people", "lists"))
    with pytest.raises(Retry, match="waits until lists"):
        carry_out(people)
    carry_out(lists)
    jobs(pk=people.pk).update(state=Job.State.READY)
    carry_out(jobs().get(pk=people.pk))
    assert SyncRun.objects.get(resource="people").created == 1


def test_a_queued_run_that_is_stopped_does_not_run(ledger, vendor):
    (run,) = services.request_sync(ledger, "contacts")
    services.cancel(run)
    assert (run.state, jobs().count()) == ("cancelled", 0)
    assert run.finished_at is not None
    services.cancel(run)  # over is over
    (fresh,) = services.request_sync(ledger, "contacts")
    assert fresh.pk != run.pk


def test_a_stopped_run_whose_worker_died_is_not_begun_anew(ledger, vendor):
    (run,) = services.request_sync(ledger, "contacts")
    claim(jobs().get())
    services.cancel(run)
    jobs().update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep.take_back()
    work_on_the_next()
    assert (SyncRun.objects.get().state, vendor.asked, jobs().get().state) == ("cancelled", [], "done")


def test_a_worker_that_slept_through_its_lease_begins_no_run_of_its_own(ledger, vendor):
    """Nobody would ever go on with it: its job is done."""
    vendor.lists("/contacts", [contact(1)])
    services.request_sync(ledger, "contacts")
    slept = claim(jobs().get())
    carry_out(jobs().get())
    with pytest.raises(LeaseLost):
        tasks.run(slept)
    assert list(SyncRun.objects.values_list("state", flat=True)) == ["succeeded"]


def test_a_connection_that_is_cut_while_it_is_read_leaves_a_stopped_run_and_no_error(ledger, vendor):
    def cut(asked):
        return Reply({}, 401)

    vendor.routes["/contacts"] = cut
    (run,) = services.request_sync(ledger, "contacts")
    work = claim(jobs().get())
    found = services.next_run(ledger, testbook.provider.resource("contacts"), work.id)
    disconnected.send(sender=Connection, connection=ledger)
    run_sync(ledger, "contacts", run=found, work=work)
    run.refresh_from_db()
    ledger.refresh_from_db()
    assert (run.state, run.message) == ("cancelled", "Stopped by a person; what was read is kept.")
    assert (ledger.last_error, ResourceState.objects.get().last_error) == ("", "")
    assert not Due.objects.filter(connection_id=ledger.pk).exists()


def test_a_run_of_the_command_line_and_one_of_a_job_never_read_at_once(ledger):
    contacts = testbook.provider.resource("contacts")
    wish = {"full": False, "plan_only": False, "approved": False}
    (queued,) = services.request_sync(ledger, "contacts")
    assert services.run_here(ledger, contacts, **wish) is None
    services.cancel(queued)
    here = services.run_here(ledger, contacts, **wish)
    assert services.request_sync(ledger, "contacts")[0] == here
    assert services.next_run(ledger, contacts, 1) is None


def test_deletes_that_wait_for_a_person_are_carried_out_when_they_are_approved(ledger, vendor):
    for shown in (40, 30, 29):
        vendor.lists("/offsets", [contact(n) for n in range(shown)])
        services.request_sync(ledger, "offsets")
        carry_out(jobs(state=Job.State.READY).get())
    first, older, waiting = SyncRun.objects.order_by("created_at")
    assert [first.state, older.state, waiting.state] == ["succeeded", "succeeded", "planned"]
    assert "11 of 40 are no longer there" in waiting.message
    approved = services.approve(waiting)
    carry_out(jobs(state=Job.State.READY).get())
    approved.refresh_from_db()
    waiting.refresh_from_db()
    assert (approved.state, approved.deleted, waiting.state) == ("succeeded", 11, "succeeded")


def test_an_approval_is_not_lost_to_a_run_that_has_none(ledger):
    plan = SyncRun.objects.create(connection=ledger, resource="offsets", state="planned", full=True)
    (scheduled,) = services.request_sync(ledger, "offsets", trigger="schedule")
    claim(jobs().get())
    SyncRun.objects.filter(pk=scheduled.pk).update(state="running")
    run = services.approve(plan)
    scheduled.refresh_from_db()
    assert (run.approved, run.full, run.state, scheduled.state) == (True, True, "queued", "cancelled")
    assert services.approve(plan) == run  # pressed twice


def test_a_plan_is_approved_by_a_run_that_may_delete(ledger):
    plan = SyncRun.objects.create(connection=ledger, resource="offsets", state="planned", plan_only=True, full=True)
    run = services.approve(plan)
    plan.refresh_from_db()
    assert (run.approved, run.full, run.plan_only, run.state) == (True, True, False, "queued")
    assert plan.state == "succeeded"


def test_connecting_sets_everything_going(ledger):
    ResourceState.objects.create(connection=ledger, resource="contacts", last_error="refused")
    connected.send(sender=Connection, connection=ledger)
    names = {resource.name for resource in testbook.provider.resources}
    assert set(ResourceState.objects.values_list("resource", flat=True)) == names
    assert ResourceState.objects.get(resource="contacts").last_error == ""
    assert set(SyncRun.objects.filter(state="queued").values_list("resource", flat=True)) == names
    due = Due.objects.filter(connection_id=ledger.pk)
    assert set(due.values_list("resource", flat=True)) == names
    assert all(one.due_at > timezone.now() for one in due)


def test_disconnecting_stops_everything(ledger):
    services.request_sync(ledger)
    disconnected.send(sender=Connection, connection=ledger)
    assert set(SyncRun.objects.values_list("state", flat=True)) == {"cancelled"}
    assert not jobs().exists()


def test_one_chapters_jobs_are_not_the_others(vendor, sydney, melbourne):
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            services.request_sync(connect(), "contacts")
    with hub.enter(sydney):
        services.cancel(SyncRun.objects.get())
    assert [job.chapter_id for job in jobs()] == [melbourne.pk]


def test_a_worker_carries_a_whole_first_sync_out(committed, vendor):
    from integrations.hub.jobs import worker

    for path in ("/staff", "/headers", "/lasts", "/offsets", "/lists"):
        vendor.lists(path, [])
    vendor.routes["/tags"] = lambda asked: Reply([])
    vendor.routes["/links"] = lambda asked: Reply({"data": {"rows": []}})
    vendor.lists("/contacts", [contact(1), contact(2)])
    vendor.lists("/invoices", [invoice(1), invoice(2)])
    with hub.enter(committed["sydney"]):
        connected.send(sender=Connection, connection=connect())
    for _ in range(3):  # people wait a moment for the lists
        worker.drain(seconds=20)
        Job.objects.filter(state=Job.State.READY).update(run_at=timezone.now())
    with hub.enter(committed["sydney"]):
        assert set(SyncRun.objects.values_list("state", flat=True)) == {"succeeded"}
        assert Party.objects.count() == 2
        assert Invoice.objects.exclude(party=None).count() == 2
    with hub.enter(committed["melbourne"]):
        assert not Party.objects.exists()
