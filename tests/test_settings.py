"""What a deployment may and must set."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GOOD = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "x" * 60,
    "MASTER_KEYS": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "ALLOWED_HOSTS": ".example.org",
    "PUBLIC_URL": "https://hub.example.org",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "BROKER_URL": "redis://127.0.0.1:6379/0",
    "LAB_URL": "",
}


def start(**changes: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **GOOD, **changes}
    return subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        cwd=ROOT,
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_production_starts_with_everything_set():
    done = start()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEY", "", "SECRET_KEY is the development default"),
        ("SECRET_KEY", "short", "SECRET_KEY is shorter"),
        ("MASTER_KEYS", "", "MASTER_KEYS is the development default"),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS is empty"),
        ("PUBLIC_URL", "http://hub.example.org", "PUBLIC_URL must be https"),
        ("DATABASE_URL", "", "DATABASE_URL is not set"),
        ("BROKER_URL", "", "BROKER_URL is not set"),
        ("LAB_URL", "http://127.0.0.1:9400", "LAB_URL is set"),
    ],
)
def test_production_refuses_to_start_and_says_why(name, value, said):
    done = start(**{name: value})
    assert done.returncode != 0
    assert said in done.stderr


def test_the_example_names_every_variable_that_is_read():
    read = set()
    for path in (ROOT / "config").rglob("*.py"):
        read |= set(re.findall(r'\benv(?:\.\w+)?\(\s*"([A-Z_]+)"', path.read_text()))
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read - named == set()


@pytest.mark.parametrize("name", ["precious", "test_precious"])
@pytest.mark.parametrize(("worker", "reached"), [({}, ""), ({"PYTEST_XDIST_WORKER": "gw1"}, "_gw1")])
def test_a_test_reaches_its_test_database_or_none(name, worker, reached):
    """Even where pytest makes none, because no collected test is seen to want one. So do the processes that tests start: that of
    the worker which runs the test."""
    told = "from django.conf import settings; print(settings.DATABASES['default']['NAME'])"
    done = subprocess.run(
        [sys.executable, "-c", told],
        cwd=ROOT,
        check=True,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": f"postgres://nobody@127.0.0.1:1/{name}",
            **worker,
        },
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == f"test_precious{reached}"
