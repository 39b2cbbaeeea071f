"""Every provider, held to every promise it makes: `providers/<slug>/quality.yaml` says which."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from integrations import checks, quality, registry
from integrations.lab.app import make_lab
from integrations.lab.server import serve
from tests.providers.promises import PROMISES, Check, Lab, is_asked

SUITE = [
    pytest.param(slug, name, check, id=f"{slug}-{check.__name__}")
    for slug in registry.all_providers()
    for name, check in PROMISES
]


@pytest.mark.parametrize(("slug", "name", "check"), SUITE)
def test_a_promise_is_kept(slug: str, name: str, check: Check, lab: Lab):
    provider = registry.get(slug)
    if not is_asked(provider, name):
        said = quality.read(registry.folder(slug))[name]
        pytest.skip(f"{slug}: {name} is {said.status}. {said.reason}")
    check(provider, lab)


@pytest.mark.parametrize("slug", registry.all_providers())
def test_every_provider_has_reached_a_tier(slug: str):
    assert quality.tier(quality.read(registry.folder(slug))) in quality.TIERS


@pytest.fixture
def scaffolded(tmp_path: Path, settings, monkeypatch) -> Iterator[str]:
    """A package of providers with one that was just started."""
    (tmp_path / "started").mkdir()
    (tmp_path / "started" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    settings.PROVIDERS_PACKAGE = "started"
    registry.all_providers.cache_clear()
    call_command("startprovider", "acme-mail", verbosity=0)
    yield "acme-mail"
    registry.all_providers.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "started"]:
        del sys.modules[name]


def test_a_started_provider_is_well_formed_and_keeps_none_of_its_promises(scaffolded: str, capsys):
    provider = registry.get(scaffolded)
    folder = registry.folder(scaffolded)
    assert list(checks.problems(provider)) == []
    assert quality.tier(quality.read(folder)) == ""
    failing = []
    with serve(make_lab()) as serving:
        for name, check in PROMISES:
            if is_asked(provider, name):
                try:
                    check(provider, Lab(serving.url, 1))
                except AssertionError:
                    failing.append(name)
    assert {"manifest", "samples", "mapping", "limits", "setup"} <= set(failing)


def test_starting_a_provider_twice_or_with_a_bad_name_is_refused(scaffolded: str):
    with pytest.raises(CommandError, match="already there"):
        call_command("startprovider", scaffolded)
    with pytest.raises(CommandError, match="no slug"):
        call_command("startprovider", "../etc")
