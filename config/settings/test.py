"""The test suite: fast password hashing, static files without a manifest, the hub on `hub.localhost`, and a broker that
nobody listens to unless a test or BROKER_URL names one."""

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
# makes none, and a fixture that writes would write into the real one.
_name = str(DATABASES["default"]["NAME"]).removeprefix("test_")
DATABASES["default"].update(NAME=f"test_{_name}", TEST={"NAME": f"test_{_name}"})
