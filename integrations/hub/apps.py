from django.apps import AppConfig


class HubConfig(AppConfig):
    name = "integrations.hub"
    label = "hub"
    verbose_name = "Hub"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.apps import apps
        from django.db.models.signals import post_migrate

        from . import (
            checks,  # noqa: F401 registers the system checks
            content_types,
        )
        from .jobs import beat, messages  # noqa: F401 registers the Celery tasks

        content_types.separate()
        post_migrate.connect(beat.set_up_after_migrate, sender=apps.get_app_config("django_celery_beat"))
