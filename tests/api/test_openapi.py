"""The API's description is whole and true to itself."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import call_command

from .conftest import Caller


@pytest.fixture(scope="module")
def described():
    from drf_spectacular.generators import SchemaGenerator

    return SchemaGenerator().get_schema(request=None, public=True)


def operations(described):
    return {
        f"{method.upper()} {path}": one
        for path, methods in described["paths"].items()
        for method, one in methods.items()
    }


def test_the_description_is_made_without_a_warning_and_is_valid():
    call_command("spectacular", "--fail-on-warn", "--validate", stdout=StringIO())


def test_it_is_openapi_3_1(described):
    assert described["openapi"].startswith("3.1")


def test_every_operation_says_what_it_does_and_what_can_go_wrong(described):
    for name, one in operations(described).items():
        if name.endswith(("/schema", "/docs")):
            continue
        assert one["summary"], name
        assert one["tags"], name
        assert {"400", "401", "403", "406", "429"} <= set(one["responses"]), name
        empty = {status for status, answer in one["responses"].items() if status == "204" and "content" not in answer}
        for status, answer in one["responses"].items():
            if status in empty:
                continue
            kind = "application/problem+json" if int(status) >= 400 else "application/json"
            assert list(answer["content"]) == [kind], (name, status)
        if "{" in name:
            assert {"404", "409"} <= set(one["responses"]), name
        if "requestBody" in one:
            assert {"413", "415"} <= set(one["responses"]), name
            assert one["requestBody"]["content"]["application/json"]["examples"], name
        told = [status for status in one["responses"] if status not in empty]
        shown = [status for status in told if "examples" in str(one["responses"][status]["content"])]
        assert shown == told, name


def test_operations_have_names_of_their_own(described):
    names = [one["operationId"] for one in operations(described).values()]
    assert len(set(names)) == len(names)


def test_both_mounts_have_the_same_routes(described):
    by_slug = {path.partition("{slug}")[2] for path in described["paths"] if "{slug}" in path}
    by_id = {path.partition("{connection_id}")[2] for path in described["paths"] if "{connection_id}" in path}
    assert by_slug - by_id == {"/oauth/callback"}
    assert by_id - by_slug == set()


@pytest.mark.django_db
def test_the_docs_page_takes_nothing_from_elsewhere(sydney):
    caller = Caller(sydney)
    page = caller.get("docs")
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert len(sources) >= 4
    assert all(source.startswith(("/static/drf_spectacular_sidecar/", "/api/v1/docs?")) for source in sources)
    assert "<script>" not in page.content.decode()
    assert "script-src 'self';" in page["Content-Security-Policy"]
    script = next(source for source in sources if source.startswith("/api/"))
    assert b"/api/v1/schema" in caller.get(script.removeprefix("/api/v1/").replace("&amp;", "&")).content


@pytest.mark.django_db
def test_the_description_is_served(sydney):
    answer = Caller(sydney).get("schema", accept="application/json")
    assert answer.json()["info"]["title"] == "Chapterhouse API"
