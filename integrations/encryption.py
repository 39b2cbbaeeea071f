"""The only place where secrets are sealed and opened.

AES-256-GCM. A sealed value is `version | key id | nonce | ciphertext`; its additional data is
`chapter|model|field|row`, so a ciphertext copied to another row, field or chapter does not open. Each chapter has a data
key of its own (`Chapter.data_key`), wrapped by a master key: forgetting the data key erases the chapter's secrets.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models

VERSION = b"\x01"
HUB = "hub"


class CannotDecrypt(Exception):
    """The ciphertext was not sealed for this chapter, model, field and row, or its key is gone."""


class Secret:
    """A secret in memory: shows itself only to `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))


class _Sealed:
    """A ciphertext as loaded; opened on first use, because only then is its row known."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


def seal(plaintext: bytes, key: bytes, key_id: str, aad: str) -> bytes:
    name, nonce = key_id.encode(), secrets.token_bytes(12)
    return VERSION + bytes([len(name)]) + name + nonce + AESGCM(key).encrypt(nonce, plaintext, aad.encode())


def key_id(sealed: bytes) -> str:
    if sealed[:1] != VERSION or len(sealed) < 2:
        raise CannotDecrypt("Not a sealed value of a known version.")
    return sealed[2 : 2 + sealed[1]].decode()


def unseal(sealed: bytes, key: bytes, aad: str) -> bytes:
    start = 2 + len(key_id(sealed).encode())
    try:
        return AESGCM(key).decrypt(sealed[start : start + 12], sealed[start + 12 :], aad.encode())
    except InvalidTag as error:
        raise CannotDecrypt("The value was not sealed for this place, or with this key.") from error


@lru_cache(maxsize=4)
def _parse_keys(text: str) -> dict[str, bytes]:
    keys = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not name or len(key) != 32:
            raise ImproperlyConfigured("MASTER_KEYS: '<key id>:<base64 of 32 bytes>', comma-separated, newest first.")
        keys[name] = key
    if not keys:
        raise ImproperlyConfigured("MASTER_KEYS is empty.")
    return keys


def master_keys() -> dict[str, bytes]:
    """Key id -> key, newest first. Every one opens, the first seals."""
    return _parse_keys(settings.MASTER_KEYS)


def master_key_for(sealed: bytes) -> bytes:
    name = key_id(sealed)
    try:
        return master_keys()[name]
    except KeyError:
        raise CannotDecrypt(f"Master key '{name}' is not among MASTER_KEYS.") from None


def seal_with_master(plaintext: bytes, aad: str) -> bytes:
    name, key = next(iter(master_keys().items()))
    return seal(plaintext, key, name, aad)


def data_key(chapter_id: UUID) -> bytes:
    """The chapter's data key, made on first use. Read afresh: a shredded key must stop working everywhere at once."""
    chapters = apps.get_model("hub", "Chapter").objects.filter(pk=chapter_id)
    wrapped = bytes(chapters.values_list("data_key", flat=True).get())
    aad = f"{chapter_id}|hub.chapter|data_key|{chapter_id}"
    if not wrapped:
        fresh = seal_with_master(os.urandom(32), aad)
        chapters.filter(data_key=b"").update(data_key=fresh)
        wrapped = bytes(chapters.values_list("data_key", flat=True).get())
    return unseal(wrapped, master_key_for(wrapped), aad)


def _chapter_id() -> UUID:
    chapter = connection.tenant
    if not isinstance(chapter, apps.get_model("hub", "Chapter")):
        raise CannotDecrypt("A chapter's secret can only be sealed or opened inside that chapter.")
    return chapter.pk


class _Descriptor:
    def __init__(self, field: EncryptedField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:
            instance.refresh_from_db(fields=[self.field.attname])
        value = instance.__dict__[self.field.attname]
        if isinstance(value, _Sealed):
            return Secret(self.field.open(instance, value.data))
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = Secret(value) if isinstance(value, str) else value


class EncryptedField(models.BinaryField):
    """Text kept sealed. Assign a `str` or a `Secret`; reading gives a `Secret` (or None).

    `scope="chapter"` seals with the data key of the chapter one is inside; `scope="hub"` with the master key. The row's
    primary key must be known when it is saved (a UUID default), since it is part of the seal.
    """

    def __init__(self, *args: Any, scope: str = "chapter", **kwargs: Any) -> None:
        self.scope = scope
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs["scope"] = self.scope
        kwargs.pop("editable", None)
        return name, path, args, kwargs

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _Descriptor(self))

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else _Sealed(bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None:
            return None
        if isinstance(value, _Sealed):
            return value.data
        return self.seal(model_instance, value.reveal())

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, (str, Secret, _Sealed)):
            raise TypeError("An encrypted field is written by saving its row, never by a query.")
        return super().get_db_prep_value(value, connection, prepared)

    def seal(self, instance: models.Model, text: str) -> bytes:
        if self.scope == HUB:
            return seal_with_master(text.encode(), self._aad(instance))
        return seal(text.encode(), data_key(_chapter_id()), "chapter", self._aad(instance))

    def open(self, instance: models.Model, sealed: bytes) -> str:
        key = master_key_for(sealed) if self.scope == HUB else data_key(_chapter_id())
        return unseal(sealed, key, self._aad(instance)).decode()

    def value_to_string(self, obj: models.Model) -> str:
        return ""  # never serialised

    def _aad(self, instance: models.Model) -> str:
        if instance.pk is None:
            raise TypeError(f"{instance._meta.label}.{self.name}: the row needs its primary key before it is sealed.")
        chapter = HUB if self.scope == HUB else str(_chapter_id())
        return f"{chapter}|{instance._meta.label_lower}|{self.name}|{instance.pk}"
