from django.apps import AppConfig
from django.db.models.signals import post_migrate


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 registers the system checks
        from .api import checks as checks_of_the_api  # noqa: F401
        from .changes.install import install_after_migrate
        from .inbound import receivers as inbound_receivers  # noqa: F401
        from .inbound import tasks as inbound_tasks  # noqa: F401
        from .outbound import platform
        from .outbound import receivers as outbound_receivers  # noqa: F401 what others do that events tell of
        from .outbound import tasks as outbound_tasks  # noqa: F401 kinds of jobs
        from .sync import receivers, retry, tasks, undo_job, upkeep  # noqa: F401 what connecting sets going; kinds of jobs

        platform.register_types()
        post_migrate.connect(install_after_migrate, sender=self, dispatch_uid="changes.install")
