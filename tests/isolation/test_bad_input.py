"""No page breaks on what cannot be: every route of every place, asked with text and values that nothing holds."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.db import transaction

from . import cases
from .conftest import Asker
from .routes import Route, chapter_routes, hub_routes

pytestmark = [pytest.mark.django_db, pytest.mark.services]

NUL = "a\x00b"
ESCAPED_NUL = 'sessionid="\\000aaaaaaaaaaaaaaaa"'  # as a cookie's value may hold one
ODD = ["abc", "9" * 30, "2026-13-45"]
ENDS_OF_THE_CALENDAR = [("0", "0"), ("1", "1"), ("9999", "12"), ("10000", "1"), ("9" * 25, "1")]


@pytest.fixture(params=["sydney", "hub"])
def asker(request, askers) -> Asker:
    askers[request.param].client.raise_request_exception = False
    return askers[request.param]


def pages(asker: Asker) -> list[Route]:
    found = hub_routes() if asker.place.name == "hub" else chapter_routes()
    return [route for route in found if not route.template.startswith(("api/", "logout"))]


def lists(asker: Asker) -> list[Route]:
    return [route for route in pages(asker) if route.admin and route.name.endswith("_changelist")]


def answer(asker: Asker, method: str, path: str, *sent, **more) -> int:
    """The status; what the request did to the database, an error in it too, is undone."""
    before = transaction.savepoint()
    try:
        return getattr(asker.client, method)(path, *sent, **more).status_code
    finally:
        transaction.savepoint_rollback(before)


def test_text_that_cannot_be_stored_is_a_400(asker):
    answers = {}
    for route in pages(asker):
        path = cases.paths(route, asker.place, asker.place)[0]
        answers[path, "address"] = answer(asker, "get", path, {"q": NUL})
        answers[path, "form"] = answer(asker, "post", path, {"name": NUL})
        answers[path, "name of a field"] = answer(asker, "post", path, {NUL: "name"})
        answers[path, "cookie"] = answer(asker, "get", path, headers={"cookie": ESCAPED_NUL})
        if "object_id" in route.parameters:
            path = route.path(dict.fromkeys(route.parameters, "%00"))
            answers[path, "path"] = answer(asker, "get", path)
    assert {asked: status for asked, status in answers.items() if status != 400} == {}


def wrong_values(route: Route, seen: set[type]) -> Iterator[tuple[str, str]]:
    """What a list is asked to show: a parameter and a value. Of each type of column in any table, one."""
    yield from ((name, value) for name in ("q", "o", "p", "chapter", "nothing") for value in ODD)
    for field in route.model._meta.fields:
        if type(field) not in seen:
            seen.add(type(field))
            yield from ((f"{field.name}__{how}", value) for how in ("exact", "gte", "in", "isnull") for value in ODD)
    if day := route.admin.date_hierarchy:
        yield from ((f"{day}__year={year}&{day}__month", month) for year, month in ENDS_OF_THE_CALENDAR)


def test_values_that_no_column_holds_break_no_list(asker):
    answers, seen = {}, set()
    for route in lists(asker):
        for name, value in wrong_values(route, seen):
            address = f"{route.path({})}?{name}={quote(value)}"
            answers[address] = answer(asker, "get", address)
    assert {asked: status for asked, status in answers.items() if status >= 500} == {}


def test_keys_that_none_can_have_break_no_action(asker):
    answers = {}
    for route in lists(asker):
        for action in ["delete_selected", *(route.admin.actions or ())]:
            for key in ["abc", "9" * 30]:
                sent = {"action": action, "_selected_action": key, "confirmed": "yes", "post": "yes"}
                answers[str(route), action, key] = answer(asker, "post", route.path({}), sent)
    assert {asked: status for asked, status in answers.items() if status >= 500} == {}
