"""The only place where secrets are sealed and opened.

AES-256-GCM. A sealed value is `version | key id | nonce | ciphertext`; its additional data is that header and
`chapter|model|field|row`, so a ciphertext copied to another row, field or chapter does not open. Each chapter has data keys
of its own (`Chapter.data_key`), each wrapped by a master key: forgetting them erases the chapter's secrets.

The value's key id names a master key (`scope="hub"`) or one of the chapter's data keys (`scope="chapter"`), so that either
can be replaced while both the old and the new are in use (integrations.rotation).
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from functools import lru_cache
from typing import Any, NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
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

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A secret is not pickled: it would lie in a cache or a queue in the clear.")

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash((Secret, self._value))


class _Sealed:
    """A ciphertext as loaded; opened on first use, because only then is its row known."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class _Ciphertext(bytes):
    """What `pre_save` made: the only bytes the database is given."""


def seal(plaintext: bytes, key: bytes, key_id: str, aad: str) -> bytes:
    name, nonce = key_id.encode(), secrets.token_bytes(12)
    header = VERSION + bytes([len(name)]) + name
    return header + nonce + AESGCM(key).encrypt(nonce, plaintext, header + aad.encode())


def key_id(sealed: bytes) -> str:
    """Which key a sealed value needs. CannotDecrypt when it is not one."""
    try:
        if sealed[:1] != VERSION:
            raise CannotDecrypt("Not a sealed value of a known version.")
        return sealed[2 : 2 + sealed[1]].decode()
    except (IndexError, UnicodeDecodeError):
        raise CannotDecrypt("Not a sealed value.") from None


def unseal(sealed: bytes, key: bytes, aad: str) -> bytes:
    start = 2 + len(key_id(sealed).encode())
    try:
        return AESGCM(key).decrypt(sealed[start : start + 12], sealed[start + 12 :], sealed[:start] + aad.encode())
    except (InvalidTag, ValueError) as error:
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


def data_keys(chapter_id: UUID) -> dict[str, bytes]:
    """Key id -> key of the chapter, newest first, made on first use. Every one opens, the first seals.

    Read afresh each time: a shredded key must stop working everywhere at once.
    """
    chapters = apps.get_model("hub", "Chapter").objects.filter(pk=chapter_id)
    wrapped = bytes(chapters.values_list("data_key", flat=True).get())
    if not wrapped:
        chapters.filter(data_key=b"").update(data_key=wrap(chapter_id, new_data_key()))
        wrapped = bytes(chapters.values_list("data_key", flat=True).get())
    return unwrap(chapter_id, wrapped)


def new_data_key() -> dict[str, bytes]:
    return {secrets.token_hex(4): os.urandom(32)}


def wrap(chapter_id: UUID, keys: dict[str, bytes]) -> bytes:
    """What `Chapter.data_key` holds: `[[key id, base64 of the key sealed by the newest master key], ...]`, newest first."""
    sealed = {name: seal_with_master(key, _wrap_aad(chapter_id, name)) for name, key in keys.items()}
    return json.dumps([[name, base64.b64encode(data).decode()] for name, data in sealed.items()]).encode()


def unwrap(chapter_id: UUID, wrapped: bytes) -> dict[str, bytes]:
    return {
        name: unseal(data, master_key_for(data), _wrap_aad(chapter_id, name))
        for name, data in wrapped_keys(wrapped).items()
    }


def wrapped_keys(wrapped: bytes) -> dict[str, bytes]:
    """Data key id -> the key, still sealed. CannotDecrypt when the column holds something else."""
    try:
        return {name: base64.b64decode(data, validate=True) for name, data in json.loads(wrapped or b"[]")}
    except (ValueError, TypeError):
        raise CannotDecrypt("The chapter's data keys cannot be read.") from None


def _wrap_aad(chapter_id: UUID, name: str) -> str:
    return f"{chapter_id}|hub.chapter|data_key|{name}"


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
            return Secret(self.field.open(instance.pk, value.data).decode())
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        if not (value is None or isinstance(value, (str, Secret, _Sealed))):
            raise TypeError(f"{self.field.name} takes text or a Secret.")
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
            return _Ciphertext(value.data)
        return _Ciphertext(self.seal(model_instance.pk, value.reveal().encode()))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, _Ciphertext):
            raise TypeError("An encrypted field is written by saving its row, never by a query.")
        return None if value is None else super().get_db_prep_value(bytes(value), connection, prepared)

    def get_lookup(self, lookup_name: str) -> Any:
        """One ciphertext never equals another: the only question with an answer is whether there is one."""
        if lookup_name != "isnull":
            raise FieldError("An encrypted field cannot be searched; only __isnull is answered.")
        return super().get_lookup(lookup_name)

    def get_default(self) -> None:
        return None

    def seal(self, pk: Any, plaintext: bytes) -> bytes:
        """Sealed with the newest key, for this field of the row with that primary key."""
        aad = self._aad(pk)
        if self.scope == HUB:
            return seal_with_master(plaintext, aad)
        name, key = next(iter(data_keys(_chapter_id()).items()))
        return seal(plaintext, key, name, aad)

    def sealed(self, texts: dict[Any, str]) -> list[bytes]:
        """Many at once, by primary key, for a statement that writes them together; of a chapter's field only."""
        name, key = next(iter(data_keys(_chapter_id()).items()))
        return [seal(text.encode(), key, name, self._aad(pk)) for pk, text in texts.items()]

    def open(self, pk: Any, sealed: bytes) -> bytes:
        """CannotDecrypt when it was sealed for another place, or its key is gone."""
        if self.scope == HUB:
            return unseal(sealed, master_key_for(sealed), self._aad(pk))
        name = key_id(sealed)
        keys = data_keys(_chapter_id())
        if name not in keys:
            raise CannotDecrypt(f"Data key '{name}' is not one of this chapter's.")
        return unseal(sealed, keys[name], self._aad(pk))

    def value_to_string(self, obj: models.Model) -> str:
        return ""  # never serialised

    def _aad(self, pk: Any) -> str:
        if pk is None:
            raise TypeError(f"{self.model._meta.label}.{self.name}: the row needs its primary key before it is sealed.")
        chapter = HUB if self.scope == HUB else str(_chapter_id())
        return f"{chapter}|{self.model._meta.label_lower}|{self.name}|{pk}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
