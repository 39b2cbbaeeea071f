"""The chapter `bench` with its connection, in the database that the environment names."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from integrations import hub  # noqa: E402
from integrations.connections import credentials  # noqa: E402
from integrations.connections.models import Connection  # noqa: E402


def main() -> None:
    call_command("migrate_schemas", shared=True, verbosity=0)
    call_command("createchapter", "bench", "Bench", verbosity=0)
    with hub.enter("bench"):
        made = Connection.objects.create(
            provider="bench", name="Bench", auth_kind="api_key", environment="lab", status=Connection.Status.CONNECTED
        )
        credentials.save(made, {"key": "k-12345678"})


if __name__ == "__main__":
    main()
