"""The WSGI application. The product runs on WSGI only: a schema is a property of the thread's connection."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

_django = get_wsgi_application()

from integrations.inbound.wsgi import Intake  # noqa: E402 needs the apps to be there

application = Intake(_django)
