"""Input held against a JSON Schema: every mistake at once, in sentences that never repeat the value that was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

_WORDS = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def mistakes(schema: Mapping[str, Any], value: Any) -> list[dict[str, str]]:
    """`[{"pointer": JSON Pointer, "detail": sentence}]`, empty when the value satisfies the schema.

    A top-level name that the schema does not know is a mistake: it would be dropped in silence.
    """
    strict = {"additionalProperties": False, **schema} if "properties" in schema else dict(schema)
    validator = Draft202012Validator(strict, format_checker=FormatChecker())
    found = sorted(validator.iter_errors(value), key=lambda error: [str(step) for step in error.absolute_path])
    return [entry for error in found for entry in _entries(error)]


def _entries(error: ValidationError) -> Iterable[dict[str, str]]:
    path = list(error.absolute_path)
    if error.validator == "required":
        present = error.instance if isinstance(error.instance, Mapping) else {}
        name = next(name for name in error.validator_value if name not in present and f"{name!r}" in error.message)
        yield {"pointer": _pointer([*path, name]), "detail": "This is required."}
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for name in error.instance:
            if name not in known:
                yield {"pointer": _pointer([*path, name]), "detail": _unknown(known)}
    else:
        yield {"pointer": _pointer(path), "detail": _sentence(str(error.validator), error.validator_value)}


def _sentence(keyword: str, wanted: Any) -> str:
    if keyword == "type":
        kinds = [wanted] if isinstance(wanted, str) else list(wanted)
        return f"This must be {' or '.join(_WORDS.get(kind, kind) for kind in kinds)}."
    if keyword in ("enum", "const"):
        choices = wanted if keyword == "enum" else [wanted]
        return f"This must be one of: {', '.join(map(str, choices))}."
    sentences = {
        "minimum": f"This must be {wanted} or more.",
        "maximum": f"This must be {wanted} or less.",
        "exclusiveMinimum": f"This must be more than {wanted}.",
        "exclusiveMaximum": f"This must be less than {wanted}.",
        "minLength": f"This must have {wanted} characters or more.",
        "maxLength": f"This must have {wanted} characters or fewer.",
        "minItems": f"This must have {wanted} entries or more.",
        "maxItems": f"This must have {wanted} entries or fewer.",
        "uniqueItems": "An entry stands here twice.",
        "pattern": f"This must match the pattern {wanted}.",
        "format": f"This must be a valid {wanted}.",
    }
    return sentences.get(keyword, f"This does not satisfy '{keyword}'.")


def _unknown(known: Mapping[str, Any]) -> str:
    return f"There is no such name here. There is: {', '.join(known)}." if known else "Nothing can be given here."


def _pointer(steps: list[Any]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
