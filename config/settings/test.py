"""The test suite: fast password hashing, static files without a manifest, the hub on `hub.test`."""

from .base import *

SECRET_KEY = "tests-only"  # noqa: S105
ALLOWED_HOSTS = ["*"]
HUB_DOMAIN = "hub.localhost"
PUBLIC_URL = "http://hub.localhost"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
