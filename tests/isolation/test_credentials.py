"""What signs one in here signs one in nowhere else."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from .routes import chapter_routes, hub_routes

pytestmark = [pytest.mark.django_db, pytest.mark.services]

PAIRS = [("sydney", "melbourne"), ("sydney", "hub"), ("hub", "sydney")]


@pytest.mark.parametrize(("home", "away"), PAIRS)
def test_a_session_of_one_place_is_nobodys_in_another(askers, places, home, away):
    cookie = askers[home].client.cookies[settings.SESSION_COOKIE_NAME].value
    visitor = Client(headers={"host": places[away].host})
    visitor.cookies[settings.SESSION_COOKIE_NAME] = cookie
    stranger = Client(headers={"host": places[away].host})
    for route in hub_routes() if away == "hub" else chapter_routes():
        if not route.parameters:
            seen, unseen = visitor.get(route.path({})), stranger.get(route.path({}))
            assert (seen.status_code, seen.get("Location")) == (unseen.status_code, unseen.get("Location")), route
    assert askers[home].client.get("/admin/").status_code == 200
    assert visitor.get("/admin/").status_code == 302


@pytest.mark.parametrize(("home", "away"), [pair for pair in PAIRS if pair[0] != "hub"])
def test_a_key_of_one_chapter_opens_nothing_elsewhere(askers, places, home, away):
    token = {"authorization": f"Bearer {askers[home].token}"}
    wanted = 404 if away == "hub" else 401
    visitor = Client(headers={"host": places[away].host})
    for route in chapter_routes():
        if str(route).startswith("api/v1/") and not route.parameters and route.name not in ("schema", "docs"):
            assert visitor.get(route.path({}), headers=token).status_code == wanted, route
    at_home = Client(headers={"host": places[home].host})
    assert at_home.get("/api/v1/integrations", headers=token).status_code == 200
