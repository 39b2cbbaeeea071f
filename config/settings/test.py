"""The test suite: fast password hashing, static files without a manifest, the hub on `hub.localhost`, and a broker that
nobody listens to unless a test or BROKER_URL names one."""

import os

from .base import *
from .base import DATABASES, env

SECRET_KEY = "tests-only"  # noqa: S105
ALLOWED_HOSTS = ["*"]
HUB_DOMAIN = "hub.localhost"
PUBLIC_URL = "http://hub.localhost"
STORAGES = {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
BROKER_URL = env("BROKER_URL", default="memory://")
BROKER_QUEUE = env("BROKER_QUEUE", default="chapterhouse-test")

# Whatever DATABASE_URL names, a test reaches its test database or none: where no collected test is seen to want one, pytest
# makes none, and a fixture that writes would write into the real one. Each worker of pytest-xdist has one of its own, as have
# the processes that its tests start.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
_name = f"test_{str(DATABASES['default']['NAME']).removeprefix('test_')}{_worker and f'_{_worker}'}"
DATABASES["default"].update(NAME=_name, TEST={"NAME": _name})
