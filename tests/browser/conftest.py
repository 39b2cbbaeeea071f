"""A real Chromium at a real server, the lab in place of the vendors, and a worker that runs the jobs."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import requests
from django.db import connection
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from integrations.hub.jobs import worker
from integrations.hub.models import Chapter
from integrations.lab.app import make_lab
from integrations.lab.server import serve
from tests.marketplace.staging import make_person

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "No Chromium found. Install one (apt-get install chromium) or name it: CHROMIUM=/path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        # Playwright's loop lives in this thread; the ORM here is used between its calls, never inside them.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        yield browser
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        browser.close()


@dataclass(frozen=True)
class Place:
    """`url` is Sydney's address in the browser."""

    sydney: Chapter
    melbourne: Chapter
    url: str
    lab: str

    def fault(self, provider: str, fault: str, *, times: int = 1, resource: str | None = None) -> None:
        asked = {"provider": provider, "resource": resource, "fault": fault, "times": times, "retry_after": 1}
        requests.post(f"{self.lab}/_lab/faults", json=asked, timeout=5).raise_for_status()


@pytest.fixture(scope="session")
def lab() -> Iterator[str]:
    with serve(make_lab(scale=3)) as serving:
        yield serving.url


@pytest.fixture
def place(committed, live_server, lab, settings) -> Place:
    requests.post(f"{lab}/_lab/reset", timeout=5).raise_for_status()
    port = live_server.url.rpartition(":")[2]
    settings.LAB_URL = lab
    settings.PUBLIC_URL = f"http://hub.localhost:{port}"
    return Place(committed["sydney"], committed["melbourne"], f"http://sydney.localhost:{port}", lab)


@pytest.fixture
def working(place) -> Iterator[None]:
    """A worker: runs whatever is due until the test ends."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            worker.drain(seconds=5)
            connection.close()
            over.wait(0.1)

    thread = threading.Thread(target=work, name="worker", daemon=True)
    thread.start()
    yield
    over.set()
    thread.join(20)
    assert not thread.is_alive(), "the worker did not stop"


@dataclass
class Visit:
    """One person's browser. `wrong` gathers what the console complained of: a page that breaks its own policy fails."""

    place: Place
    page: Page
    wrong: list[str]

    def go(self, path: str) -> Page:
        self.page.goto(self.place.url + path)
        return self.page


@pytest.fixture
def visit(place, chromium) -> Iterator[Callable[..., Visit]]:
    """`visit("Treasurer", viewport=(360, 800), scheme="dark", scripts=False)`: signs in by the form and goes to `/marketplace/`.

    With role None, nobody signs in.
    """
    opened: list[tuple[BrowserContext, list[str]]] = []

    def enter(
        role: str | None = "Chapter admin",
        *,
        viewport: tuple[int, int] = (1280, 900),
        scheme: str = "light",
        scripts: bool = True,
    ) -> Visit:
        context = chromium.new_context(
            viewport={"width": viewport[0], "height": viewport[1]}, color_scheme=scheme, java_script_enabled=scripts
        )
        context.set_default_timeout(10_000)
        page, wrong = context.new_page(), []
        page.on("console", lambda said: wrong.append(said.text) if _is_ours(said) else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        opened.append((context, wrong))
        visited = Visit(place, page, wrong)
        if role:
            user = make_person(
                place.sydney, role, is_staff=True, username=f"{role.lower().replace(' ', '-')}-{len(opened)}"
            )
            visited.go("/login/")
            page.get_by_label("User name").fill(user.username)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/marketplace/")
        return visited

    yield enter
    complaints = [complaint for _, wrong in opened for complaint in wrong]
    for context, _ in opened:
        context.close()
    assert complaints == []


def _is_ours(said: object) -> bool:
    """An error in the console; but not that a page answered 4xx, which tests ask for on purpose, nor that a live part's
    request was cut off because the person went on to another page."""
    cut_off = said.text.startswith(("htmx:afterRequest", "htmx:sendAbort", "htmx:sendError"))
    return said.type == "error" and "status of 4" not in said.text and not cut_off
