"""Every word of pagination, against a real server."""

from __future__ import annotations

import pytest

from integrations.provider import (
    Cursor,
    CursorPage,
    LinkHeader,
    NextUrl,
    Offset,
    PageNumber,
    Permanent,
    Resource,
    SinglePage,
    Temporary,
)
from integrations.sync import pages
from integrations.sync.pages import read_pages

from .testbook import CONTACT
from .vendor import Reply, TinyDoor

RECORDS = [{"id": f"r{n}", "updated": f"2026-01-0{n + 1}"} for n in range(7)]


def resource(how, **more):
    return Resource("things", path="/things", records="items", key="id", target="finance.party", mapping=CONTACT,
                    pages=how, **more)  # fmt: skip


@pytest.fixture
def door(vendor):
    return TinyDoor(None, vendor.url)


def ids(found):
    return [record["id"] for page in found for record in page.records]


def read(door, how, **more):
    return list(read_pages(door, resource(how), exact=False, **more))


ALL = [f"r{n}" for n in range(7)]


@pytest.mark.parametrize(
    ("how", "requests"),
    [
        (PageNumber(size=3, size_param="size"), 3),
        (PageNumber(size=7, size_param="size"), 2),  # a full last page does not say that it is the last
        (Offset(size=3, size_param="size"), 3),
        (Offset(size=7, size_param="size", total="total"), 1),
        (CursorPage(param="after", token="next", size=3, size_param="size"), 3),
        (CursorPage(param="after", token="next", more="more", size=3, size_param="size"), 3),
    ],
)
def test_every_page_is_read_once_and_reading_ends(door, vendor, how, requests):
    vendor.lists("/things", RECORDS)
    found = read(door, how)
    assert ids(found) == ALL
    assert len(vendor.asked) == requests
    assert found[-1].following is None


def test_a_page_number_may_begin_at_nought(door, vendor):
    vendor.routes["/things"] = lambda asked: Reply({"items": RECORDS[:2] if asked.query["p"] == "0" else []})
    assert ids(read(door, PageNumber(size=2, param="p", start=0))) == ["r0", "r1"]


def test_one_page_is_all_there_is(door, vendor):
    vendor.lists("/things", RECORDS)
    assert ids(read(door, SinglePage())) == ALL


def test_the_last_records_id_asks_for_what_follows(door, vendor):
    def route(asked):
        start = ALL.index(asked.query["after"]) + 1 if "after" in asked.query else 0
        return Reply({"items": RECORDS[start : start + 3]})

    vendor.routes["/things"] = route
    assert ids(read(door, CursorPage(param="after", last="id", size=3))) == ALL


@pytest.mark.parametrize("relative", [True, False])
def test_the_address_of_the_next_page_is_followed(door, vendor, relative):
    def route(asked):
        start = int(asked.query.get("start", 0))
        following = f"{'' if relative else vendor.url}/things?start={start + 4}" if start + 4 < 7 else None
        link = {"Link": f'<{following}>; rel="next last", </x>; rel="first"'} if following else {}
        return Reply({"items": RECORDS[start : start + 4], "paging": {"next": following}}, headers=link)

    vendor.routes["/things"] = route
    assert ids(read(door, NextUrl(path="paging.next", size=4))) == ALL
    assert ids(read(door, LinkHeader(size=4))) == ALL


def test_reading_goes_on_from_a_token(door, vendor):
    vendor.lists("/things", RECORDS)
    assert ids(read(door, PageNumber(size=3, size_param="size"), token=3)) == ["r6"]
    assert ids(read(door, Offset(size=3, size_param="size"), token=3)) == ALL[3:]
    assert ids(read(door, CursorPage(param="after", token="next", size=3, size_param="size"), token="6")) == ["r6"]


def test_a_parent_fills_the_path_and_cannot_leave_it(door, vendor):
    inner = Resource("x", path="/lists/{parent}/people", records="", key="id", target="finance.party", mapping=CONTACT)
    with pytest.raises(Permanent):
        list(read_pages(door, inner, exact=False, parent="../../admin?x="))
    assert vendor.asked[0].path == "/lists/..%2F..%2Fadmin?x=/people"


def test_a_short_page_is_no_end_where_a_total_says_more(door, vendor):
    def route(asked):
        start = int(asked.query["offset"])
        return Reply({"items": RECORDS[start : start + 2], "total": 7})

    vendor.routes["/things"] = route
    assert ids(read(door, Offset(size=100, total="total"))) == ALL


def test_a_page_that_shows_its_records_twice_leaves_none_out(door, vendor):
    def route(asked):
        start = int(asked.query["offset"])
        page = RECORDS[start : start + 2]
        return Reply({"items": [*page, *page, *page] if start == 2 else page, "total": 7})

    vendor.routes["/things"] = route
    assert set(ids(read(door, Offset(size=2, total="total")))) == set(ALL)


def test_since_is_sent_as_header_or_parameter_on_every_page(door, vendor):
    vendor.lists("/things", RECORDS)
    for cursor in (Cursor(field="updated", header="If-Modified-Since"), Cursor(field="updated", param="since")):
        vendor.asked.clear()
        found = read_pages(
            door, resource(PageNumber(size=2, size_param="size"), cursor=cursor), exact=False, since="2026-01-05"
        )
        assert ids(found) == ["r4", "r5", "r6"]
        assert len(vendor.asked) == 2
        assert all(
            "2026-01-05" in (one.headers.get("if-modified-since"), one.query.get("since")) for one in vendor.asked
        )


def test_not_modified_is_no_empty_list(door, vendor):
    vendor.routes["/things"] = lambda asked: Reply(b"", 304)
    (page,) = read(door, PageNumber(size=2))
    assert (page.records, page.not_modified) == ([], True)


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": {"a": 1}}, {"error": "sorry"}, [], "text", None])
def test_an_answer_without_its_list_is_an_error_and_no_empty_list(door, vendor, body):
    vendor.routes["/things"] = lambda asked: Reply(body)
    with pytest.raises(Permanent, match="no longer sends a list at 'items'"):
        read(door, SinglePage())


@pytest.mark.parametrize("body", [b"<html>Sorry</html>", b'{"items": [{', b""])
def test_what_is_no_json_may_pass_by_itself(door, vendor, body):
    vendor.routes["/things"] = lambda asked: Reply(body)
    with pytest.raises(Temporary):
        read(door, SinglePage())


@pytest.mark.parametrize(
    "how",
    [
        PageNumber(size=2),
        Offset(size=2),
        CursorPage(param="after", token="next", size=2),
        CursorPage(param="after", last="id", size=2),
        NextUrl(path="next", size=2),
    ],
)
def test_a_vendor_that_sends_the_same_page_for_ever_is_stopped(door, vendor, how):
    vendor.routes["/things"] = lambda asked: Reply({"items": RECORDS[:2], "next": "/things?again=1"})
    with pytest.raises(Permanent, match="same page twice"):
        read(door, how)
    assert len(vendor.asked) <= 3


def test_a_vendor_that_leads_in_a_wider_circle_is_stopped(door, vendor):
    circle = {"": "a", "a": "b", "b": "c", "c": "a"}

    def route(asked):
        here = asked.query.get("after", "")
        return Reply({"items": [{"id": here}], "next": circle[here]})

    vendor.routes["/things"] = route
    with pytest.raises(Permanent, match="same page twice"):
        read(door, CursorPage(param="after", token="next", size=1))


def test_endless_pages_come_to_an_end(door, vendor, monkeypatch):
    monkeypatch.setattr(pages, "MAX_PAGES", 5)
    vendor.routes["/things"] = lambda asked: Reply({"items": [{"id": asked.query["page"]}]})
    with pytest.raises(Permanent, match="another page after 5"):
        read(door, PageNumber(size=1))


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/x",
        "http://127.0.0.1:1/x",
        "//evil.example/x",
        "http://127.0.0.1.evil.example/",
        "http://[/",
    ],
)
def test_the_next_page_is_never_fetched_from_another_host(door, vendor, address):
    vendor.routes["/things"] = lambda asked: Reply(
        {"items": RECORDS[:1], "next": address}, headers={"Link": f'<{address}>; rel="next"'}
    )
    for how in (NextUrl(path="next", size=1), LinkHeader(size=1)):
        with pytest.raises(Permanent, match="another host"):
            read(door, how)


@pytest.mark.parametrize("token", [{"a": 1}, 1.5, True, ["x"]])
def test_a_token_that_is_none_is_an_error(door, vendor, token):
    vendor.routes["/things"] = lambda asked: Reply({"items": RECORDS[:1], "next": token})
    with pytest.raises(Permanent, match="cannot be read"):
        read(door, CursorPage(param="after", token="next", size=1))


def test_another_page_without_a_token_is_an_error(door, vendor):
    vendor.routes["/things"] = lambda asked: Reply({"items": RECORDS[:1], "more": True})
    with pytest.raises(Permanent, match="not where"):
        read(door, CursorPage(param="after", token="next", more="more", size=1))


def test_a_total_that_is_no_count_is_none(door, vendor):
    """Else the run that keeps it could not be saved."""
    vendor.routes["/things"] = lambda asked: Reply({"items": RECORDS[:1], "total": 10**12})
    assert [page.total for page in read(door, Offset(size=3, total="total"))] == [None]
