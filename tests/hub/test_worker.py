"""Running a job: inside its chapter or not at all, and settled only by whoever still holds it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations import hub
from integrations.hub.jobs import Fail, LeaseLost, Retry, claims, dead_letters, enqueue, kinds, outcomes, sweep, worker
from integrations.hub.jobs.heartbeat import Heartbeat
from integrations.hub.models import Chapter, Job

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def row(chapter, kind):
    return Job.objects.get(chapter_id=chapter.pk, kind=kind)


def test_a_body_runs_inside_its_own_chapter(kind, sydney, melbourne):
    seen = []
    name = kind(lambda work: seen.append((work.chapter.slug, work.payload["for"], hub.schema())))
    for chapter in (sydney, melbourne):
        enqueue(name, payload={"for": chapter.slug}, chapter=chapter)
    assert worker.drain() == 2
    assert sorted(seen) == [("melbourne", "melbourne", "c_melbourne"), ("sydney", "sydney", "c_sydney")]
    assert hub.schema() == "public"
    assert row(sydney, name).state == row(melbourne, name).state == "done"


def test_a_job_of_the_hub_runs_in_the_hub(kind, sydney):
    seen = []
    enqueue(kind(lambda work: seen.append((work.chapter, hub.schema()))), chapter=None)
    worker.drain()
    assert seen == [(None, "public")]


@pytest.mark.parametrize("status", [Chapter.Status.SUSPENDED, Chapter.Status.DELETED])
def test_a_chapter_that_is_not_active_makes_a_dead_letter_and_the_body_does_not_run(kind, sydney, melbourne, status):
    ran = []
    name = kind(lambda work: ran.append(work.chapter.slug))
    for chapter in (sydney, melbourne):
        enqueue(name, chapter=chapter)
    Chapter.objects.filter(pk=sydney.pk).update(status=status)
    worker.drain()
    assert ran == ["melbourne"]
    assert row(sydney, name).state == "dead"
    assert row(sydney, name).last_error == f"Chapter sydney cannot be entered: it is {status}."


def test_a_job_of_an_unknown_chapter_or_of_one_without_a_schema_does_not_run_in_the_hub(kind, sydney):
    ghost = Chapter(slug="ghost", name="Ghost", schema_name="c_ghost")
    ghost.auto_create_schema = False
    ghost.save()
    ran = []
    name = kind(lambda work: ran.append(hub.schema()))
    enqueue(name, chapter=uuid.uuid4())
    enqueue(name, chapter=ghost)
    worker.drain()
    assert ran == []
    reasons = sorted(Job.objects.filter(kind=name, state="dead").values_list("last_error", flat=True))
    assert len(reasons) == 2
    assert "not known" in reasons[0]
    assert reasons[1] == "Chapter ghost cannot be entered: its schema does not exist."


def test_a_failure_is_tried_again_later_and_at_last_a_dead_letter_with_its_reason(kind, sydney):
    def failing(work):
        raise ValueError(f"boom {work.attempt}")

    name = kind(failing, max_attempts=3)
    enqueue(name, chapter=sydney)
    for attempt in (1, 2):
        assert worker.drain() == 1
        job = row(sydney, name)
        assert (job.state, job.attempts, job.last_error) == ("ready", attempt, f"ValueError: boom {attempt}")
        assert job.run_at > timezone.now()
        Job.objects.filter(kind=name).update(run_at=timezone.now() - timedelta(minutes=1))
    worker.drain()
    job = row(sydney, name)
    assert (job.state, job.last_error) == ("dead", "ValueError: boom 3 (attempt 3 of 3)")


def test_backoff_grows_spreads_and_ends_at_an_hour(settings):
    settings.JOB_BACKOFF_SECONDS = 10
    waits = [{outcomes.backoff(attempt).total_seconds() for _ in range(20)} for attempt in (1, 3, 30)]
    assert all(len(spread) > 1 for spread in waits)
    assert [
        (min(spread) >= low, max(spread) <= high)
        for spread, low, high in zip(waits, (5, 45, 1800), (10, 90, 3600), strict=True)
    ] == [(True, True)] * 3


def test_a_job_may_be_told_to_wait_as_often_as_needed(kind, sydney):
    def waiting(work):
        raise Retry(60, "Xero asks for a pause of 60 seconds.")

    name = kind(waiting, max_attempts=1)
    enqueue(name, chapter=sydney)
    for _ in range(3):
        assert worker.drain() == 1
        job = row(sydney, name)
        assert (job.state, job.attempts, job.last_error) == ("ready", 0, "Xero asks for a pause of 60 seconds.")
        assert timedelta(seconds=50) < job.run_at - timezone.now() <= timedelta(seconds=60)
        Job.objects.filter(kind=name).update(run_at=timezone.now() - timedelta(minutes=1))


def test_a_job_can_be_given_up_at_once(kind, sydney):
    def hopeless(work):
        raise Fail("Reconnect 'Sydney ledger'.")

    name = kind(hopeless)
    enqueue(name, chapter=sydney)
    worker.drain()
    assert (row(sydney, name).state, row(sydney, name).last_error) == ("dead", "Reconnect 'Sydney ledger'.")


def test_a_reason_goes_through_the_redactor_and_can_always_be_stored(kind, sydney, settings, caplog):
    settings.JOB_REDACT = "tests.hub.test_worker.without_secrets"

    secret = "sk_live_" + str(1)

    def failing(work):
        raise ValueError(f"token {secret} \x00 \ud800")

    name = kind(failing)
    enqueue(name, chapter=sydney)
    worker.drain()
    assert row(sydney, name).last_error == "ValueError: token **** � ?"
    assert secret not in caplog.text


def without_secrets(text):
    return text.replace("sk_live_1", "****")


def test_a_job_whose_code_is_not_deployed_here_waits_for_a_worker_that_has_it(kind, sydney):
    name = kind()
    enqueue(name, chapter=sydney)
    known = kinds._kinds.pop(name)
    worker.drain()
    kinds._kinds[name] = known
    assert (row(sydney, name).state, row(sydney, name).attempts) == ("ready", 1)
    assert "deploy it" in row(sydney, name).last_error


def test_a_drain_stops_at_its_budget(kind, sydney, settings):
    name = kind()
    for n in range(5):
        enqueue(name, key=str(n), chapter=sydney)
    assert worker.drain(jobs=2) == 2
    assert worker.drain(seconds=0) == 0
    assert worker.drain() == 3


def test_the_effect_and_the_completion_are_one_transaction(kind, sydney):
    def half_done(work):
        with transaction.atomic():
            Chapter.objects.filter(slug="melbourne").update(name="Changed")
            work.complete()
            raise ZeroDivisionError

    name = kind(half_done)
    enqueue(name, chapter=sydney)
    worker.drain()
    assert row(sydney, name).state == "ready"
    assert not Chapter.objects.filter(name="Changed").exists()


def test_a_body_that_fails_after_it_completed_has_completed(kind, sydney):
    def done_and_then_some(work):
        with transaction.atomic():
            work.complete()
        raise ZeroDivisionError

    name = kind(done_and_then_some)
    enqueue(name, chapter=sydney)
    worker.drain()
    assert row(sydney, name).state == "done"


def test_fence_and_complete_want_the_transaction_of_the_effect(kind, committed):
    errors = []

    def careless(work):
        for step in (work.fence, work.complete):
            with pytest.raises(RuntimeError, match="transaction"):
                step()
            errors.append(step)

    enqueue(kind(careless), chapter=committed["sydney"])
    worker.drain()
    assert len(errors) == 2


@pytest.mark.parametrize("step", ["fence", "complete", "return"])
def test_a_worker_whose_lease_was_taken_cannot_commit_its_effect(kind, effects, committed, step):
    """The first worker is stopped for longer than its lease; the second does the work meanwhile."""
    sydney = committed["sydney"]

    def body(work):
        if work.attempt == 1:
            Job.objects.filter(pk=work.id).update(lease_until=timezone.now() - timedelta(seconds=1))
            connection.set_schema_to_public()
            assert sweep.take_back() == 1
            assert worker.drain() == 1
            connection.set_tenant(sydney)
        with transaction.atomic():
            if step == "fence":
                work.fence()
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO effect VALUES (%s)", [f"attempt {work.attempt}"])
            if step == "complete":
                work.complete()

    name = kind(body)
    enqueue(name, chapter=sydney)
    worker.drain(jobs=1)
    assert (row(sydney, name).state, row(sydney, name).attempts) == ("done", 2)
    # Without fence and complete the effect stands twice: that is what they are for.
    assert effects(sydney) == (["attempt 1", "attempt 2"] if step == "return" else ["attempt 2"])
    assert effects(committed["melbourne"]) == []


def test_a_fence_keeps_the_job_until_the_effect_is_committed_however_late(kind, committed):
    def sweeping():
        try:
            return sweep.take_back()
        finally:
            connection.close()

    def slow(work):
        Job.objects.filter(pk=work.id).update(lease_until=timezone.now() - timedelta(hours=1))
        with transaction.atomic(), ThreadPoolExecutor(1) as thread:
            work.fence()
            taken.append(thread.submit(sweeping).result(timeout=60))
        with ThreadPoolExecutor(1) as thread:
            taken.append(thread.submit(sweeping).result(timeout=60))

    taken = []
    enqueue(kind(slow), chapter=committed["sydney"])
    worker.drain(jobs=1)
    assert taken == [0, 1]


def test_a_heartbeat_keeps_the_lease_and_stops_when_the_job_is_somebody_elses(kind, committed, until):
    enqueue(kind(lease=3), chapter=committed["sydney"])
    claim = claims.claim()
    job = Job.objects.filter(pk=claim.id)
    claimed_until = job.get().lease_until
    with Heartbeat(claim, 3) as heartbeat:
        until(lambda: timezone.now() > claimed_until, "the lease it began with has ended")
        assert sweep.take_back() == 0
        assert job.get().lease_until > timezone.now()
        other = uuid.uuid4()
        job.update(lease_token=other, lease_until=timezone.now())
        until(lambda: not heartbeat._thread.is_alive(), "the heartbeat has stopped")
        assert job.get().lease_until <= timezone.now()


def test_a_job_that_was_taken_cannot_be_buried_or_put_back(kind, sydney):
    def robbed(work):
        Job.objects.filter(pk=work.id).update(lease_token=uuid.uuid4())
        raise failure

    for failure in (  # noqa: B007 the body raises it
        Fail("no"),
        Retry(1, "later"),
        ValueError("boom"),
        LeaseLost("gone"),
    ):
        name = kind(robbed)
        enqueue(name, chapter=sydney)
        worker.drain(jobs=1)
        assert (row(sydney, name).state, row(sydney, name).last_error) == ("running", "")
        Job.objects.filter(kind=name).delete()


def test_replay_gives_a_dead_letter_all_its_attempts_again(kind, sydney):
    name = kind()
    job_id = enqueue(name, payload={"keep": 1}, chapter=sydney)
    Chapter.objects.filter(pk=sydney.pk).update(status="suspended")
    worker.drain()
    Chapter.objects.filter(pk=sydney.pk).update(status="active")
    assert dead_letters.replay(job_id) == job_id
    job = row(sydney, name)
    assert (job.state, job.attempts, job.payload) == ("ready", 0, {"keep": 1})
    worker.drain()
    assert row(sydney, name).state == "done"


def test_only_a_dead_letter_can_be_replayed(kind, sydney):
    job_id = enqueue(kind(), chapter=sydney)
    with pytest.raises(LookupError, match="no dead letter"):
        dead_letters.replay(job_id)


def test_dead_letters_of_one_key_are_replayed_as_one_job_together_with_a_newer_wish(kind, sydney, melbourne):
    def hopeless(work):
        raise Fail("no")

    name = kind(hopeless)
    for _ in range(3):
        enqueue(name, key="k", chapter=sydney)
        worker.drain()
    enqueue(name, key="k", chapter=melbourne)
    worker.drain()
    newest = enqueue(name, key="k", chapter=sydney)
    replayed = dead_letters.replay_kind(name)
    assert len(replayed) == 2
    assert newest in replayed
    assert list(Job.objects.filter(kind=name).values_list("state", flat=True)) == ["ready", "ready"]


@pytest.mark.parametrize("how", ["the body", "the sweep"])
def test_whoever_asked_for_a_job_is_told_inside_its_chapter_that_it_was_given_up(kind, sydney, melbourne, how):
    told = []

    def fail(work):
        raise Fail("enough")

    name = kind(fail, max_attempts=1, given_up=lambda payload, reason: told.append((hub.schema(), payload, reason)))
    enqueue(name, payload={"a": 1}, chapter=sydney)
    claim = claims.claim()
    if how == "the body":
        worker.run(claim)
    else:
        Job.objects.filter(pk=claim.id).update(lease_until=timezone.now() - timedelta(seconds=1))
        sweep.take_back()
    assert [(schema, payload) for schema, payload, _ in told] == [("c_sydney", {"a": 1})]
    assert told[0][2] == row(sydney, name).last_error
    assert hub.schema() == "public"


def test_a_job_is_buried_even_if_whoever_is_told_fails(kind, sydney):
    def fail(*anything):
        raise Fail("enough")

    name = kind(fail, given_up=lambda payload, reason: 1 / 0)
    enqueue(name, chapter=sydney)
    worker.drain()
    assert row(sydney, name).state == "dead"


def test_a_chapter_suspended_while_its_job_runs_makes_a_dead_letter(kind, sydney, melbourne):
    after = []

    def body(work):
        Chapter.objects.filter(slug="sydney").update(status="suspended")
        with transaction.atomic():
            work.fence()
        after.append(work.chapter.slug)

    name = kind(body)
    for chapter in (sydney, melbourne):
        enqueue(name, chapter=chapter)
    worker.drain()
    assert (row(sydney, name).state, row(melbourne, name).state, after) == ("dead", "done", ["melbourne"])
