"""Secrets are sealed to their place, and shown to nobody."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import logging
import os
import pickle

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import AdminForm
from django.core import serializers
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.forms import modelform_factory
from django.forms.models import model_to_dict
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import ModelSerializer

from integrations import encryption, hub
from integrations.connections.models import Connection, Credential
from integrations.encryption import CannotDecrypt, EncryptedField, Secret, key_id, seal, unseal
from integrations.hub.models import AccountRoute, Chapter, OAuthState, ProviderApp

pytestmark = [pytest.mark.django_db, pytest.mark.services]

CANARY = "canary-9f8e7d6c"


def credential(chapter, secret=CANARY):
    with hub.enter(chapter):
        row = Connection.objects.create(provider="acme", name=f"C {Connection.objects.count()}", auth_kind="api_key")
        return Credential.objects.create(connection=row, secret=secret)


def raw(model, pk, column):
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE {model._meta.pk.column} = %s", [pk])
        return bytes(cursor.fetchone()[0])


def put(model, pk, column, sealed):
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE {model._meta.pk.column} = %s", [sealed, pk])
        assert cursor.rowcount == 1


def test_what_is_stored_is_not_what_was_assigned(sydney):
    row = credential(sydney)
    with hub.enter(sydney):
        assert Credential.objects.get(pk=row.pk).secret.reveal() == CANARY
        assert CANARY.encode() not in raw(Credential, row.pk, "secret")


def test_the_same_secret_is_sealed_differently_each_time(sydney):
    one, two = credential(sydney), credential(sydney)
    with hub.enter(sydney):
        first = raw(Credential, one.pk, "secret")
        assert first != raw(Credential, two.pk, "secret")
        one.save()
        assert first != raw(Credential, one.pk, "secret")


def test_no_ciphertext_opens_in_another_row_field_or_chapter(sydney, melbourne):
    """Every sealed value of two chapters and of the hub, put in the place of every other."""
    places = []
    for chapter in (sydney, melbourne):
        places += [(chapter, Credential, credential(chapter, f"{CANARY}-{n}").pk, "secret") for n in range(3)]
    for n, chapter in enumerate((sydney, melbourne, None)):
        app = ProviderApp.objects.create(provider="acme", chapter=chapter, client_id="x", client_secret=f"app {n}")
        places.append((None, ProviderApp, app.pk, "client_secret"))
    for n in range(2):
        route = AccountRoute.objects.create(
            provider="acme", account_id=str(n), chapter=sydney, connection_id=places[n][2], webhook_secrets=f"hook {n}"
        )
        places.append((None, AccountRoute, route.pk, "webhook_secrets"))
        state = OAuthState.objects.create(
            state_hash=f"{n}" * 64,
            chapter=sydney,
            connection_id=route.pk,
            app_id=route.pk,
            browser_hash="b",
            code_verifier=f"verifier {n}",
        )
        places.append((None, OAuthState, state.pk, "code_verifier"))

    def inside(place, work):
        if place[0] is None:
            return work()
        with hub.enter(place[0]):
            return work()

    sealed = {place: inside(place, lambda place=place: raw(*place[1:])) for place in places}
    tried = 0
    for source, target in itertools.permutations(places, 2):

        def swap(target=target, source=source):
            put(*target[1:], sealed[source])
            row = target[1].objects.get(pk=target[2])
            with pytest.raises(CannotDecrypt):
                getattr(row, target[3])
            put(*target[1:], sealed[target])
            assert getattr(target[1].objects.get(pk=target[2]), target[3]).reveal()

        inside(target, swap)
        tried += 1
    assert tried == len(places) * (len(places) - 1) >= 150


def test_a_changed_byte_anywhere_is_refused():
    key = os.urandom(32)
    sealed = seal(b"secret", key, "k1", "place")
    assert unseal(sealed, key, "place") == b"secret"
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(CannotDecrypt):
            unseal(bytes(changed), key, "place")
    for length in range(len(sealed)):
        with pytest.raises(CannotDecrypt):
            unseal(sealed[:length], key, "place")


@pytest.mark.parametrize(
    "sealed", [b"", b"\x01", b"\x02\x01k", b"\x01\xff", b"\x01\x02\xff\xfe" + b"x" * 40, b"plain text"]
)
def test_what_was_never_sealed_is_refused(sealed):
    with pytest.raises(CannotDecrypt):
        unseal(sealed, os.urandom(32), "place")


def test_a_chapters_secret_does_not_open_outside_its_chapter(sydney, melbourne):
    row = credential(sydney)
    with hub.enter(sydney):
        loaded = Credential.objects.get(pk=row.pk)
    with pytest.raises(CannotDecrypt, match="inside that chapter"):
        loaded.secret  # noqa: B018
    with hub.enter(melbourne), pytest.raises(CannotDecrypt):
        loaded.secret  # noqa: B018


def test_forgetting_the_data_key_erases_the_chapters_secrets(sydney, melbourne):
    ours, theirs = credential(sydney), credential(melbourne)
    Chapter.objects.filter(pk=sydney.pk).update(data_key=b"")
    with hub.enter(sydney), pytest.raises(CannotDecrypt):
        Credential.objects.get(pk=ours.pk).secret  # noqa: B018
    with hub.enter(melbourne):
        assert Credential.objects.get(pk=theirs.pk).secret.reveal() == CANARY


def test_a_key_that_is_not_known_is_named(sydney, settings):
    app = ProviderApp.objects.create(provider="acme", client_id="x", client_secret=CANARY)
    settings.MASTER_KEYS = "other:" + base64.b64encode(os.urandom(32)).decode()
    with pytest.raises(CannotDecrypt, match="'dev' is not among MASTER_KEYS"):
        ProviderApp.objects.get(pk=app.pk).client_secret  # noqa: B018


def test_another_key_under_the_same_name_is_refused(sydney, settings):
    app = ProviderApp.objects.create(provider="acme", client_id="x", client_secret=CANARY)
    settings.MASTER_KEYS = "dev:" + base64.b64encode(os.urandom(32)).decode()
    with pytest.raises(CannotDecrypt):
        ProviderApp.objects.get(pk=app.pk).client_secret  # noqa: B018


@pytest.mark.parametrize("keys", ["", "dev", "dev:", "dev:AAAA", ":" + "A" * 43 + "=", "dev:!!", "dev:" + "A" * 43])
def test_master_keys_that_are_none_are_refused_without_being_shown(settings, keys):
    settings.MASTER_KEYS = keys
    with pytest.raises(ImproperlyConfigured) as caught:
        encryption.master_keys()
    assert "AAAA" not in str(caught.value)


def test_two_workers_that_make_a_chapters_first_key_agree(sydney):
    Chapter.objects.filter(pk=sydney.pk).update(data_key=b"")
    assert encryption.data_keys(sydney.pk) == encryption.data_keys(sydney.pk)


# --- a secret in memory -----------------------------------------------------------------------------------------------


def test_a_secret_never_shows_itself(caplog):
    secret = Secret(CANARY)
    logging.getLogger("x").warning("%s %r %s", secret, secret, [secret])
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>20}",
        f"{secret:>20}",
        "%s" % secret,  # noqa: UP031
    ]
    shown += [str([secret]), str({"a": secret}), str(vars(type(secret))), caplog.text]
    assert not [text for text in shown if CANARY in text]
    assert secret.reveal() == CANARY


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol):
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret(CANARY), protocol)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps({"a": [Secret(CANARY)]}, protocol)


@pytest.mark.parametrize(
    "encode",
    [json.dumps, lambda value: json.dumps(value, cls=DjangoJSONEncoder), JSONRenderer().render],
    ids=["json", "django", "rest"],
)
def test_a_secret_is_not_json(encode):
    with pytest.raises(TypeError):
        encode({"secret": Secret(CANARY)})


def test_a_copy_of_a_secret_is_the_secret():
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_secrets_compare_by_value_and_only_with_secrets():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("é\ud800") != Secret("x")
    assert len({Secret("a"), Secret("a")}) == 1


# --- no way round -----------------------------------------------------------------------------------------------------


def test_a_query_neither_writes_nor_searches_it(sydney):
    row = credential(sydney)
    with hub.enter(sydney):
        for value in (CANARY, Secret(CANARY), CANARY.encode(), raw(Credential, row.pk, "secret")):
            with pytest.raises(TypeError, match="never by a query"), transaction.atomic():
                Credential.objects.update(secret=value)
            with pytest.raises(FieldError):
                Credential.objects.filter(secret=value).exists()
        with pytest.raises(FieldError):
            Credential.objects.filter(secret__contains=b"a").exists()
        row.secret = "other"
        with pytest.raises((TypeError, FieldError)), transaction.atomic():
            Credential.objects.bulk_update([row], ["secret"])
        assert Credential.objects.filter(secret__isnull=False).count() == 1
        assert Credential.objects.get().secret.reveal() == CANARY
        assert CANARY not in repr(list(Credential.objects.values()))


@pytest.mark.parametrize("value", [b"bytes", 7, ["x"], {"a": 1}])
def test_only_text_is_assigned(value):
    with pytest.raises(TypeError, match="takes text"):
        Credential(secret=value)


def test_rows_made_in_bulk_are_sealed(sydney):
    with hub.enter(sydney):
        rows = [Connection(provider="acme", name=str(n), auth_kind="api_key") for n in range(3)]
        Connection.objects.bulk_create(rows)
        Credential.objects.bulk_create([Credential(connection=row, secret=f"{CANARY}{row.name}") for row in rows])
        assert {credential.secret.reveal() for credential in Credential.objects.all()} == {
            f"{CANARY}{n}" for n in range(3)
        }


def test_a_secret_that_was_not_loaded_is_loaded_when_asked_for(sydney):
    credential(sydney)
    with hub.enter(sydney):
        assert Credential.objects.defer("secret").get().secret.reveal() == CANARY
        loaded = Credential.objects.get()
        loaded.refresh_from_db()
        assert loaded.secret.reveal() == CANARY
        loaded.save(update_fields=["scopes"])
        assert Credential.objects.get().secret.reveal() == CANARY


def test_neither_forms_nor_serializers_nor_dumps_show_it(sydney):
    row = credential(sydney)
    with hub.enter(sydney):
        loaded = Credential.objects.get(pk=row.pk)

        class Everything(ModelSerializer):
            class Meta:
                model = Credential
                fields = "__all__"

        shown = [
            str(model_to_dict(loaded)),
            str(modelform_factory(Credential, fields="__all__")(instance=loaded)),
            str(Everything(loaded).data),
            *(serializers.serialize(form, [loaded]) for form in ("json", "xml", "python", "jsonl") if form != "python"),
            str(serializers.serialize("python", [loaded])),
            repr(loaded),
            str(loaded),
            repr(loaded.__dict__),
        ]
    assert not [text for text in shown if CANARY in text]
    assert all(not field.editable for field in Credential._meta.fields if isinstance(field, EncryptedField))


def test_the_admin_cannot_show_or_take_it(sydney, rf):
    from django.contrib.auth.models import User

    row = credential(sydney)

    class Odd(admin.ModelAdmin):
        readonly_fields = ("secret",)
        fields = ("secret",)

    with hub.enter(sydney):
        request = rf.get("/")
        request.user = User.objects.create_superuser("root", password="x" * 12)
        odd = Odd(Credential, admin.site)
        loaded = Credential.objects.get(pk=row.pk)
        form = odd.get_form(request, fields=())(instance=loaded)
        (shown,) = [
            field.contents()
            for fieldset in AdminForm(form, [(None, {"fields": ["secret"]})], {}, ["secret"], model_admin=odd)
            for line in fieldset
            for field in line
        ]
        assert shown == "Secret(****)"
        form = admin.ModelAdmin(Credential, admin.site).get_form(request)
        assert "secret" not in form.base_fields


# --- keys that change -------------------------------------------------------------------------------------------------


def test_every_sealed_value_says_which_key_it_needs(sydney):
    row = credential(sydney)
    app = ProviderApp.objects.create(provider="acme", client_id="x", client_secret=CANARY)
    assert key_id(raw(ProviderApp, app.pk, "client_secret")) == "dev"
    with hub.enter(sydney):
        assert key_id(raw(Credential, row.pk, "secret")) in encryption.data_keys(sydney.pk)
