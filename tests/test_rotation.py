"""Keys are replaced while the house runs."""

from __future__ import annotations

import base64
import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from integrations import encryption, hub, rotation
from integrations.connections.models import Connection, Credential
from integrations.encryption import key_id
from integrations.hub.models import AccountRoute, Chapter, ProviderApp

pytestmark = [pytest.mark.django_db, pytest.mark.services]

NEW = "new:" + base64.b64encode(os.urandom(32)).decode()


def run(*arguments):
    out = StringIO()
    call_command("rotatekeys", *arguments, stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture
def secrets_everywhere(sydney, melbourne):
    for chapter in (sydney, melbourne):
        with hub.enter(chapter):
            for n in range(3):
                row = Connection.objects.create(provider="acme", name=str(n), auth_kind="api_key")
                Credential.objects.create(connection=row, secret=f"{chapter.slug} {n}")
            AccountRoute.objects.create(
                provider="acme",
                account_id="a",
                chapter=chapter,
                connection_id=row.pk,
                webhook_secrets=f"hook {chapter.slug}",
            )
        ProviderApp.objects.create(provider="acme", chapter=chapter, client_id="x", client_secret=f"app {chapter.slug}")


def everything():
    found = {app.client_secret.reveal() for app in ProviderApp.objects.all()}
    found |= {route.webhook_secrets.reveal() for route in AccountRoute.objects.all()}
    for chapter in Chapter.objects.filter(slug__in=("sydney", "melbourne")):
        with hub.enter(chapter):
            found |= {credential.secret.reveal() for credential in Credential.objects.all()}
    return found


ALL = {f"{slug} {n}" for slug in ("sydney", "melbourne") for n in range(3)} | {
    f"{kind} {slug}" for slug in ("sydney", "melbourne") for kind in ("app", "hook")
}


def wrapping_keys():
    return {
        key_id(data)
        for chapter in Chapter.objects.all()
        for data in encryption.wrapped_keys(bytes(chapter.data_key)).values()
    }


def test_after_a_rotation_the_old_master_key_is_not_needed(secrets_everywhere, settings):
    settings.MASTER_KEYS = f"{NEW},{settings.MASTER_KEYS}"
    assert everything() == ALL
    lines = run()
    assert lines[-1] == "rewrapped=2 resealed=4 skipped=0"
    assert wrapping_keys() == {"new"}
    settings.MASTER_KEYS = NEW
    assert everything() == ALL


def test_a_second_run_finds_nothing_to_do(secrets_everywhere, settings):
    settings.MASTER_KEYS = f"{NEW},{settings.MASTER_KEYS}"
    run()
    assert run()[-1] == "rewrapped=0 resealed=0 skipped=0"


def test_a_run_that_was_stopped_is_finished_by_the_next(secrets_everywhere, settings, monkeypatch):
    settings.MASTER_KEYS = f"{NEW},{settings.MASTER_KEYS}"
    real, left = rotation._swap_value, [2]

    def stop(*arguments):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(*arguments)

    monkeypatch.setattr(rotation, "_swap_value", stop)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert everything() == ALL
    monkeypatch.undo()
    settings.MASTER_KEYS = f"{NEW},{settings.MASTER_KEYS}"
    assert run()[-1] == "rewrapped=2 resealed=2 skipped=0"
    settings.MASTER_KEYS = NEW
    assert everything() == ALL


def test_a_value_that_was_changed_meanwhile_is_not_overwritten(secrets_everywhere, settings, monkeypatch):
    settings.MASTER_KEYS = f"{NEW},{settings.MASTER_KEYS}"
    real = rotation._swap_value
    changed = []

    def meanwhile(field, pk, old):
        if field.model is ProviderApp and not changed:
            changed.append(pk)
            app = ProviderApp.objects.get(pk=pk)
            app.client_secret = "refreshed meanwhile"
            app.save()
        return real(field, pk, old)

    monkeypatch.setattr(rotation, "_swap_value", meanwhile)
    run()
    assert ProviderApp.objects.get(pk=changed[0]).client_secret.reveal() == "refreshed meanwhile"


def test_a_new_data_key_seals_everything_of_the_chapter_and_the_old_goes_a_run_later(sydney, secrets_everywhere):
    (first,) = encryption.data_keys(sydney.pk)
    assert run("--data-keys")[-1] == "rewrapped=0 resealed=6 skipped=0"
    second, kept = encryption.data_keys(sydney.pk)
    assert kept == first != second
    assert everything() == ALL
    with hub.enter(sydney):
        assert {key_id(data) for _, data in rotation._values(Credential._meta.get_field("secret"))} == {second}
    run("--data-keys", "--chapter", "sydney")
    third, kept = encryption.data_keys(sydney.pk)
    assert (kept, third != second) == (second, True)
    assert everything() == ALL


def test_a_data_key_that_is_still_needed_is_not_forgotten(sydney, secrets_everywhere):
    (first,) = encryption.data_keys(sydney.pk)
    run("--data-keys")
    with hub.enter(sydney):  # a transaction that had read the old key commits late
        credential = Credential.objects.first()
        field = Credential._meta.get_field("secret")
        old = encryption.data_keys(sydney.pk)[first]
        sealed = encryption.seal(b"late", old, first, field._aad(credential.pk))
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE integrations_credential SET secret = %s WHERE connection_id = %s", [sealed, credential.pk]
            )
        assert Credential.objects.get(pk=credential.pk).secret.reveal() == "late"
    run("--data-keys")
    with hub.enter(sydney):
        assert Credential.objects.get(pk=credential.pk).secret.reveal() == "late"


def test_a_suspended_chapters_data_keys_are_rewrapped_without_entering_it(
    sydney, melbourne, secrets_everywhere, settings
):
    settings.MASTER_KEYS = f"{NEW},{settings.MASTER_KEYS}"
    Chapter.objects.filter(pk=sydney.pk).update(status="suspended")
    lines = run("--data-keys")
    assert "sydney: skipped, it is suspended" in lines
    assert lines[-1] == "rewrapped=2 resealed=7 skipped=1"
    Chapter.objects.filter(pk=sydney.pk).update(status="active")
    settings.MASTER_KEYS = NEW
    assert everything() == ALL


def test_a_missing_key_stops_the_run_and_loses_nothing(secrets_everywhere, settings):
    old = settings.MASTER_KEYS
    settings.MASTER_KEYS = NEW
    with pytest.raises(CommandError, match=r"Master key 'dev' is not among MASTER_KEYS. Add the missing key"):
        run()
    settings.MASTER_KEYS = old
    assert everything() == ALL


def test_an_unknown_chapter_is_said(sydney):
    with pytest.raises(CommandError, match="no chapter 'nowhere'"):
        run("--chapter", "nowhere")
