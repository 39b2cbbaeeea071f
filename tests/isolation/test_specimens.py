"""The specimens reach every table, and the routes are read whole."""

from __future__ import annotations

import pytest

from .conftest import inside
from .routes import chapter_routes
from .specimens import models_of_a_chapter

pytestmark = pytest.mark.django_db


def test_every_table_of_a_chapter_has_a_specimen(places):
    with inside("melbourne"):
        assert [m._meta.label for m in models_of_a_chapter() if not m._default_manager.exists()] == []


def test_the_places_share_no_key(places):
    keys = [[str(row.pk) for row in place.rows.values()] for place in places.values()]
    assert len(set().union(*keys)) == sum(len(set(k)) for k in keys)


def test_the_routes_are_read_with_their_parameters():
    found = {str(route): route for route in chapter_routes()}
    assert found["api/v1/connections/%(connection_id)s/sync/runs/%(run_id)s"].parameters == {"connection_id", "run_id"}
    assert any(route.model and route.parameters == {"object_id"} for route in found.values())
    assert len(found) > 50
