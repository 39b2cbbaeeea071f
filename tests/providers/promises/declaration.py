"""The declaration, its folder, and what people read of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from integrations import checks, quality, readme, registry
from integrations.provider import OAuth2, Provider, RateLimit
from tests.providers.lab_client import LabClient

from .suite import Lab, promise


@promise("manifest")
def the_declaration_passes_the_system_checks(provider: Provider, lab: Lab):
    assert list(checks.problems(provider)) == []


@promise("manifest")
def the_folder_is_small_and_imports_nothing_but_the_vocabulary(provider: Provider, lab: Lab):
    folder = registry.folder(provider.slug)
    assert sum(quality.lines(folder).values()) < quality.MOST_LINES
    for path in folder.glob("*.py"):
        for module in imported(path.read_text()):
            ours = module.partition(".")[0] in OURS
            assert not ours or f"{module}.".startswith("integrations.provider."), f"{path.name} imports {module}"
            assert module.partition(".")[0] not in DOORS, (
                f"{path.name} imports {module}: the only way out is the client's"
            )


OURS = ("integrations", "providers", "members", "finance", "config", "tests")
DOORS = (
    "requests",
    "urllib3",
    "httpx",
    "aiohttp",
    "http",
    "socket",
    "ssl",
    "subprocess",
    "django",
    "psycopg",
    "celery",
)


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


@promise("manifest")
def the_page_is_up_to_date_and_the_logo_is_a_drawing_of_ours(provider: Provider, lab: Lab):
    folder = registry.folder(provider.slug)
    assert (folder / "README.md").read_text() == readme.render(provider, folder)
    drawing = (folder / "logo.svg").read_text()
    assert drawing.startswith("<svg xmlns=")
    assert not re.search(r"<script|<image|<foreignObject|\bon\w+=|href|javascript:|url\(|<!", drawing, re.IGNORECASE)


@promise("manifest")
def what_is_called_done_is_shown(provider: Provider, lab: Lab):
    assert quality.unshown(provider, quality.read(registry.folder(provider.slug))) == []
    assert len(provider.summary) > 20


@promise("limits")
def the_limits_are_those_the_lab_holds_us_to(provider: Provider, lab: Lab):
    assert provider.limits != RateLimit()
    allowed = min((n for n in (provider.limits.per_second, provider.limits.per_minute) if n), default=None)
    if allowed is None:
        return
    client = LabClient(provider, lab.url, "brisbane").sign_in()
    lab.tell("settings", enforce_limits=True)
    answers = [client.ask("GET", provider.resources[0].path) for _ in range(allowed + 5)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused or provider.limits.per_second
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)


@promise("setup")
def connecting_is_told_step_by_step_with_the_vendors_own_words(provider: Provider, lab: Lab):
    assert len(provider.setup) >= 3
    assert all(step.endswith(".") for step in provider.setup)
    assert sum(len(re.findall(r"'[^']+'", step)) for step in provider.setup) >= 3


@promise("residency")
def where_the_data_is_kept_is_said_in_a_sentence(provider: Provider, lab: Lab):
    assert set(provider.residency.regions) <= {"AU", "EU", "UK", "US"}
    assert provider.residency.regions
    assert len(provider.residency.note) > 30


@promise("runbook")
def whoever_is_on_duty_knows_what_to_do(provider: Provider, lab: Lab):
    runbook = provider.runbook
    assert runbook
    assert runbook.owner
    assert runbook.throttling
    assert len(runbook.fallback) >= 2


@promise("deletes")
def what_is_gone_is_noticed_or_never_goes(provider: Provider, lab: Lab):
    assert any(type(resource.deletes).__name__ != "NoDeletes" for resource in provider.resources)


@promise("least-privilege")
def every_right_that_is_asked_for_says_why(provider: Provider, lab: Lab):
    for auth in provider.auths:
        if isinstance(auth, OAuth2):
            names = [scope.name for scope in auth.scopes]
            assert len(set(names)) == len(names)
            assert all(len(scope.reason) > 15 for scope in auth.scopes)
            assert any(scope.write for scope in auth.scopes) or not any(r.write for r in provider.resources)
        else:
            assert getattr(auth, "hint", "x"), "a person has to know where the key is found"
