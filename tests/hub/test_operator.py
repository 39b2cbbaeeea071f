"""The hub operator's pages."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from integrations import hub
from integrations.hub.jobs import Fail, enqueue, worker
from integrations.hub.models import Chapter, Job, ProviderApp

pytestmark = [pytest.mark.django_db, pytest.mark.services]

URLCONF = "config.urls_hub"
SECRET = "cs_canary_7f31"


@pytest.fixture
def operator(db, settings) -> Client:
    User.objects.create_superuser("operator", password="correct horse battery")
    client = Client(headers={"host": settings.HUB_DOMAIN})
    assert client.login(username="operator", password="correct horse battery")
    return client


def page(name: str, *args) -> str:
    return reverse(f"hub:hub_{name}", args=args, urlconf=URLCONF)


def shown(response) -> str:
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def dead(kind, sydney, melbourne):
    """Two kinds, two dead letters each: one per chapter."""

    def hopeless(work):
        raise Fail(f"No use in {work.chapter.slug}.")

    kinds = [kind(hopeless), kind(hopeless)]
    for name in kinds:
        for chapter in (sydney, melbourne):
            enqueue(name, chapter=chapter)
    worker.drain()
    return kinds


def test_dead_letters_are_shown_with_their_chapter_and_reason(operator, dead):
    html = shown(operator.get(page("deadletter_changelist")))
    assert html.count("No use in sydney.") == 2
    assert "Melbourne" in html
    html = shown(operator.get(page("job_changelist")))
    assert dead[0] in html


def test_one_dead_letter_is_replayed_from_its_page(operator, dead):
    letter = Job.objects.filter(kind=dead[0]).first()
    html = shown(operator.get(page("deadletter_change", letter.pk)))
    assert f'formaction="{page("deadletter_replay", letter.pk)}"' in html
    assert str(letter.lease_token) not in html
    operator.post(page("deadletter_replay", letter.pk))
    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Replayed"]
    assert list(Job.objects.filter(state="ready")) == [letter]
    assert operator.get(page("deadletter_replay", letter.pk)).status_code == 405


def test_selected_dead_letters_are_replayed(operator, dead):
    chosen = list(Job.objects.filter(kind=dead[0]).values_list("pk", flat=True))
    operator.post(page("deadletter_changelist"), {"action": "replay_selected", "_selected_action": chosen})
    assert set(Job.objects.filter(state="ready").values_list("pk", flat=True)) == set(chosen)


def test_all_dead_letters_of_a_kind_are_replayed_once_confirmed(operator, dead):
    one = Job.objects.filter(kind=dead[1]).first()
    asked = {"action": "replay_kinds", "_selected_action": [one.pk]}
    html = shown(operator.post(page("deadletter_changelist"), asked))
    assert f"Replay all 2 dead letters of {dead[1]}?" in html
    assert not Job.objects.filter(state="ready").exists()
    operator.post(page("deadletter_changelist"), {**asked, "confirmed": "yes"})
    assert set(Job.objects.filter(state="ready").values_list("kind", flat=True)) == {dead[1]}
    assert Job.objects.filter(state="ready").count() == 2


def test_who_may_only_look_cannot_replay(dead, settings):
    viewer = User.objects.create_user("viewer", password="correct horse battery", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    client = Client(headers={"host": settings.HUB_DOMAIN})
    client.force_login(viewer)
    letter = Job.objects.filter(state="dead").first()
    assert client.get(page("deadletter_change", letter.pk)).status_code == 200
    assert client.post(page("deadletter_replay", letter.pk)).status_code == 403
    client.post(page("deadletter_changelist"), {"action": "replay_selected", "_selected_action": [letter.pk]})
    assert not Job.objects.filter(state="ready").exists()


def test_a_chapter_is_suspended_and_activated_only_once_confirmed(operator, sydney, melbourne):
    for action, before, after in [("suspend", "active", "suspended"), ("activate", "suspended", "active")]:
        asked = {"action": action, "_selected_action": [sydney.pk]}
        assert "Sydney" in shown(operator.post(page("chapter_changelist"), asked))
        assert Chapter.objects.get(pk=sydney.pk).status == before
        operator.post(page("chapter_changelist"), {**asked, "confirmed": "yes"})
        assert Chapter.objects.get(pk=sydney.pk).status == after
        assert Chapter.objects.get(pk=melbourne.pk).status == "active"


def test_a_chapters_page_shows_no_key_and_changes_no_status(operator, sydney):
    html = shown(operator.get(page("chapter_change", sydney.pk)))
    assert "data_key" not in html
    assert 'name="status"' not in html
    assert operator.get(page("chapter_add")).status_code == 403
    assert operator.get(page("chapter_delete", sydney.pk)).status_code == 403


def test_a_client_secret_goes_in_and_never_comes_out(operator, monkeypatch, sydney):
    monkeypatch.setattr("integrations.registry.all_providers", dict)
    app = ProviderApp(provider="xero", client_id="client-1")
    app.client_secret = SECRET
    app.save()
    pages = [
        shown(operator.get(page("providerapp_changelist"))),
        shown(operator.get(page("providerapp_change", app.pk))),
    ]
    fields = {"provider": "xero", "environment": "live", "chapter": "", "client_id": "client-2"}
    # Left empty it is kept; a form that fails does not send back what was typed.
    assert operator.post(page("providerapp_change", app.pk), {**fields, "new_secret": ""}).status_code == 302
    assert ProviderApp.objects.get().client_secret.reveal() == SECRET
    failed = operator.post(page("providerapp_change", app.pk), {**fields, "client_id": "", "new_secret": SECRET})
    pages.append(shown(failed))
    assert operator.post(page("providerapp_change", app.pk), {**fields, "new_secret": "new"}).status_code == 302
    assert ProviderApp.objects.get().client_secret.reveal() == "new"
    pages.append(shown(operator.get(reverse("hub:index", urlconf=URLCONF))))
    pages += [shown(operator.get(page(f"providerapp_{name}", app.pk))) for name in ("history", "delete")]
    assert "••••••••" in pages[0]
    assert not [html for html in pages if SECRET in html]
    assert SECRET.encode() not in bytes(_stored("client_secret"))


def test_a_stored_secret_does_not_move_to_another_vendor(operator, sydney):
    app = ProviderApp(provider="xero", client_id="client-1", client_secret=SECRET)
    app.save()
    fields = {"provider": "stripe", "environment": "live", "chapter": "", "client_id": "client-1"}
    assert "belongs to another vendor" in shown(operator.post(page("providerapp_change", app.pk), fields))
    assert operator.post(page("providerapp_change", app.pk), {**fields, "new_secret": "new"}).status_code == 302
    moved = ProviderApp.objects.get()
    assert (moved.provider, moved.client_secret.reveal()) == ("stripe", "new")


def _stored(column: str) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM hub_providerapp")
        return cursor.fetchone()[0]


def test_a_new_app_needs_its_secret(operator, monkeypatch):
    class Xero:
        name = "Xero"

    monkeypatch.setattr("integrations.registry.all_providers", lambda: {"xero": Xero})
    fields = {"provider": "xero", "environment": "live", "chapter": "", "client_id": "c"}
    assert "needs its client secret" in shown(operator.post(page("providerapp_add"), fields))
    assert operator.post(page("providerapp_add"), {**fields, "new_secret": SECRET}).status_code == 302
    assert ProviderApp.objects.get().client_secret.reveal() == SECRET


def test_every_page_of_the_hubs_admin_opens(operator, dead):
    index = shown(operator.get(reverse("hub:index", urlconf=URLCONF)))
    links = set(re.findall(r'href="(/admin/[a-z_]+/[a-z_]+/(?:add/)?)"', index))
    assert len(links) >= 6
    for link in links:
        assert operator.get(link).status_code == 200, link


def test_the_hubs_admin_is_nobodys_who_is_staff_of_a_chapter(sydney, settings):
    with hub.enter(sydney):
        User.objects.create_superuser("treasurer", password="correct horse battery")
    client = Client(headers={"host": settings.HUB_DOMAIN})
    assert not client.login(username="treasurer", password="correct horse battery")
    response = client.get(page("deadletter_changelist"))
    assert (response.status_code, response.url.split("?")[0]) == (302, "/admin/login/")


def test_schedules_stand_in_the_hubs_admin_and_in_no_chapters():
    from django.contrib import admin
    from django_celery_beat.models import PeriodicTask

    from integrations.hub.admin_site import site

    assert site.is_registered(PeriodicTask)
    hub_tables = [m for m in admin.site._registry if m._meta.app_label in {"hub", "django_celery_beat"}]
    assert hub_tables == []


def test_the_command_counts_jobs_and_replays_dead_letters(dead, capsys):
    call_command("jobs")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if dead[0] in line] == [[dead[0], "dead", "2"]]
    assert lines[-1] == "oldest_ready_seconds=none"
    call_command("jobs", "replay", "--kind", dead[0])
    letter = Job.objects.filter(kind=dead[1]).first()
    call_command("jobs", "replay", str(letter.pk))
    call_command("jobs")
    out = capsys.readouterr().out
    assert out.splitlines()[:2] == ["replayed=2", "replayed=1"]
    assert out.splitlines()[-1] == "oldest_ready_seconds=0"
    with pytest.raises(CommandError, match="no dead letter"):
        call_command("jobs", "replay", str(letter.pk))
