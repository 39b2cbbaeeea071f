"""One sync run, while it goes on and afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import hub
from integrations.sync.models import QuarantinedRecord, SyncRun

from .staging import make_connection, make_history, make_person, make_run, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]
LIVE = {"HX-Request": "true"}


@pytest.fixture
def till(sydney):
    return make_connection(sydney)


def at(run) -> str:
    return f"/marketplace/runs/{run.pk}/"


def text(answer) -> str:
    return answer.content.decode()


def running(sydney, till, **extra) -> SyncRun:
    return make_run(sydney, till, state=SyncRun.State.RUNNING, started_at=timezone.now(), **extra)


def test_a_run_shows_how_far_it_is(sydney, admin, till):
    page = text(admin.get(at(running(sydney, till, total=5000, fetched=1830))))
    assert "1,830 of 5,000 read" in page
    assert '<progress max="5000" value="1830">' in page
    assert "every 1s" in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page


def test_a_run_of_unknown_length_shows_no_invented_share(sydney, admin, till):
    page = text(admin.get(at(running(sydney, till, fetched=1830))))
    assert "1,830 read so far" in page
    assert "<progress></progress>" in page


def test_the_live_part_stops_asking_when_the_run_is_over(sydney, admin, till):
    run = running(sydney, till)
    assert "every 1s" in text(admin.get(at(run), headers=LIVE))
    with hub.enter(sydney):
        SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.SUCCEEDED, finished_at=timezone.now())
    part = text(admin.get(at(run), headers=LIVE))
    assert "hx-get" not in part
    assert "<progress" not in part
    assert "Finished" in part


def test_what_is_read_aloud_is_sent_only_when_it_changed(sydney, admin, till):
    run = running(sydney, till, total=1000, fetched=101)
    first = admin.get(at(run), headers=LIVE)
    assert 'hx-swap-oob="innerHTML">Running: about 10 per cent read.' in text(first)
    said = first.context["said"]
    with hub.enter(sydney):
        SyncRun.objects.filter(pk=run.pk).update(fetched=199)
    assert "hx-swap-oob" not in text(admin.get(f"{at(run)}?said={said}", headers=LIVE))
    with hub.enter(sydney):
        SyncRun.objects.filter(pk=run.pk).update(fetched=200)
    assert "about 20 per cent" in text(admin.get(f"{at(run)}?said={said}", headers=LIVE))


def test_set_aside_records_are_listed_with_every_reason(sydney, admin, till):
    page = text(admin.get(at(make_history(sydney, till))))
    assert "cus_bad" in page
    assert "&#x27;not an address&#x27; is not an e-mail address" in page
    assert "Correct them at Tillstream" in page


def test_many_set_aside_records_are_counted_and_the_first_shown(sydney, admin, till):
    run = make_run(sydney, till, state=SyncRun.State.PARTIAL, quarantined=120, finished_at=timezone.now())
    with hub.enter(sydney):
        QuarantinedRecord.objects.bulk_create(
            QuarantinedRecord(
                connection=till,
                run=run,
                resource="customers",
                external_id=f"c{n}",
                reasons=[{"message": "no"}],
                body="",
            )
            for n in range(120)
        )
    assert "The first 50 of 120." in text(admin.get(at(run)))


def test_the_record_itself_is_not_on_the_page(sydney, admin, till):
    run = make_history(sydney, till)
    with hub.enter(sydney):
        QuarantinedRecord.objects.update(body="date of birth 1.2.1970")
    assert "1.2.1970" not in text(admin.get(at(run)))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("queued", "Waiting to start"),
        ("planned", "Waiting for approval"),
        ("succeeded", "Finished"),
        ("partial", "Finished in part"),
        ("failed", "Failed"),
        ("cancelled", "Cancelled"),
    ],
)
def test_each_outcome_has_its_words(sydney, admin, till, state, said):
    finished = None if state == "queued" else timezone.now()
    run = make_run(sydney, till, state=state, finished_at=finished, message="Tillstream answered 500 five times.")
    page = text(admin.get(at(run)))
    assert said in page
    assert "Tillstream answered 500 five times." in page


def test_how_long_it_took(sydney, admin, till):
    now = timezone.now()
    run = make_run(sydney, till, state="succeeded", started_at=now - timedelta(seconds=42), finished_at=now)
    assert "took 42 seconds" in text(admin.get(at(run)))


def test_a_run_can_be_stopped_while_it_goes_on(sydney, admin, asked, till):
    run = running(sydney, till)
    assert "Stop this sync" in text(admin.get(at(run)))
    answer = admin.post(at(run) + "cancel/", follow=True)
    assert "stops after the batch it is writing" in text(answer)
    assert asked.cancelled == [run.pk]


def test_a_plan_waits_for_a_person_and_is_carried_out_on_approval(sydney, admin, asked, till):
    run = make_run(sydney, till, state=SyncRun.State.PLANNED, message="120 of 200 customers would be deleted.")
    page = text(admin.get(at(run)))
    assert "120 of 200 customers would be deleted." in page
    assert "Nothing has been deleted yet." in page
    assert admin.post(at(run) + "approve/").status_code == 302
    assert asked.approved == [(run.pk, "chapter-admin")]


def test_what_was_never_planned_is_not_approved(sydney, admin, asked, till):
    run = make_history(sydney, till)
    assert "Approve" not in text(admin.get(at(run)))
    assert "nothing to approve" in text(admin.post(at(run) + "approve/", follow=True))
    assert asked.approved == []


def test_a_run_that_is_over_is_not_stopped(sydney, admin, asked, till):
    run = make_history(sydney, till)
    assert "Stop this sync" not in text(admin.get(at(run)))
    assert "This run was already over." in text(admin.post(at(run) + "cancel/", follow=True))
    assert asked.cancelled == []


def test_an_auditor_watches_and_stops_nothing(sydney, asked, till):
    run = running(sydney, till)
    auditor = sign_in(sydney, make_person(sydney, "Auditor"))
    assert "Stop this sync" not in text(auditor.get(at(run)))
    assert auditor.post(at(run) + "cancel/").status_code == 403
    assert asked.cancelled == []


def test_a_run_of_a_resource_that_is_no_longer_declared_still_shows(sydney, admin, till):
    assert "Old things" in text(admin.get(at(make_run(sydney, till, "old_things", state="succeeded"))))
