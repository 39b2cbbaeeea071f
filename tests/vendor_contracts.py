"""The vendors' published contracts, beside the repository: `shared/contracts` in its parent, or $CONTRACTS_DIR.

An OpenAPI document is held as it is; schemas are looked up in it by reference, only where they are needed (the large ones
have thousands).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = Path(os.environ.get("CONTRACTS_DIR") or Path(settings.BASE_DIR).parent / "shared" / "contracts")
REASON = f"the vendors' contracts are not at {FOLDER} (set CONTRACTS_DIR)"
needs_contracts = pytest.mark.skipif(not FOLDER.is_dir(), reason=REASON)


def vectors(*systems: str) -> list[Any]:
    """The webhook vectors of these systems; one skipped parameter where there is no folder."""
    if not (FOLDER / "webhook_vectors.json").is_file():
        return [pytest.param({}, marks=pytest.mark.skip(reason=REASON))]
    found = [vector for vector in document("webhook_vectors.json") if vector["system"] in systems]
    return [pytest.param(vector, id=vector["system"]) for vector in found]


@cache
def document(path: str) -> Any:
    return json.loads((FOLDER / path).read_bytes())


@cache
def contract(path: str) -> Contract:
    return Contract(document(path))


class Contract:
    """One OpenAPI document: its operations, and what their parameters, bodies and answers must look like."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = _nullable(spec)
        resource = Resource(contents=self.spec, specification=DRAFT202012)
        self._registry = Registry().with_resource("urn:contract", resource)

    @cached_property
    def _paths(self) -> dict[str, str]:
        return {_anonymous(path): path for path in self.spec["paths"]}

    def path(self, asked: str) -> str:
        """The contract's path for one of ours; AssertionError when it has none."""
        assert _anonymous(asked) in self._paths, f"the vendor has no {asked}"
        return self._paths[_anonymous(asked)]

    def operation(self, method: str, asked: str) -> dict[str, Any]:
        item = self.spec["paths"][self.path(asked)]
        assert method.lower() in item, f"the vendor does not take {method} {asked}"
        return item[method.lower()]

    def parameters(self, method: str, asked: str, place: str) -> dict[str, Any]:
        """Name (lower-case for headers) -> parameter."""
        item = self.spec["paths"][self.path(asked)]
        declared = [
            self.resolved(p)
            for p in [*item.get("parameters", []), *self.operation(method, asked).get("parameters", [])]
        ]
        return {p["name"].lower() if place == "header" else p["name"]: p for p in declared if p.get("in") == place}

    def resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in value:
            found: Any = self.spec
            for step in value["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            value = found
        return value

    def validator(self, *steps: str) -> Draft202012Validator:
        pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
        return Draft202012Validator({"$ref": f"urn:contract#/{pointer}"}, registry=self._registry)

    def accepts(self, schema: dict[str, Any], value: Any) -> bool:
        """Whether a parameter's schema takes a value; its references are the document's."""
        anchored = json.loads(json.dumps(schema).replace('"#/', '"urn:contract#/'))
        return Draft202012Validator(anchored, registry=self._registry).is_valid(value)

    def names(self, schema: dict[str, Any], path: str) -> bool:
        """Whether the schema has a property at a dotted path (numbers go into lists, free-form objects hold anything)."""
        step, _, rest = path.partition(".")
        for option in self._options(schema):
            if step.isdigit() and "items" in option and self.names(option["items"], rest):
                return True
            inner = option.get("properties", {}).get(step)
            if inner is not None and (not rest or self.names(inner, rest)):
                return True
            if option.get("type") == "object" and "properties" not in option:
                return True
        return False

    def _options(self, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
        schema = self.resolved(schema)
        yield schema
        for option in (*schema.get("anyOf", []), *schema.get("allOf", [])):
            yield from self._options(option)

    def answer_schema(self, method: str, asked: str) -> dict[str, Any]:
        content = self.operation(method, asked)["responses"]["200"]["content"]
        schema: dict[str, Any] = next(iter(content.values()))["schema"]
        return schema

    def answer(self, method: str, asked: str, status: str = "200") -> Draft202012Validator:
        content = self.operation(method, asked)["responses"][status]["content"]
        return self.validator(
            "paths", self.path(asked), method.lower(), "responses", status, "content", next(iter(content)), "schema"
        )

    def body(self, method: str, asked: str) -> Draft202012Validator:
        content = self.operation(method, asked)["requestBody"]["content"]
        return self.validator(
            "paths", self.path(asked), method.lower(), "requestBody", "content", next(iter(content)), "schema"
        )

    def body_type(self, method: str, asked: str) -> str:
        return next(iter(self.operation(method, asked)["requestBody"]["content"]))

    def body_schema(self, method: str, asked: str) -> dict[str, Any]:
        content = self.operation(method, asked)["requestBody"]["content"]
        return next(iter(content.values()))["schema"]

    def undeclared(self, value: Any, schema: dict[str, Any], at: str = "") -> Iterator[str]:
        """Paths in `value` that the schema does not name, or names as the vendor's alone to write."""
        schema = self.resolved(schema)
        if isinstance(value, list):
            for item in value:
                yield from self.undeclared(item, schema.get("items", {}), at)
        known = {
            name: inner for option in self._options(schema) for name, inner in option.get("properties", {}).items()
        }
        if not isinstance(value, dict) or not known:
            return
        for name, inner in value.items():
            if name not in known:
                yield f"{at}.{name} is not in the contract"
            elif self.resolved(known[name]).get("readOnly"):
                yield f"{at}.{name} is read only"
            else:
                yield from self.undeclared(inner, known[name], f"{at}.{name}")

    def enum(self, *steps: str) -> set[Any]:
        """The words of an enumeration, wherever it stands in the schema at these steps."""
        found: Any = self.spec
        for step in steps:
            found = self.resolved(found)[step]
        for option in self._options(found):
            if "enum" in option:
                return {word for word in option["enum"] if word is not None}
        raise AssertionError(f"no enumeration at {steps}")


def _anonymous(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def _nullable(value: Any) -> Any:
    """OpenAPI 3.0 says `nullable`, JSON Schema says `null`."""
    if isinstance(value, list):
        return [_nullable(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {name: _nullable(inner) for name, inner in value.items()}
    if made.get("nullable") is not True:
        return made
    made.pop("nullable")
    if isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        return made | ({"enum": [*made["enum"], None]} if "enum" in made else {})
    return {"anyOf": [made, {"type": "null"}]}
