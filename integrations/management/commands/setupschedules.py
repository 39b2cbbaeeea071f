"""`manage.py setupschedules`: makes the few periodic tasks of django-celery-beat. `migrate` does so too."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from integrations.hub.jobs import beat


class Command(BaseCommand):
    help = "Makes the periodic tasks that drive the jobs; safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        beat.set_up()
        self.stdout.write("The schedules are set up.")
