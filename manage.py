#!/usr/bin/env python
"""Django's command line, with the development settings unless told otherwise."""

import gc
import os
import sys

INSTALL = """Chapterhouse is not installed in this Python ({python}).
    make demo
does it; without make:
    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python manage.py demo"""


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 a newcomer's Python may be older than the one we need
        sys.exit(f"Chapterhouse needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    # What is imported stays: to look for garbage in it after every 700 objects is a seventh of what a command needs to start.
    gc.set_threshold(50_000, 20, 100)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(INSTALL.format(python=sys.executable))
    try:
        execute_from_command_line(sys.argv)
    finally:
        gc.freeze()  # Python would look through all of it once more before it ends


if __name__ == "__main__":
    main()
