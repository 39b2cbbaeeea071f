"""Nobody reaches another place's objects, whatever rights they have in their own.

Generated from the URL configuration and the admins: a superuser's session and a key with every scope ask every route, with
every method, for every object of every other place. The answer is 404, or 405 where the route has no such method.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin

from . import cases
from .conftest import HOSTS, Asker, fingerprint
from .routes import Route, chapter_routes, hub_routes
from .specimens import models_of_a_chapter, models_of_the_hub

pytestmark = [pytest.mark.django_db, pytest.mark.services]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PAIRS = [("sydney", "melbourne"), ("sydney", "hub"), ("hub", "sydney")]


def routes_of(place: str) -> list[Route]:
    return hub_routes() if place == "hub" else chapter_routes()


@pytest.mark.parametrize("place", ["sydney", "hub"])
def test_every_parameter_of_every_route_has_a_case(place):
    assert {str(route): missing for route in routes_of(place) if (missing := cases.missing(route))} == {}


@pytest.mark.parametrize(("asker", "owner"), PAIRS)
def test_another_places_objects_are_not_there(askers, places, asker, owner):
    before = fingerprint(owner)
    wrong = []
    for route in routes_of(asker):
        if cases.names_an_object(route):
            pairs = {}
            for words in (asker, owner):
                theirs = cases.paths(route, places[owner], places[words])
                pairs |= zip(theirs, cases.paths(route, cases.nowhere(places[owner]), places[words]), strict=True)
            for how in callers(askers[asker], route):
                for path, nothing in pairs.items():
                    wrong += asked(
                        askers[asker], path, how, places[owner], functools.partial(is_absent, nothing=nothing)
                    )
    assert wrong == []
    assert fingerprint(owner) == before


@pytest.mark.parametrize(("asker", "owner"), PAIRS)
def test_a_word_of_anothers_shows_nothing_of_theirs(askers, places, asker, owner):
    """An integration's slug is a word that all share: what the other has connected to it stays theirs."""
    before = fingerprint(owner)
    wrong = []
    for route in routes_of(asker):
        if route.parameters and not cases.names_an_object(route):
            for how in callers(askers[asker], route):
                for path in cases.paths(route, places[owner], places[owner]):
                    wrong += asked(askers[asker], path, how, places[owner], is_sound)
    assert wrong == []
    assert fingerprint(owner) == before


@pytest.mark.parametrize("asker", HOSTS)
def test_lists_show_what_is_here_and_nothing_from_elsewhere(askers, places, asker):
    shown = ""
    wrong = []
    for route in routes_of(asker):
        if route.parameters:
            continue
        for how in callers(askers[asker], route):
            response = askers[asker].client.get(route.path({}), headers=how)
            shown += response.content.decode(errors="replace") if not response.streaming else ""
            for other in set(HOSTS) - {asker}:
                wrong += fault("GET", route.path({}), response, places[other], is_sound)
    assert wrong == []
    assert places[asker].canary in shown, "nothing was shown at all, so nothing was tested"


@pytest.mark.parametrize("asker", ["sydney", "hub"])
def test_ones_own_objects_are_there(askers, places, asker):
    """The same addresses answer for what is here: a 404 above means a wall and not a broken address."""
    absent = []
    for route in routes_of(asker):
        if not cases.names_an_object(route) or route.shows_a_part:
            continue
        if route.model and route.model._meta.label not in places[asker].rows:
            continue
        statuses = [
            askers[asker].client.get(path).status_code for path in cases.paths(route, places[asker], places[asker])
        ]
        if not any(status != 404 for status in statuses):
            absent.append(f"{route}: {statuses}")
    assert absent == []


@pytest.mark.parametrize(("asker", "owner"), PAIRS)
def test_an_admins_actions_reach_no_other_place(askers, places, asker, owner):
    before = fingerprint(owner)
    wrong = []
    for route in routes_of(asker):
        label = route.model._meta.label if route.model else ""
        if not route.name.endswith("_changelist") or label not in places[owner].rows:
            continue
        for action in actions_of(route.admin):
            sent = {
                "action": action,
                "_selected_action": [str(places[owner].key(label))],
                "post": "yes",
            }
            response = askers[asker].client.post(route.path({}), sent)
            wrong += fault(f"POST {action}", route.path({}), response, places[owner], is_sound)
    assert wrong == []
    assert fingerprint(owner) == before


def test_no_table_of_the_hub_stands_in_a_chapters_admin():
    shared = {model._meta.label for model in models_of_a_chapter()}
    of_the_hub = {model._meta.label for model in models_of_the_hub()} | {"hub.Chapter", "hub.Domain"}
    shown = {route.model._meta.label for route in chapter_routes() if route.model}
    assert shown & (of_the_hub - shared) == set()


def test_no_table_of_a_chapter_stands_in_the_hubs_admin():
    of_the_hub = {model._meta.label for model in models_of_the_hub()} | {"hub.Chapter", "hub.Domain"}
    shown = {route.model._meta.label for route in hub_routes() if route.model}
    assert shown - of_the_hub == set()


def callers(asker: Asker, route: Route) -> list[dict[str, str]]:
    """A session everywhere; a key as well where keys are taken."""
    if asker.token and str(route).startswith("api/"):
        return [{}, {"authorization": f"Bearer {asker.token}"}]
    return [{}]


def asked(asker: Asker, path: str, how: dict[str, str], owner: cases.Place, right: Any) -> Iterator[str]:
    for method in METHODS:
        kind = "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"
        body = "{}" if kind.endswith("json") else "post=yes"
        response = asker.client.generic(method, path, body, content_type=kind, headers=how)
        yield from fault(method, path, response, owner, right)


def fault(method: str, path: str, response: Any, owner: cases.Place, right: Any) -> Iterator[str]:
    body = "" if response.streaming else response.content.decode(errors="replace")
    if owner.canary in body:
        yield f"{method} {path} shows something of {owner.name}"
    if not right(response):
        yield f"{method} {path} answers {response.status_code} {response.get('Location', '')}".strip()


def is_absent(response: Any, *, nothing: str) -> bool:
    """404, or 405. Django's admin says "not there" by sending one to its front page, at times by way of the form's address; what
    it lets nobody do it refuses with 403, to an object and to `nothing` alike."""
    path = response.request["PATH_INFO"]
    if response.status_code == 403 and path.startswith("/admin/"):
        return response.client.generic(response.request["REQUEST_METHOD"], nothing).status_code == 403
    for _ in range(3):
        if response.status_code not in (301, 302):
            break
        path = response["Location"]
        response = response.client.get(path)
    return response.status_code in (404, 405) or (path == "/admin/" and response.status_code == 200)


def is_sound(response: Any) -> bool:
    return response.status_code < 500


def actions_of(admin: ModelAdmin) -> list[str]:
    named = [action if isinstance(action, str) else action.__name__ for action in admin.actions or ()]
    return ["delete_selected", *named]
