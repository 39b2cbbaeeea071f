"""What a client posts, as the vendor would read it: JSON, or a form with bracketed names."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from integrations.provider import Resource, dig

from .samples import Samples
from .wire import Refusal, Request


def posted(resource: Resource, request: Request, samples: Samples) -> list[dict[str, Any]]:
    """The records in a write's body, out of their wrapping: as many as one call takes."""
    originals = samples.records(resource)
    body = body_of(request, originals[0] if originals else {})
    write = resource.write
    if write and write.wrap:
        body = dig(body, write.wrap)
    found = body if write and write.list_wrap else [body]
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise Refusal(400, f"The body holds no {resource.name}.")
    if write and len(found) > write.batch:
        raise Refusal(400, f"{len(found)} {resource.name} are more than the {write.batch} that one call takes.")
    return found


def body_of(request: Request, sample: Any) -> Any:
    """The body as JSON. A form knows only text: numbers and booleans are told by what the sample has there."""
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return _typed(unbracketed(request.body), sample)
    try:
        return request.json if request.body else {}
    except ValueError:
        raise Refusal(400, "The body is not JSON.") from None


def unbracketed(body: bytes) -> dict[str, Any]:
    """`address[city]=Byron+Bay&items[0][price]=5` -> nested dictionaries and lists."""
    made: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        steps = [step for step in re.split(r"[\[\]]+", name) if step]
        place = made
        for step in steps[:-1]:
            below = place.setdefault(step, {})
            place = below if isinstance(below, dict) else made.setdefault(name, {})
        if steps:
            place[steps[-1]] = value
    return {name: _lists(value) for name, value in made.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(below) for key, below in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def _typed(value: Any, sample: Any) -> Any:
    if isinstance(value, dict):
        known = sample if isinstance(sample, dict) else {}
        return {key: _typed(below, known.get(key)) for key, below in value.items()}
    if isinstance(sample, bool) and value in ("true", "false"):
        return value == "true"
    if isinstance(sample, int) and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return None if value == "" else value
