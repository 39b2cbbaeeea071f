"""What the lab remembers: tokens, written records, idempotency keys, faults, counts. In a SQLite file it survives a restart."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, kind TEXT, provider TEXT, login TEXT, scope TEXT, family TEXT,
  expires_at REAL, used_at REAL, revoked INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS codes (code TEXT PRIMARY KEY, provider TEXT, login TEXT, redirect_uri TEXT, challenge TEXT,
  scope TEXT, client_id TEXT, expires_at REAL, family TEXT, used INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS records (provider TEXT, account TEXT, resource TEXT, key TEXT, body TEXT, changed_at REAL,
  PRIMARY KEY (provider, account, resource, key));
CREATE TABLE IF NOT EXISTS replies (provider TEXT, account TEXT, key TEXT, request TEXT, status INTEGER, body BLOB,
  PRIMARY KEY (provider, account, key));
CREATE TABLE IF NOT EXISTS faults (id INTEGER PRIMARY KEY, provider TEXT, resource TEXT, fault TEXT, times INTEGER,
  retry_after REAL);
CREATE TABLE IF NOT EXISTS counts (provider TEXT, what TEXT, n INTEGER, PRIMARY KEY (provider, what));
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS refusals (id INTEGER PRIMARY KEY, provider TEXT, resource TEXT, path TEXT, value TEXT, message TEXT);
CREATE TABLE IF NOT EXISTS accounts (provider TEXT, account TEXT, seed TEXT, PRIMARY KEY (provider, account));
"""
TABLES = ("tokens", "codes", "records", "replies", "faults", "counts", "settings", "accounts", "refusals")
DEFAULTS = {"token_seconds": 1800, "code_seconds": 300, "honour_grace": True, "enforce_limits": False}


class Store:
    """One connection, one lock: the lab is a stand-in, not a database."""

    def __init__(self, database: Path | None) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(database or ":memory:", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        if database:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    def one_at_a_time(self) -> AbstractContextManager[Any]:
        """What happens inside happens as one: two requests with one key are one after the other."""
        return self._lock

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        with self._lock:
            found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return found

    def do(self, sql: str, *values: Any) -> int:
        """How many rows it changed: `UPDATE ... WHERE used = 0` claims something for one caller only."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def count(self, provider: str, what: str) -> None:
        self.do("INSERT INTO counts VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1", provider, what)

    def setting(self, name: str) -> Any:
        found = self.row("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(found["value"]) if found else DEFAULTS[name]

    def set(self, name: str, value: Any) -> None:
        self.do("INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", name,
                json.dumps(value))  # fmt: skip

    def see(self, provider: str, account: str, seed: str) -> None:
        self.do("INSERT INTO accounts VALUES (?, ?, ?) ON CONFLICT DO NOTHING", provider, account, seed)

    def take_fault(self, provider: str, resource: str) -> sqlite3.Row | None:
        """The next fault that was asked for here, once less to come."""
        with self._lock:
            found = self.row(
                "SELECT * FROM faults WHERE provider = ? AND (resource IS NULL OR resource = ?) AND times > 0 ORDER BY id",
                provider, resource,
            )  # fmt: skip
            if found:
                self.do("UPDATE faults SET times = times - 1 WHERE id = ?", found["id"])
            return found

    def reset(self) -> None:
        with self._lock:
            for table in TABLES:
                self.do(f"DELETE FROM {table}")  # noqa: S608 constants

    def state(self) -> dict[str, Any]:
        """Counts and what is still to come. Never a token."""
        counts: dict[str, dict[str, int]] = {}
        for row in self.rows("SELECT * FROM counts"):
            counts.setdefault(row["provider"], {})[row["what"]] = row["n"]
        tokens = self.rows(
            "SELECT provider, kind, count(*) AS n FROM tokens WHERE revoked = 0 AND used_at IS NULL"
            " AND (expires_at IS NULL OR expires_at > ?) GROUP BY provider, kind",
            time.time(),
        )
        faults = self.rows("SELECT provider, resource, fault, times FROM faults WHERE times > 0")
        written = self.rows("SELECT provider, resource, count(*) AS n FROM records GROUP BY provider, resource")
        return {
            "counts": counts,
            "accounts": [dict(row) for row in self.rows("SELECT provider, account FROM accounts")],
            "tokens": [dict(row) for row in tokens],
            "faults": [dict(row) for row in faults],
            "written": [dict(row) for row in written],
            "settings": {name: self.setting(name) for name in DEFAULTS},
        }
