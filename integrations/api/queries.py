"""Query strings and bodies, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from .problems import Problem, flatten, in_parameters


def query(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The query parameters the serializer knows; 400 naming every one that is wrong."""
    checked = serializer(data=request.query_params)
    if not checked.is_valid():
        raise Problem(400, "The request is not valid.", kind="invalid", errors=in_parameters(flatten(checked.errors)))
    return dict(checked.validated_data)


class Body(Serializer[Any]):
    """A body in which a name that is not known is a mistake, at every level: nothing is dropped in silence."""

    def to_internal_value(self, data: Any) -> Any:
        known = ", ".join(self.fields)
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        mistakes = {name: [f"There is no such name here. There is: {known}."] for name in unknown}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**error.detail, **mistakes}) from None  # type: ignore[dict-item]
        if mistakes:
            raise ValidationError(mistakes)  # type: ignore[arg-type]
        return value


def body(serializer: type[Body], request: Request) -> dict[str, Any]:
    """The body as the serializer understands it; 400 naming every mistake."""
    checked = serializer(data=request.data)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)
