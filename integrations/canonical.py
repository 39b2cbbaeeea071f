"""What every canonical model shares. Canonical records are validated here and versioned: `urn:canonical:<noun>:<semver>`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator, validate_email

from .provider.money import LARGEST, exponent

_SURROGATE = re.compile("[\ud800-\udfff]")
# An address that the full check would return as it stands; everything else takes the long way (20 times the time).
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
    r"(?!(?:arpa|invalid|local|localhost|onion|test)$)[a-z]{2,24}"
)


def storable(value: str) -> str:
    """PostgreSQL stores neither NUL nor lone surrogates."""
    if "\x00" in value:
        raise ValueError("contains a NUL character")
    if not value.isascii() and _SURROGATE.search(value):
        raise ValueError("contains half of a surrogate pair")
    return value


def _email(value: str) -> str:
    """The address with its domain in lower case, as `pydantic.EmailStr` would give it."""
    if len(value) <= 63 and _PLAIN_EMAIL.fullmatch(value) and "--" not in value:
        return value
    return validate_email(storable(value))[1]


def shortest(value: str) -> str:
    """One spelling per number, so that equal numbers are equal text: "1.50" and "1.5" are the same rate."""
    text = format(Decimal(value), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


# The length stands first, where pydantic's core checks it; after a validator it would be checked in Python.
Text = Annotated[str, Field(max_length=500), AfterValidator(storable)]
LongText = Annotated[str, Field(max_length=10_000), AfterValidator(storable)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Decimals = Annotated[str, Field(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,10})?$"), AfterValidator(shortest)]
Email = Annotated[
    str, Field(max_length=320), AfterValidator(_email), WithJsonSchema({"type": "string", "format": "email"})
]


class Canonical(BaseModel):
    """A canonical record. `URN` names its schema and version."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, strict=False)
    URN: ClassVar[str]

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": cls.URN, **cls.model_json_schema()}


class Money(BaseModel):
    """`urn:canonical:money:1.0.0`: integer minor units, ISO 4217 code, the currency's exponent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minor: Annotated[int, Field(strict=True, ge=-LARGEST, le=LARGEST)]
    currency: Currency
    exponent: Annotated[int, Field(ge=0, le=3)]

    @model_validator(mode="after")
    def _right_exponent(self) -> Money:
        if self.exponent != exponent(self.currency):
            raise ValueError(f"{self.currency} has {exponent(self.currency)} decimals, not {self.exponent}")
        return self
