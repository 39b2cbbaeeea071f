"""What is set aside, on its pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import hub
from integrations.hub.models import Job
from integrations.sync.models import QuarantinedRecord, QuarantineRetry

from .staging import make_connection, make_history, make_person, make_run, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]
EMAIL = {"field": "email", "message": "is no e-mail address"}
TOTAL = {"field": "lines.3.total", "message": "is missing"}


@pytest.fixture
def till(sydney, melbourne):
    other = make_connection(melbourne, name="Melbourne till")
    with hub.enter(melbourne):
        aside(other, 2, [EMAIL])
    return make_connection(sydney)


def aside(connection, number, reasons, **more):
    row = {"resource": "customers", "reasons": reasons, "body": '{"born": "1.2.1970"}'} | more
    first = QuarantinedRecord.objects.count()
    return [
        QuarantinedRecord.objects.create(connection=connection, external_id=f"cus_{first + n}", **row)
        for n in range(number)
    ]


def at(connection, page="") -> str:
    return f"/marketplace/connections/{connection.pk}/set-aside/{page}"


def text(answer) -> str:
    return answer.content.decode()


def test_the_reasons_come_first_with_how_often(sydney, admin, till):
    with hub.enter(sydney):
        aside(till, 214, [TOTAL])
        aside(till, 1, [EMAIL])
    page = text(admin.get(at(till)))
    assert page.index("214 times") < page.index("1 time")
    assert "<code>lines.*.total</code>: is missing" in page
    assert "Melbourne" not in page
    assert "1.2.1970" not in page, "the record itself is only on its own page"


def test_a_reason_narrows_the_records_and_what_is_done_with_them(sydney, admin, till):
    with hub.enter(sydney):
        aside(till, 3, [TOTAL])
        aside(till, 1, [EMAIL])
    query = "?resource=customers&field=email&message=is+no+e-mail+address"
    page = text(admin.get(at(till) + query))
    assert "cus_3" in page
    assert "cus_0" not in page
    assert "Try it again" in page
    sent = {"resource": "customers", "field": "email", "message": "is no e-mail address"}
    answer = admin.post(at(till, "retry/"), sent, follow=True)
    assert "Trying 1 again" in text(answer)
    with hub.enter(sydney):
        asked = QuarantineRetry.objects.select_related("triggered_by").get()
    assert (asked.total, asked.triggered_by.username) == (1, "chapter-admin")
    assert Job.objects.get(kind="sync.retry").chapter_id == sydney.pk


def test_since_narrows_by_the_chapters_own_day(sydney, admin, till):
    with hub.enter(sydney):
        (old,) = aside(till, 1, [TOTAL])
        aside(till, 1, [TOTAL])
        QuarantinedRecord.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=30))
    since = (timezone.now() - timedelta(days=2)).date().isoformat()
    page = text(admin.get(f"{at(till)}?since={since}"))
    assert "cus_1" in page
    assert "cus_0" not in page
    assert "None of this kind" in text(admin.get(f"{at(till)}?since=never"))


def test_all_can_be_tried_and_how_far_it_is_stays_on_the_page(sydney, admin, till):
    with hub.enter(sydney):
        aside(till, 5, [TOTAL])
    admin.post(at(till, "retry/"))
    with hub.enter(sydney):
        QuarantineRetry.objects.update(state="running", tried=3, taken=2)
    page = text(admin.get(at(till)))
    assert "3 of 5 tried again, 2 taken." in page
    assert '<meta http-equiv="refresh" content="5">' in page
    with hub.enter(sydney):
        QuarantineRetry.objects.update(state="done", message="4 of 5 were taken; 1 is still set aside.")
    page = text(admin.get(at(till)))
    assert "4 of 5 were taken; 1 is still set aside." in page
    assert 'http-equiv="refresh"' not in page


def test_what_names_no_records_tries_none(sydney, admin, till):
    with hub.enter(sydney):
        aside(till, 2, [TOTAL])
    answer = admin.post(at(till, "retry/"), {"resource": "shoes"}, follow=True)
    assert "does not name any records" in text(answer)
    assert not Job.objects.filter(kind="sync.retry").exists()


def test_a_connection_that_is_cut_tries_nothing(sydney, admin, till):
    with hub.enter(sydney):
        aside(till, 1, [TOTAL])
        type(till).objects.update(status="disconnected")
    assert "Reconnect it first" in text(admin.post(at(till, "retry/"), follow=True))
    assert 'id="try-again"' not in text(admin.get(at(till)))


def test_dismissing_asks_why_and_says_how_many(sydney, admin, till):
    with hub.enter(sydney):
        aside(till, 3, [TOTAL])
    page = text(admin.get(at(till, "dismiss/")))
    assert "Dismiss 3 records?" in page
    refused = admin.post(at(till, "dismiss/"), {"because": " "})
    assert refused.status_code == 422
    done = admin.post(at(till, "dismiss/"), {"because": "Left in 2019"}, follow=True)
    assert "3 dismissed." in text(done)
    assert "Nothing is set aside" in text(done)
    with hub.enter(sydney):
        row = QuarantinedRecord.objects.first()
    page = text(admin.get(at(till, f"{row.pk}/")))
    assert "Left in 2019" in page
    assert "by chapter-admin" in page


def test_one_record_is_shown_as_it_came_to_who_may_see_its_kind(sydney, admin, till):
    with hub.enter(sydney):
        (row,) = aside(till, 1, [EMAIL, TOTAL], body='{\n  "name": "<b>Ada</b>"\n}')
    page = text(admin.get(at(till, f"{row.pk}/")))
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page
    assert "is no e-mail address" in page
    assert "is missing" in page
    person = make_person(sydney, None, username="clerk")
    with hub.enter(sydney):
        from django.contrib.auth.models import Permission

        person.user_permissions.set(
            Permission.objects.filter(codename__in=["view_connection", "use_payments", "use_commerce"])
        )
    page = text(sign_in(sydney, person).get(at(till, f"{row.pk}/")))
    assert "Ada" not in page
    assert "Your role does not let you see" in page


def test_one_record_is_tried_and_no_other(sydney, admin, till):
    with hub.enter(sydney):
        row, _ = aside(till, 2, [TOTAL])
    admin.post(at(till, "retry/"), {"record": str(row.pk)})
    with hub.enter(sydney):
        assert QuarantineRetry.objects.get().wanted == {"ids": [str(row.pk)]}


def test_an_auditor_looks_and_does_nothing(sydney, till):
    with hub.enter(sydney):
        aside(till, 1, [TOTAL])
    auditor = sign_in(sydney, make_person(sydney, "Auditor"))
    page = text(auditor.get(at(till)))
    assert "cus_0" in page
    assert "Dismiss" not in page
    assert 'id="try-again"' not in page


def test_a_long_list_costs_as_many_queries_as_a_short_one(sydney, admin, till, queries_of):
    with hub.enter(sydney):
        aside(till, 3, [TOTAL])
    few = queries_of(admin, at(till))
    with hub.enter(sydney):
        aside(till, 120, [EMAIL, TOTAL])
    assert queries_of(admin, at(till)) == few <= 14


def test_the_way_there_is_on_the_connections_and_the_runs_page(sydney, admin, till):
    run = make_history(sydney, till)
    assert at(till) in text(admin.get(f"/marketplace/connections/{till.pk}/"))
    assert at(till) in text(admin.get(f"/marketplace/runs/{run.pk}/"))


def test_both_faces_have_it(sydney, admin, till):
    with hub.enter(sydney):
        aside(till, 1, [TOTAL])
    page = text(admin.get(at(till).replace("/marketplace/", "/admin/marketplace/", 1)))
    assert "/admin/marketplace/connections/" in page


def test_a_run_that_waits_says_when_it_goes_on(sydney, admin, till):
    later = timezone.now() + timedelta(hours=2)
    run = make_run(
        sydney, till, state="running", fetched=12_400, pages=124, started_at=timezone.now(), resumes_at=later
    )
    with hub.enter(sydney):
        from integrations.sync import pace

        said = f"Partial: 12,400 read, goes on at {pace.clock(later)}"
    for page in (f"/marketplace/runs/{run.pk}/", f"/marketplace/connections/{till.pk}/runs/"):
        assert said in text(admin.get(page))
    assert "<dt>Pages</dt><dd>124</dd>" in text(admin.get(f"/marketplace/runs/{run.pk}/"))


def test_a_run_says_how_fast_it_is_and_when_it_ends(sydney, admin, till):
    run = make_run(sydney, till, state="running", fetched=4_000, total=22_000, rate=100.0, started_at=timezone.now())
    assert "4,000 of 22,000 read, 100 a second, about 3 minutes left." in text(
        admin.get(f"/marketplace/runs/{run.pk}/")
    )
