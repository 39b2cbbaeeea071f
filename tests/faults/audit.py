"""Whether what stands in a chapter is what the vendor listed: nothing lost, nothing twice, no batch by halves.

One snapshot of the database, which may be taken at any moment: in the middle of a read it holds the records that come before the
stored place, at rest all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from . import book, records
from .records import RESOURCES, Size

TARGETS = {resource.name: resource.target for resource in book.provider.resources}
SHOWN_OF_A_KIND = 5


@dataclass
class Findings:
    """What is wrong, in sentences. `other`: what is neither lost, nor twice, nor half, and wrong all the same."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    half_batches: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def add(self, more: Findings) -> None:
        for name, found in vars(self).items():
            found.extend(one for one in getattr(more, name) if one not in found)

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def __str__(self) -> str:
        return "\n".join(
            f"{name}: {one}" for name, found in vars(self).items() for one in [*found[:SHOWN_OF_A_KIND], *_more(found)]
        )


def _more(found: list[str]) -> list[str]:
    return [f"and {len(found) - SHOWN_OF_A_KIND} more"] if len(found) > SHOWN_OF_A_KIND else []


@dataclass(frozen=True)
class Known:
    """One snapshot of a chapter."""

    links: list[dict[str, Any]]
    parties: dict[UUID, dict[str, Any]]
    invoices: dict[UUID, dict[str, Any]]
    tags: dict[UUID, dict[str, Any]]
    feed: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    states: dict[str, dict[str, Any]]
    set_aside: list[dict[str, Any]]
    origins: list[str]

    def rows(self, resource: str) -> dict[UUID, dict[str, Any]]:
        """The target's rows by id."""
        return {"contacts": self.parties, "invoices": self.invoices, "tags": self.tags}[resource]

    def quarantined(self, resource: str) -> set[str]:
        """Keys of what is set aside."""
        return {one["external_id"] for one in self.set_aside if one["resource"] == resource}


_LINKS = "SELECT resource, external_id, record_id, state FROM integrations_recordlink WHERE connection_id = %s"
_PARTIES = "SELECT id, name, email, version FROM finance_party"
_INVOICES = """
SELECT i.id, i.number, i.total_minor, i.party_id, i.version,
    (SELECT coalesce(array_agg(n.description ORDER BY n.position), '{}') FROM finance_invoiceline n WHERE n.invoice_id = i.id)
        AS lines,
    (SELECT coalesce(sum(n.amount_minor), 0) FROM finance_invoiceline n WHERE n.invoice_id = i.id) AS sum_of_lines
FROM finance_invoice i
"""
_TAGS = "SELECT id, name, size, version FROM members_tag"
_FEED = """
SELECT c.target, c.aggregate_id, c.part, c.op, s.run_id, count(*) AS times,
    count(*) FILTER (WHERE c.after ? 'name') AS names, (array_agg(c.after ->> 'name' ORDER BY c.id DESC))[1] AS last_name
FROM integrations_change c JOIN integrations_changeset s ON s.id = c.changeset_id GROUP BY 1, 2, 3, 4, 5
"""
_RUNS = "SELECT id, resource, state, created, updated, fetched, quarantined, message FROM integrations_syncrun ORDER BY created_at"
_STATES = "SELECT resource, cursor, position, last_complete_at FROM integrations_resourcestate WHERE connection_id = %s"
_SET_ASIDE = """
SELECT resource, external_id, reasons, body FROM integrations_quarantinedrecord
WHERE connection_id = %s AND resolved_at IS NULL
"""


def snapshot(connection: psycopg.Connection[Any], schema: str, connection_id: UUID) -> Known:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT set_config('search_path', %s, true)", [schema])

        def rows(statement: str, *values: Any) -> list[dict[str, Any]]:
            return cursor.execute(statement, values or None).fetchall()

        return Known(
            links=rows(_LINKS, connection_id),
            parties={row["id"]: row for row in rows(_PARTIES)},
            invoices={row["id"]: row for row in rows(_INVOICES)},
            tags={row["id"]: row for row in rows(_TAGS)},
            feed=rows(_FEED),
            runs=rows(_RUNS),
            states={row["resource"]: row for row in rows(_STATES, connection_id)},
            set_aside=rows(_SET_ASIDE, connection_id),
            origins=[row["origin"] for row in rows("SELECT DISTINCT origin FROM integrations_changeset")],
        )


@dataclass
class Audit:
    """`at_rest`: every run of this round has ended well, so that everything must be here."""

    known: Known
    chapter: str
    connection_id: UUID
    size: Size
    round: int
    at_rest: bool = False

    def findings(self) -> Findings:
        self.whole()
        for resource in RESOURCES:
            self._what_was_listed(resource)
        if self.at_rest:
            self._nothing_more()
        return self.found

    def whole(self) -> Findings:
        """What holds whatever the vendor has sent: every batch is here with all that belongs to it, and in its own chapter."""
        self.found = Findings()
        self._links_and_rows()
        self._feed()
        self._runs()
        self._own_records_only()
        return self.found

    # --- one transaction ----------------------------------------------------------------------------------------------

    def _links_and_rows(self) -> None:
        for resource in RESOURCES:
            rows, links = self.known.rows(resource), [one for one in self.known.links if one["resource"] == resource]
            linked = Counter(one["record_id"] for one in links)
            self._half(f"{resource}: a row without a link", (row for row in rows if row not in linked))
            self._half(f"{resource}: a link without a row", (one for one in linked if one not in rows))
            self._twice(f"{resource}: linked more than once", (row for row, times in linked.items() if times > 1))
            keys = Counter(one["external_id"] for one in links)
            self._twice(f"{resource}: a key linked more than once", (key for key, times in keys.items() if times > 1))
        for row in self.known.invoices.values():
            if len(row["lines"]) > 2:
                self.found.duplicated.append(f"{self.chapter}: invoice {row['number']} has {len(row['lines'])} lines")
            elif row["sum_of_lines"] != row["total_minor"] or len(row["lines"]) < 2:
                self.found.half_batches.append(f"{self.chapter}: invoice {row['number']} is not the sum of its lines")

    def _feed(self) -> None:
        for resource in RESOURCES:
            rows, target = self.known.rows(resource), TARGETS[resource]
            feed = [one for one in self.known.feed if one["target"] == target and not one["part"]]
            made, changed, told = Counter[UUID](), Counter[UUID](), {}
            for one in feed:
                if one["op"] == "insert":
                    made[one["aggregate_id"]] += one["times"]
                elif one["op"] == "update":
                    changed[one["aggregate_id"]] += one["times"]
            self._half(f"{resource}: a row the feed does not know", (row for row in rows if not made[row]))
            self._half(f"{resource}: made in the feed and not here", (row for row in made if row not in rows))
            self._twice(f"{resource}: made twice in the feed", (row for row, times in made.items() if times > 1))
            told = changed
            if (
                resource != "invoices"
            ):  # an invoice whose lines alone change has a new version and no change of its own row
                self._half(
                    f"{resource}: the feed does not tell every change of the row",
                    (row for row, one in rows.items() if one["version"] != 1 + told[row]),
                )

    def _runs(self) -> None:
        made, changed = Counter[tuple[UUID, str]](), Counter[tuple[UUID, str]]()
        for one in self.known.feed:
            counter = {"insert": made, "update": changed}.get(one["op"])
            if counter is not None and not one["part"]:
                counter[one["run_id"], one["target"]] += one["times"]
        for run in self.known.runs:
            key = run["id"], TARGETS[run["resource"]]
            self._same(run, "created", made[key])
            if run["resource"] != "invoices":  # settled references are changes too
                self._same(run, "updated", changed[key])

    def _same(self, run: dict[str, Any], count: str, told: int) -> None:
        if run[count] != told:
            self.found.half_batches.append(
                f"{self.chapter}: a run of {run['resource']} counts {run[count]} {count}, the feed tells {told}"
            )

    # --- two chapters -------------------------------------------------------------------------------------------------

    def _own_records_only(self) -> None:
        names = [row["name"] for row in (*self.known.parties.values(), *self.known.tags.values())]
        lines = [line for row in self.known.invoices.values() for line in row["lines"]]
        strange = [name for name in (*names, *lines) if not name.startswith(self.chapter.title())]
        self._other("holds another chapter's", strange)
        self._other(
            "was changed by another's connection",
            (one for one in self.known.origins if one != f"connection:{self.connection_id}"),
        )

    # --- the vendor's list --------------------------------------------------------------------------------------------

    def _what_was_listed(self, resource: str) -> None:
        """What comes before the place, and what the cursor says has been read."""
        everything = records.listing(self.size, self.chapter, resource, self.round)
        state = self.known.states.get(resource)
        if state is None:
            return
        position = state["position"]
        if self.at_rest:
            self._must_be_here(resource, everything)
            if position is not None:
                self.found.other.append(f"{self.chapter}: the read of {resource} has ended and kept its place")
        elif position is not None:
            asked = book.asked_with(position["since"]) if position["since"] else ""
            listed = records.listing(self.size, self.chapter, resource, self.round, asked)
            count = book.shown_before(resource, position["place"])
            count = len(listed) if count is None else count
            if position["count"] != count:
                self.found.half_batches.append(
                    f"{self.chapter}: {resource} stands behind {count} and has counted {position['count']}"
                )
            self._fetched(resource, count)
            self._must_be_here(resource, listed[:count])
        if resource == "contacts" and state["cursor"]:
            until = datetime.fromisoformat(state["cursor"]).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._must_be_here(resource, [one for one in everything if one["updated"] <= until])

    def _fetched(self, resource: str, count: int) -> None:
        under_way = [run for run in self.known.runs if run["resource"] == resource and run["state"] == "running"]
        for run in under_way:
            if run["fetched"] > count:
                self.found.duplicated.append(f"{self.chapter}: {resource} has counted {run['fetched']} of {count} read")
            elif run["fetched"] < count:
                self.found.half_batches.append(
                    f"{self.chapter}: {resource} has counted {run['fetched']} of {count} read"
                )

    def _must_be_here(self, resource: str, listed: list[records.Record]) -> None:
        here = {one["external_id"]: one["record_id"] for one in self.known.links if one["resource"] == resource}
        rows = self.known.rows(resource)
        for one in listed:
            row = rows.get(here.get(one["id"], UUID(int=0)))
            wanted = wanted_of(self.size, self.chapter, self.round, resource, one)
            if resource == "contacts" and one["name"] is None and one["id"] not in self.known.quarantined("contacts"):
                self._lose(resource, one["id"], "was refused and is not set aside")
            elif wanted is not None and row is None:
                self._lose(resource, one["id"], "is not here")
            elif wanted is not None and said_by(resource, row) != wanted:
                self._lose(resource, one["id"], f"is not what it was when it was read: {said_by(resource, row)}")

    def _lose(self, resource: str, key: str, what: str) -> None:
        self.found.lost.append(f"{self.chapter}: {resource} {key} {what} (round {self.round})")

    # --- at rest ------------------------------------------------------------------------------------------------------

    def _nothing_more(self) -> None:
        for resource in RESOURCES:
            listed = records.listing(self.size, self.chapter, resource, self.round)
            keys = {one["id"] for one in listed}
            links = {one["external_id"]: one["state"] for one in self.known.links if one["resource"] == resource}
            active = {key for key, state in links.items() if state == "active"}
            for key in keys & (links.keys() - active):
                self._lose(resource, key, "is taken for deleted")
            self._other(f"holds {resource} the vendor has not", active - keys)
        bad = {
            one["id"] for one in records.listing(self.size, self.chapter, "contacts", self.round) if one["name"] is None
        }
        self._other("holds in quarantine what is in order", self.known.quarantined("contacts") - bad)
        self._references()
        self._every_change_once()

    def _references(self) -> None:
        contacts = {one["external_id"]: one["record_id"] for one in self.known.links if one["resource"] == "contacts"}
        invoices = {one["external_id"]: one["record_id"] for one in self.known.links if one["resource"] == "invoices"}
        for one in records.listing(self.size, self.chapter, "invoices", self.round):
            row = self.known.invoices.get(invoices.get(one["id"], UUID(int=0)))
            if row and row["party_id"] != contacts.get(one["contact"]["id"]):
                self._lose("invoices", one["id"], "does not belong to whom it belongs there")

    def _every_change_once(self) -> None:
        names = Counter[UUID]()
        for one in self.known.feed:
            if one["target"] == "finance.party" and one["op"] == "update" and not one["part"]:
                names[one["aggregate_id"]] += one["names"]
        for link in self.known.links:
            if link["resource"] != "contacts":
                continue
            good = records.accepted(self.size, self.chapter, int(link["external_id"][1:]), self.round)
            told = names[link["record_id"]]
            if told > len(good) - 1:
                self.found.duplicated.append(
                    f"{self.chapter}: {link['external_id']} changed {told} times, there {len(good) - 1}"
                )
            elif told < len(good) - 1:
                self._lose(
                    "contacts", link["external_id"], f"changed {len(good) - 1} times there and {told} times here"
                )

    # --- sentences ----------------------------------------------------------------------------------------------------

    def _half(self, what: str, found: Iterable[object]) -> None:
        self.found.half_batches += [f"{self.chapter}: {what}: {one}" for one in found]

    def _twice(self, what: str, found: Iterable[object]) -> None:
        self.found.duplicated += [f"{self.chapter}: {what}: {one}" for one in found]

    def _other(self, what: str, found: Iterable[object]) -> None:
        self.found.other += [f"{self.chapter} {what}: {one}" for one in found]


def wanted_of(size: Size, chapter: str, round_: int, resource: str, one: records.Record) -> Any:
    """What our row says once a record has been read; None: there is no row, because it was never good enough."""
    if resource == "contacts":
        good = records.accepted(size, chapter, int(one["id"][1:]), round_)
        return records.contact_name(chapter, int(one["id"][1:]), good[-1]) if good else None
    if resource == "invoices":
        return [one["total"] * 100, [line["text"] for line in one["lines"]]]
    return [one["name"], one["size"]]


def said_by(resource: str, row: dict[str, Any] | None) -> Any:
    """What our row says, to be held to `wanted_of`."""
    if row is None:
        return None
    if resource == "contacts":
        return row["name"]
    return [row["total_minor"], row["lines"]] if resource == "invoices" else [row["name"], row["size"]]
