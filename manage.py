#!/usr/bin/env python
"""Django's command line, with the development settings unless told otherwise."""

import os
import sys

INSTALL = """Chapterhouse is not installed in this Python ({python}).
    make demo
does it; without make:
    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python manage.py demo"""


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 a newcomer's Python may be older than the one we need
        sys.exit(f"Chapterhouse needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(INSTALL.format(python=sys.executable))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
