from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 registers the system checks
        from .api import checks as checks_of_the_api  # noqa: F401
        from .sync import receivers, tasks  # noqa: F401 register what connecting sets going, and the kinds of jobs
