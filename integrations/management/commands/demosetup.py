"""The demo's sample chapters: made, connected to the lab, synced once, and told about on the screen."""

from __future__ import annotations

import secrets
import signal
import time
import urllib.request
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import hub
from integrations.connections import services as connections
from integrations.connections.models import Connection
from integrations.hub.models import Chapter
from integrations.hub.models.providers import Environment
from integrations.management.commands.createchapter import create
from integrations.roles import ROLES
from integrations.sync import services as syncing
from integrations.sync import waiting
from integrations.sync.models import SyncRun

PASSWORD = "chapterhouse-demo"  # noqa: S105 printed on the screen: the demo's own
CHAPTERS = {
    "sydney": {"name": "Sydney Chapter", "country": "AU", "base_currency": "AUD", "timezone": "Australia/Sydney"},
    "melbourne": {
        "name": "Melbourne Chapter",
        "country": "AU",
        "base_currency": "AUD",
        "timezone": "Australia/Melbourne",
    },
}
PATIENCE = 240  # seconds the first sync may take


class Command(BaseCommand):
    help = "Part of `demo`: make the sample chapters, connect them to the lab, wait for the first sync."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--began", type=float, default=time.time())
        parser.add_argument("--stay", action="store_true", help="do not end when done")

    def handle(self, *args: Any, **options: Any) -> None:
        for url in (f"{settings.LAB_URL}/_lab/state", f"http://127.0.0.1:{options['port']}/healthz"):
            wait_for(url)
        make_hub_operator()
        for slug, fields in CHAPTERS.items():
            chapter = Chapter.objects.filter(slug=slug).first() or create(
                slug=slug, domain=f"{slug}.localhost", **fields
            )
            with hub.enter(chapter):
                make_users(slug)
                connect_all(slug)
        totals = {slug: self.wait_for_first_sync(slug) for slug in CHAPTERS}
        self.tell(options["port"], totals, time.time() - options["began"])
        if options["stay"]:
            signal.sigwait({signal.SIGTERM, signal.SIGINT})

    def wait_for_first_sync(self, slug: str) -> Counter[str]:
        """First the plans, which the demo says yes to as a person would; then what they bring."""
        until = time.monotonic() + PATIENCE
        while True:
            with hub.enter(slug):
                approve_first_plans(slug)
                runs = list(SyncRun.objects.filter(decision="", connection__name__in=names(slug)))
            unfinished = [run for run in runs if run.state in syncing.UNFINISHED]
            planned = [run for run in runs if run.state == SyncRun.State.PLANNED and run.plan_only]
            if runs and not unfinished and not planned:
                break
            if time.monotonic() > until:
                raise CommandError(
                    f"The first sync of {slug} did not finish: {len(unfinished)} runs are still waiting."
                )
            time.sleep(0.3)
        failed = [f"{run.resource}: {run.message}" for run in runs if run.state == SyncRun.State.FAILED]
        if failed:
            raise CommandError(f"The first sync of {slug} failed:\n" + "\n".join(failed))
        return Counter(
            created=sum(r.created for r in runs), quarantined=sum(r.quarantined for r in runs), runs=len(runs)
        )

    def tell(self, port: int, totals: dict[str, Counter[str]], seconds: float) -> None:
        lines = [f"Ready after {seconds:.0f} seconds.", ""]
        for slug, total in totals.items():
            lines += [
                f"  {CHAPTERS[slug]['name']}: http://{slug}.localhost:{port}/   (administration: /admin/)",
                f"    Xero, Stripe, Mailchimp: {total['created']} records, {total['quarantined']} set aside with a reason",
                *(f"    {login(role, slug):<42} {role}" for role in ROLES),
            ]
        lines += [
            f"  The hub: http://localhost:{port}/admin/",
            "    operator@localhost                         Hub operator",
            f"  Password of every login: {PASSWORD}",
        ]
        self.stdout.write("\n".join(lines))


def names(slug: str) -> tuple[str, str, str]:
    """The demo's own connections. What somebody else connected here is theirs to decide about."""
    return f"{slug.title()} ledger", "Card payments", "Newsletter"


def approve_first_plans(slug: str) -> None:
    """Say yes to the first plans of every connection of the demo's that has planned all it reads."""
    for connection in Connection.objects.filter(status=Connection.Status.CONNECTED, name__in=names(slug)):
        if not SyncRun.objects.filter(connection=connection, state__in=syncing.UNFINISHED).exists():
            for run in waiting.first(waiting.runs(connection)):
                syncing.approve(run)


def wait_for(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # nosec B310
                return
        except OSError as error:
            if time.monotonic() > until:
                raise CommandError(f"{url} did not answer: {error}") from error
            time.sleep(0.2)


def login(role: str, slug: str) -> str:
    return f"{role.lower().replace(' ', '.')}@{slug}.localhost"


def make_hub_operator() -> None:
    if not User.objects.filter(username="operator@localhost").exists():
        User.objects.create_superuser("operator@localhost", "operator@localhost", PASSWORD)


def make_users(slug: str) -> None:
    for role in ROLES:
        email = login(role, slug)
        user, made = User.objects.get_or_create(username=email, defaults={"email": email, "is_staff": True})
        if made:
            user.set_password(PASSWORD)
            user.save()
            user.groups.add(Group.objects.get(name=role))


def connect_all(slug: str) -> None:
    """Xero through its authorisation page, Stripe and Mailchimp by key: as a person would."""
    ledger, cards, newsletter = names(slug)
    connected = set(Connection.objects.values_list("provider", flat=True))
    if "xero" not in connected:
        connect_by_oauth("xero", ledger, slug)
    if "stripe" not in connected:
        connect_by_key("stripe", cards, f"rk_test_{slug}Demo0000000000000000")
    if "mailchimp" not in connected:
        connect_by_key("mailchimp", newsletter, f"{slug:0<32}-us1")


def connect_by_key(provider: str, name: str, key: str) -> None:
    connections.connect_with_secret(
        provider=provider, name=name, auth_kind="api_key", fields={"key": key}, environment=Environment.LAB
    )


def connect_by_oauth(provider: str, name: str, sign_in: str) -> None:
    browser = secrets.token_urlsafe(32)
    url = connections.begin_oauth(
        provider=provider,
        name=name,
        environment=Environment.LAB,
        user=User.objects.filter(is_staff=True).first(),
        browser=browser,
        return_to="/marketplace/",
    )
    answer = requests.get(f"{url}&auto=1&login={sign_in}", allow_redirects=False, timeout=10)
    parameters = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    connection = connections.finish_oauth(params=parameters, browser=browser)
    if connection.status != Connection.Status.CONNECTED:
        connections.choose_account(connection, connections.accounts(connection)[0]["id"])
