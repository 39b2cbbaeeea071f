"""What a caller may do: the scopes of an API key, and what each asks of a person who is signed in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scope:
    """`act` is what a person must be allowed to do with the provider's connections (integrations.roles) where a key needs
    this scope."""

    label: str
    act: str


SCOPES = {
    "integrations:read": Scope(
        label="see integrations, connections, settings, mappings and sync runs",
        act="view",
    ),
    "connections:write": Scope(
        label="connect, test and disconnect; change settings and mappings",
        act="connect",
    ),
    "sync:run": Scope(label="start a sync", act="sync"),
    "records:read": Scope(label="read synced records", act="view"),
    "records:write": Scope(label="create records at the vendor", act="sync"),
    "duplicates:decide": Scope(label="decide about possible duplicates, merge records and undo that", act="sync"),
    "conflicts:resolve": Scope(label="decide conflicts between both sides of a record", act="sync"),
    "actions:run": Scope(label="run a provider's actions, such as creating a payment", act="sync"),
    "webhooks:read": Scope(label="see webhooks and what was delivered to them", act="see_webhooks"),
    "webhooks:write": Scope(
        label="make, change and delete webhooks, by which records of members and money leave",
        act="set_webhooks",
    ),
}
