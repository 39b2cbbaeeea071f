from django.apps import AppConfig


class HubConfig(AppConfig):
    name = "integrations.hub"
    label = "hub"
    verbose_name = "Hub"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 registers the system checks
