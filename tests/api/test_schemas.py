from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from .conftest import problem

pytestmark = pytest.mark.django_db


def test_every_canonical_schema_is_listed_and_served(sydney, with_key):
    caller = with_key(sydney)
    listed = caller.get("schemas").json()["results"]
    assert "urn:canonical:invoice:1.0.0" in {one["urn"] for one in listed}
    for one in listed:
        schema = caller.get(one["url"].removeprefix("/api/v1/")).json()
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == one["urn"]


@pytest.mark.parametrize("urn", ["urn:canonical:member:9.0.0", "urn:canonical:dragon:1.0.0", "urn:other:1.0.0", "x"])
def test_a_schema_there_is_not_is_a_404(sydney, with_key, urn):
    problem(with_key(sydney).get(f"schemas/{urn}"), 404)
