"""What recognising people costs a first load: `matching.py [--count 100000]`; DATABASE_URL names a database for scratch.

Unlinked members are brought in by batches of 5,000, as the engine does it, without rules and with them: where nobody is here
yet, where as many strangers are here already, and where a tenth of those are the same people, written otherwise (what their
linking costs is in it too). Each is a chapter
of its own, made and dropped. Only ratios within one run mean anything.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

django.setup()

from django.db import connection as database  # noqa: E402
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.limit import backend_cpu  # noqa: E402
from integrations import hub, targets  # noqa: E402
from integrations.connections.models import Connection  # noqa: E402
from integrations.hub.models import Chapter  # noqa: E402
from integrations.mapping.compile import compile_mapping  # noqa: E402
from integrations.provider import Field, Mapping, PageNumber, Resource, convert  # noqa: E402
from integrations.sync.apply import apply  # noqa: E402
from integrations.sync.batch import Counts, Route  # noqa: E402
from integrations.sync.pull import MOST_RECORDS, collecting_seldom  # noqa: E402
from members.models import Member  # noqa: E402

PERSON = Mapping(
    Field("display_name", "name", convert.text, required=True),
    Field("given_name", "first", convert.text),
    Field("family_name", "last", convert.text),
    Field("email", "email", convert.lower),
    Field("phone", "phone", convert.text),
    Field("birth_date", "born", convert.day),
    Field("member_number", "number", convert.text),
)
RESOURCE = Resource(
    "people",
    path="/people",
    records="people",
    key="id",
    target="members.member",
    mapping=PERSON,
    pages=PageNumber(size=100),
)
FIRST = [
    f"{a}{b}"
    for a in ("An", "Be", "Cor", "Da", "El", "Fri", "Gre", "Ho")
    for b in ("a", "na", "lia", "ton", "mar", "ie")
]


def people(count: int, seed: int, same: float) -> list[dict[str, object]]:
    """`same`: the share of people whom every seed has, who write their names in capitals there."""
    found = []
    for number in range(count):
        shared = number < count * same
        chance = random.Random(number if shared else seed * 10_000_000 + number)
        first, last = chance.choice(FIRST), f"Name{chance.randrange(30_000)}"
        who = f"{number}" if shared else f"{seed}-{number}"
        born = f"{chance.randrange(1930, 2010)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
        loud = shared and seed % 2
        found.append({
            "id": f"{seed}-{number}", "name": f"{first} {last}", "first": first.upper() if loud else first,
            "last": last.upper() if loud else last, "email": f"p{who}@example.org",
            "phone": f"04{chance.randrange(10**8):08}", "born": born, "number": f"M{seed}-{number}" if not shared else None,
        })  # fmt: skip
    return found


def cpu() -> float:
    """Of this process and its database's: a busy machine distorts it less than the clock."""
    return time.process_time() + backend_cpu(database.connection.info.backend_pid)


def load(route: Route, records: list[dict[str, object]]) -> tuple[float, Counts]:
    counts, began = Counts(), cpu()
    with collecting_seldom():
        for start in range(0, len(records), MOST_RECORDS):
            with transaction.atomic():
                counts.add(apply(route, records[start : start + MOST_RECORDS], timezone.now()).counts)
    return cpu() - began, counts


def measured(name: str, count: int, *, rules: bool, crowd: str) -> float:
    slug = f"bench{name}"
    database.set_schema_to_public()
    chapter = Chapter.objects.filter(slug=slug).first() or Chapter.objects.create(slug=slug, name=slug)
    target, same = targets.get("members.member"), 0.1 if crowd == "tenth" else 0.0
    try:
        with hub.enter(chapter):

            def route(account: str, *, matching: bool) -> Route:
                connection = Connection.objects.create(provider="bench", name=account, auth_kind="none")
                its = target if matching else dataclasses.replace(target, matching=None)
                return Route(
                    connection=connection, resource=RESOURCE, target=its, mapping=compile_mapping(RESOURCE, {})
                )

            if crowd:
                load(route("other", matching=False), people(count, 2, same))
                with database.cursor() as cursor:
                    cursor.execute("ANALYZE members_member")
            seconds, counts = load(route("first", matching=rules), people(count, 1, same))
            print(f"{name:28} {seconds:6.2f} s CPU  {Member.objects.count():,} members, {counts}")
            return seconds
    finally:
        database.set_schema_to_public()
        with database.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA IF EXISTS "c_{slug}" CASCADE')
        Chapter.objects.filter(slug=slug).delete()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    count = parser.parse_args().count
    for crowd in ("", "strangers", "tenth"):
        plain = measured(f"{crowd or 'empty'}plain", count, rules=False, crowd=crowd)
        with_rules = measured(f"{crowd or 'empty'}rules", count, rules=True, crowd=crowd)
        print(f"  {with_rules / plain:.2f} of plain")
