"""The vendor of one chapter answers badly, at random from a seed, round after round; the other chapter's answers well.

A run ends right, or says what is missing: records set aside with their reasons, or a failed run with a sentence. It is never
silently short. When the faults have stopped and what was interrupted is finished, one complete sync makes the chapter equal to the
one that was never disturbed.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from integrations import hub
from integrations.sync.models import SyncRun

from . import book, records
from .audit import Audit, Findings, Known, said_by, snapshot, wanted_of
from .outcome import Outcome
from .stage import Stage, plain_connection, time_passes

DISTURBED, CONTROL = "sydney", "melbourne"
ENDED_RIGHT = ("succeeded", "partial")
_SENTENCE = re.compile(r"[A-Z0-9].{9,}\.$", re.DOTALL)
# Everything but what is made up here: ids, versions and times.
_ROWS = {
    "contacts": "SELECT l.external_id, to_jsonb(t) - '{id,version,created_at,updated_at}'::text[] FROM finance_party t",
    "invoices": "SELECT l.external_id, (to_jsonb(t) - '{id,version,created_at,updated_at,party_id}'::text[]) || jsonb_build_object("
    "'party', (SELECT p.external_id FROM integrations_recordlink p WHERE p.record_id = t.party_id),"
    "'lines', (SELECT jsonb_agg(to_jsonb(n) - '{id,invoice_id}'::text[] ORDER BY n.position)"
    " FROM finance_invoiceline n WHERE n.invoice_id = t.id)) FROM finance_invoice t",
    "tags": "SELECT l.external_id, to_jsonb(t) - '{id,version,created_at,updated_at}'::text[] FROM members_tag t",
}
_JOIN = (
    " JOIN integrations_recordlink l ON l.record_id = t.id AND l.state = 'active' AND l.refs IS NULL"
    " WHERE l.connection_id = %s AND l.resource = %s ORDER BY l.external_id"
)


class Misanswering:
    """One scenario under way. `rate`: how many of the answers go wrong."""

    def __init__(self, stage: Stage, rounds: int, rate: float, seed: int) -> None:
        self.stage, self.rounds, self.rate, self.seed = stage, rounds, rate, seed
        self.outcome = Outcome()
        self.ended: dict[str, int] = {}

    def run(self) -> Outcome:
        self.stage.workers(5)
        for _ in range(self.rounds):
            self._round()
            self.stage.next_round()
        self.stage.tell(faults={})
        self._read(full=False)  # what was interrupted is finished
        self._read(full=True)
        self._equal()
        self.outcome.figures = {
            "rounds": self.rounds,
            "answers that went wrong": dict(sorted(self.stage.asked()["met"].items())),
            "runs of the disturbed chapter": self.ended,
        }
        return self.outcome

    def _round(self) -> None:
        self.stage.tell(faults={"seed": self.seed + self.stage.round, "rate": self.rate, "chapter": DISTURBED})
        before = self._runs(DISTURBED)
        self._read(full=self.stage.round % 3 == 2)
        found = self.outcome.findings
        with plain_connection() as own:
            self._control(own)
            known = self._known(own, DISTURBED)
        found.add(self._audit(known, DISTURBED).whole())
        for run in known.runs:
            if run["id"] not in before:
                self.ended[run["state"]] = self.ended.get(run["state"], 0) + 1
                found.add(self._told(known, run))
        for resource, state in known.states.items():
            found.add(self._before_the_place(known, resource, state))

    def _read(self, *, full: bool) -> None:
        time_passes()
        self.stage.request(full=full)
        self.stage.until_read(meanwhile=time_passes)

    def _runs(self, slug: str) -> set[UUID]:
        with hub.enter(slug):
            return set(SyncRun.objects.values_list("pk", flat=True))

    def _known(self, own: Any, slug: str) -> Known:
        return snapshot(own, self.stage.chapters[slug].schema_name, self.stage.connections[slug])

    def _audit(self, known: Known, slug: str, *, at_rest: bool = False) -> Audit:
        stage = self.stage
        return Audit(known, slug, stage.connections[slug], stage.size, stage.round, at_rest=at_rest)

    def _control(self, own: Any) -> None:
        """The other chapter notices nothing."""
        known = self._known(own, CONTROL)
        self.outcome.findings.add(self._audit(known, CONTROL, at_rest=True).findings())
        for run in known.runs:
            if run["state"] not in ENDED_RIGHT:
                self.outcome.findings.other.append(
                    f"{CONTROL}: a run of {run['resource']} is {run['state']}: {run['message']}"
                )

    # --- right, or said -----------------------------------------------------------------------------------------------

    def _told(self, known: Known, run: dict[str, Any]) -> Findings:
        """What a run that has ended says of itself is so."""
        found, resource = Findings(), run["resource"]
        if not _SENTENCE.match(run["message"]) and run["message"] != "Nothing new.":
            found.other.append(f"{DISTURBED}: a run of {resource} is {run['state']} and says only '{run['message']}'")
        if run["state"] == "succeeded" and run["quarantined"]:
            found.other.append(f"{DISTURBED}: a run of {resource} set {run['quarantined']} aside and says it succeeded")
        if run["state"] in ENDED_RIGHT:
            found.add(
                self._covered(known, resource, self._listed(resource), known.states[resource]["last_complete_at"])
            )
        return found

    def _before_the_place(self, known: Known, resource: str, state: dict[str, Any]) -> Findings:
        """What a run that did not end right has left behind it: here, or set aside."""
        found, listed = Findings(), self._listed(resource)
        if position := state["position"]:
            asked = book.asked_with(position["since"]) if position["since"] else ""
            shown = self._listed(resource, asked)
            before = shown[: book.shown_before(resource, position["place"])]
            found.add(self._covered(known, resource, before, datetime.fromisoformat(position["began"])))
        if resource == "contacts" and state["cursor"]:
            before = [one for one in listed if one["updated"] <= _spelt(state["cursor"])]
            found.add(self._covered(known, resource, before, state["last_complete_at"]))
        return found

    def _listed(self, resource: str, since: str = "") -> list[records.Record]:
        return records.listing(self.stage.size, DISTURBED, resource, self.stage.round, since)

    def _covered(self, known: Known, resource: str, listed: list[records.Record], began: datetime) -> Findings:
        """Every record is here as it was listed since the read began, or set aside with a reason."""
        found = Findings()
        here = {one["external_id"]: one["record_id"] for one in known.links if one["resource"] == resource}
        aside = [one for one in known.set_aside if one["resource"] == resource]
        unreasoned = [
            one for one in aside if not one["reasons"] or not all(reason["message"] for reason in one["reasons"])
        ]
        found.other += [
            f"{DISTURBED}: {resource} {one['external_id']} is set aside without a reason" for one in unreasoned
        ]
        keys, keyless = known.quarantined(resource), [one["body"] for one in aside if not one["external_id"]]
        for one in listed:
            said = said_by(resource, known.rows(resource).get(here.get(one["id"], UUID(int=0))))
            shown = self._shown(resource, one["id"], began)
            if None in shown or one["id"] in keys or any(self._right(resource, one, said, keyless) for one in shown):
                continue
            found.lost.append(
                f"{DISTURBED}: {resource} {one['id']} of round {self.stage.round} is not here and not set aside: {said}"
            )
        return found

    def _shown(self, resource: str, key: str, began: datetime) -> list[records.Record | None]:
        """As what a record may have been read; None where it was not there. Contacts come by their last change, so that a
        change is always still to come; of others it may fall into what was read already, if the read went over rounds."""
        stage = self.stage
        first = stage.round if resource == "contacts" else stage.round_of(began)
        return [records.one_of(stage.size, DISTURBED, resource, q, key) for q in range(first, stage.round + 1)]

    def _right(self, resource: str, one: records.Record, said: Any, keyless: list[str]) -> bool:
        wanted = wanted_of(self.stage.size, DISTURBED, self.stage.round, resource, one)
        return said == wanted or any(_is(one, body) for body in keyless)

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def _equal(self) -> None:
        """Table by table, the disturbed chapter is the control's."""
        with plain_connection() as own:
            self._control(own)
            found = self._audit(self._known(own, DISTURBED), DISTURBED).whole()
            known = self._known(own, DISTURBED)
            for resource in records.RESOURCES:
                if aside := known.quarantined(resource) & {one["id"] for one in self._listed(resource)}:
                    found.other.append(f"{DISTURBED}: {resource} still set aside after a clean sync: {sorted(aside)}")
                there, here = self._table(own, CONTROL, resource), self._table(own, DISTURBED, resource)
                for key in sorted(there.keys() | here.keys()):
                    if there.get(key) != here.get(key):
                        found.lost.append(
                            f"{DISTURBED}: {resource} {key} is {here.get(key)} and should be {there.get(key)}"
                        )
        self.outcome.findings.add(found)

    def _table(self, own: Any, slug: str, resource: str) -> dict[str, str]:
        with own.transaction():
            own.execute("SELECT set_config('search_path', %s, true)", [self.stage.chapters[slug].schema_name])
            rows = own.execute(_ROWS[resource] + _JOIN, [self.stage.connections[slug], resource]).fetchall()
        same = {CONTROL: DISTURBED, CONTROL.title(): DISTURBED.title(), CONTROL[:3].upper(): DISTURBED[:3].upper()}
        return {key: re.sub("|".join(same), lambda found: same[found[0]], str(row)) for key, row in rows}


def _is(one: records.Record, body: str) -> bool:
    """Whether that is the record, sent without its key or as something else."""
    name = one.get("name") or one.get("number")
    return f'in the place of {one["id"]}"' in body or (f'"{name}"' in body and f'"version": {one["version"]}' in body)


def _spelt(cursor: str) -> str:
    return cursor.replace("+00:00", "Z")
