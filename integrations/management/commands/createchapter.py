"""Create a chapter: its schema, its domain, its roles and its first administrator."""

from __future__ import annotations

import os
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from integrations import hub
from integrations.hub.models import Chapter, Domain
from integrations.roles import CHAPTER_ADMIN, apply_roles


class Command(BaseCommand):
    help = "Create a chapter: schema, domain, roles, first administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="2 to 40 lower-case letters, digits and hyphens")
        parser.add_argument("name")
        parser.add_argument("--domain", help=f"default: <slug>.{settings.HUB_DOMAIN}")
        parser.add_argument("--country", default="AU", help="ISO 3166 code (default: AU)")
        parser.add_argument("--currency", default="AUD", help="ISO 4217 code of the ledger (default: AUD)")
        parser.add_argument("--timezone", default="Australia/Sydney")
        parser.add_argument(
            "--admin", metavar="EMAIL", help="first administrator (password: CHAPTER_ADMIN_PASSWORD or made up)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chapter = create(
            slug=options["slug"],
            name=options["name"],
            domain=options["domain"] or f"{options['slug']}.{settings.HUB_DOMAIN}",
            country=options["country"].upper(),
            base_currency=options["currency"].upper(),
            timezone=options["timezone"],
        )
        if options["admin"]:
            given = os.environ.get("CHAPTER_ADMIN_PASSWORD", "")
            password = given or secrets.token_urlsafe(12)
            with hub.enter(chapter):
                user = User.objects.create_user(options["admin"], options["admin"], password, is_staff=True)
                user.groups.add(Group.objects.get(name=CHAPTER_ADMIN))
            self.stdout.write(f"Administrator {options['admin']}" + ("" if given else f", password {password}"))
        self.stdout.write(self.style.SUCCESS(f"Chapter '{chapter.name}' answers at {chapter.domains.get().domain}"))


@transaction.atomic
def create(*, domain: str, **fields: str) -> Chapter:
    """The chapter, with its schema migrated and its roles made. CommandError when a value is wrong or taken."""
    chapter = Chapter(**fields)
    try:
        chapter.full_clean(exclude=["schema_name", "data_key"])
    except ValidationError as error:
        wrong = [f"{name}: {message}" for name, messages in error.message_dict.items() for message in messages]
        raise CommandError("; ".join(wrong)) from error
    if Domain.objects.filter(domain=domain).exists():
        raise CommandError(f"The domain {domain} belongs to another chapter.")
    chapter.save()
    Domain.objects.create(domain=domain, tenant=chapter)
    with hub.enter(chapter):
        apply_roles()
    return chapter
