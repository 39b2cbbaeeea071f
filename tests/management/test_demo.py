"""What a newcomer is told when the demo cannot start. That it does start is seen by `.ci/run`."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("option", ["--port", "--lab-port"])
def test_a_port_that_is_taken_is_named_with_the_way_out(option, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} is taken.*\n.*{option} {port + 1}"):
            call_command("demo", f"{option}={port}", f"--folder={tmp_path / 'demo'}")
    assert not (tmp_path / "demo").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
def test_without_a_new_enough_python_make_says_what_to_do(tmp_path):
    done = subprocess.run(
        ["make", "demo", "PYTHON=", f"VENV={tmp_path / 'venv'}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout
    assert "PYTHON=/path/to/python" in done.stdout


def test_a_python_without_django_is_told_how_to_install():
    done = subprocess.run(
        [sys.executable, "-I", "-S", "manage.py", "demo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "make demo" in done.stderr
    assert "pip install -r requirements.txt" in done.stderr
