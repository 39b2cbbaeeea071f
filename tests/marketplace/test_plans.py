"""The pages on which a person sees what a sync would do, and says yes or no."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import hub
from integrations.connections.models import Connection
from integrations.sync.models import SyncRun
from integrations.sync.plan import Plan

from .staging import make_connection, make_person, make_run, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def till(sydney):
    return make_connection(sydney, plan_first=True, last_sync_at=None)


def text(answer) -> str:
    return answer.content.decode()


def stored(why="first", **counts):
    """A plan as a run keeps it, with one sample of each kind."""
    plan = Plan(why, linked=40)
    for name, number in counts.items():
        setattr(plan.counts, name, number)
    change = {"field": "total", "label": "Total", "ours": "20.00 AUD", "theirs": "1,234.50 AUD"}
    plan.samples["create"] = [
        {"key": "cus_1", "record": "", "name": "Ada <b>Lovelace</b>", "changes": [change | {"ours": ""}]}
    ]
    plan.samples["update"] = [
        {"key": "cus_2", "record": "01980f6e", "name": "Grace", "changes": [change | {"theirs": ""}]}
    ]
    plan.reasons[("email", "'x' is not an address")] = 3
    plan.skipped["unlinked"] = 2
    plan.notes.append("Something to know.")
    return plan.stored()


def planned(sydney, till, resource="customers", plan=None, **more):
    plan = plan or stored(created=12, updated=3, quarantined=3)
    return make_run(
        sydney,
        till,
        resource,
        state=SyncRun.State.PLANNED,
        plan_only=True,
        plan=plan,
        finished_at=timezone.now(),
        **more,
    )


def test_one_page_shows_everything_that_waits_with_one_button(sydney, admin, till):
    planned(sydney, till), planned(sydney, till, "payouts", stored(created=1))
    page = text(admin.get(f"/marketplace/connections/{till.pk}/plan/"))
    assert "Plan for the first sync of “Sydney till”" in page
    assert page.count('id="approve-all"') == 1
    for said in ("Customers", "Payouts", "1,234.50 AUD", "Grace", "cus_2", "is not an address", "Something to know."):
        assert said in page
    assert "2 records left alone, because somebody unlinked them" in page
    assert "Ada &lt;b&gt;Lovelace" in page
    assert 'http-equiv="refresh"' not in page


def test_the_page_follows_while_plans_are_still_made(sydney, admin, till):
    make_run(sydney, till, state=SyncRun.State.RUNNING)
    page = text(admin.get(f"/marketplace/connections/{till.pk}/plan/"))
    assert "1 kind of record is still being counted" in page
    assert 'http-equiv="refresh"' in page


def test_where_nothing_waits_the_page_says_so(sydney, admin, till):
    assert "Nothing waits for approval" in text(admin.get(f"/marketplace/connections/{till.pk}/plan/"))


def test_the_connection_leads_to_what_waits(sydney, admin, till):
    planned(sydney, till)
    page = text(admin.get(f"/marketplace/connections/{till.pk}/"))
    assert "1 kind of record waits for approval." in page
    assert f"/marketplace/connections/{till.pk}/plan/" in page


def test_everything_is_approved_at_once(sydney, admin, asked, till):
    runs = [planned(sydney, till), planned(sydney, till, "payouts")]
    answer = admin.post(f"/marketplace/connections/{till.pk}/plan/approve/", follow=True)
    assert "Approved. 2 kinds of record are being written now." in text(answer)
    assert asked.approved == [(run.pk, "chapter-admin") for run in runs]


def test_everything_is_rejected_at_once(sydney, admin, till):
    run = planned(sydney, till)
    answer = admin.post(f"/marketplace/connections/{till.pk}/plan/reject/", follow=True)
    assert "Nothing of it was written" in text(answer)
    with hub.enter(sydney):
        run.refresh_from_db()
        assert (run.state, run.decision, run.decided_by.username) == ("cancelled", "rejected", "chapter-admin")
    assert "nothing to reject" in text(admin.post(f"/marketplace/connections/{till.pk}/plan/reject/", follow=True))


def test_one_plan_is_decided_on_its_own_page(sydney, admin, till):
    run = planned(sydney, till)
    page = text(admin.get(f"/marketplace/runs/{run.pk}/"))
    assert "The plan" in page
    assert "This is the first sync of these records" in page
    assert f"/marketplace/runs/{run.pk}/reject/" in page
    assert "Nothing of this has been written yet." in page
    assert "Rejected." in text(admin.post(f"/marketplace/runs/{run.pk}/reject/", follow=True))
    assert "nothing to reject" in text(admin.post(f"/marketplace/runs/{run.pk}/reject/", follow=True))


def test_an_old_plan_says_so(sydney, admin, till):
    run = planned(sydney, till)
    with hub.enter(sydney):
        SyncRun.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=8))
    assert "older than seven days" in text(admin.get(f"/marketplace/runs/{run.pk}/"))


def test_an_auditor_reads_plans_and_decides_nothing(sydney, asked, till):
    run = planned(sydney, till)
    auditor = sign_in(sydney, make_person(sydney, "Auditor"))
    page = text(auditor.get(f"/marketplace/connections/{till.pk}/plan/"))
    assert "Grace" in page
    assert "<button" not in page.partition("<main")[2].partition("</main")[0]
    for address in (
        f"connections/{till.pk}/plan/approve/",
        f"connections/{till.pk}/plan/reject/",
        f"runs/{run.pk}/reject/",
    ):
        assert auditor.post(f"/marketplace/{address}").status_code == 403
    assert asked.approved == []
    with hub.enter(sydney):
        run.refresh_from_db()
        assert run.state == "planned"


def test_who_may_not_see_the_records_sees_the_counts(sydney, till):
    planned(sydney, till)
    person = make_person(sydney, "Treasurer")
    with hub.enter(sydney):
        person.groups.get().permissions.filter(codename="view_party").first()
        from django.contrib.auth.models import Permission

        group = person.groups.get()
        group.permissions.remove(Permission.objects.get(codename="view_party"))
    page = text(sign_in(sydney, person).get(f"/marketplace/connections/{till.pk}/plan/"))
    assert "Your role does not show the records themselves." in page
    assert "Grace" not in page
    assert "12" in page


def test_another_chapters_plan_is_not_there(sydney, melbourne, till):
    run = planned(sydney, till)
    stranger = sign_in(melbourne, make_person(melbourne, "Chapter admin"))
    for address in (f"connections/{till.pk}/plan/approve/", f"runs/{run.pk}/reject/"):
        assert stranger.post(f"/marketplace/{address}").status_code == 404


def test_the_page_asks_the_database_the_same_however_much_waits(sydney, admin, till, queries_of):
    planned(sydney, till)
    address = f"/marketplace/connections/{till.pk}/plan/"
    few = queries_of(admin, address)
    big = stored(created=500)
    big["samples"]["create"] = big["samples"]["create"] * 20
    planned(sydney, till, "payouts", big)
    assert queries_of(admin, address) <= few + 2  # one for each plan: whether it is stale


def test_connecting_shows_the_plan_unless_somebody_unticks_it(sydney, admin, asked):
    page = text(admin.get("/marketplace/providers/tillstream/connect/"))
    assert "Show me the plan before anything is written" in page
    assert re.search(r"<input[^>]*name=.plan_first.[^>]* checked", page)
    key = {"credential_key": "rk_live_abcdefgh1"}
    admin.post("/marketplace/providers/tillstream/connect/", {"name": "One", "plan_first": "on", **key})
    admin.post("/marketplace/providers/tillstream/connect/", {"name": "Two", **key})
    assert [wish["plan_first"] for wish in asked.connect] == [True, False]


def test_reconnecting_leaves_it_as_it_is(sydney, admin, asked, till):
    assert "plan_first" not in text(admin.get(f"/marketplace/connections/{till.pk}/reconnect/"))
    admin.post(f"/marketplace/connections/{till.pk}/reconnect/", {"credential_key": "rk_live_abcdefgh1"})
    assert asked.connect[0]["plan_first"] is None
    with hub.enter(sydney):
        assert Connection.objects.get(pk=till.pk).plan_first


def test_any_sync_can_be_shown_first(sydney, admin, asked, till):
    admin.post(f"/marketplace/connections/{till.pk}/sync/", {"resource": "customers", "plan": "on"})
    assert asked.synced[0][2]["plan_only"] is True
