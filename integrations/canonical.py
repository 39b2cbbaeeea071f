"""What every canonical model shares. Canonical records are validated here and versioned: `urn:canonical:<noun>:<semver>`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from .provider.money import LARGEST, exponent


def storable(value: str) -> str:
    """PostgreSQL stores neither NUL nor lone surrogates."""
    if "\x00" in value:
        raise ValueError("contains a NUL character")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("contains half of a surrogate pair")
    return value


Text = Annotated[str, AfterValidator(storable), Field(max_length=500)]
LongText = Annotated[str, AfterValidator(storable), Field(max_length=10_000)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Decimals = Annotated[str, Field(pattern=r"^-?\d{1,15}(\.\d{1,10})?$")]


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
