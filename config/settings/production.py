"""Production: refuses to start with a default secret, an empty host list or a lab."""

from django.core.exceptions import ImproperlyConfigured

from .base import *
from .base import (
    ALLOWED_HOSTS,
    DEFAULT_MASTER_KEYS,
    DEFAULT_SECRET_KEY,
    LAB_URL,
    MASTER_KEYS,
    PUBLIC_URL,
    SECRET_KEY,
    env,
)

_problems = [
    problem
    for problem, wrong in {
        "SECRET_KEY is the development default: set 50 or more random characters": SECRET_KEY == DEFAULT_SECRET_KEY,
        "SECRET_KEY is shorter than 50 characters": len(SECRET_KEY) < 50,
        "MASTER_KEYS is the development default: set '<id>:<base64 of 32 random bytes>'": (
            DEFAULT_MASTER_KEYS.partition(":")[2] in MASTER_KEYS
        ),
        "ALLOWED_HOSTS is empty: name the hub's host and a pattern for the chapters'": not ALLOWED_HOSTS,
        "PUBLIC_URL must be https://...": not PUBLIC_URL.startswith("https://"),
        "DATABASE_URL is not set": not env("DATABASE_URL", default=""),
        "BROKER_URL is not set: name a Redis or RabbitMQ broker": not env("BROKER_URL", default=""),
        "LAB_URL is set: the lab never runs in production": bool(LAB_URL),
    }.items()
    if wrong
]
if _problems:
    raise ImproperlyConfigured("Chapterhouse refuses to start:\n- " + "\n- ".join(_problems))

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
