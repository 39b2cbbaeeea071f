"""Settings shared by every environment; each value a deployment may change comes from an environment variable.

`.env.example` lists every variable read here.
"""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DEFAULT_SECRET_KEY = "insecure-development-key-never-for-production"  # noqa: S105 refused by production.py
# 32 zero bytes, base64: development only, refused by production.py
DEFAULT_MASTER_KEYS = "dev:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

SECRET_KEY = env("SECRET_KEY", default=DEFAULT_SECRET_KEY)
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])

# --- chapters ---------------------------------------------------------------------------------------------------------
# The hub answers on this host; every chapter on a host of its own (hub.Domain).
HUB_DOMAIN = env("HUB_DOMAIN", default="localhost")
# scheme://host[:port] of the hub as browsers and vendors see it: OAuth redirects and webhooks are built from it.
PUBLIC_URL = env("PUBLIC_URL", default="http://localhost:8000")

# Read from `public` where a schema does not exist, so every overlap is deliberate (see integrations.hub.checks).
SHARED_AND_CHAPTER_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.admin",
]
SHARED_APPS = [
    "django_tenants",
    "integrations.hub",
    *SHARED_AND_CHAPTER_APPS,
    "django_celery_beat",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
CHAPTER_APPS = [*SHARED_AND_CHAPTER_APPS, "integrations", "members", "finance"]
TENANT_APPS = CHAPTER_APPS  # django-tenants' name
INSTALLED_APPS = [*SHARED_APPS, *(app for app in CHAPTER_APPS if app not in SHARED_APPS)]

TENANT_MODEL = "hub.Chapter"
TENANT_DOMAIN_MODEL = "hub.Domain"
# Off on purpose: with it, a rolled-back savepoint could leave the connection in another chapter's schema.
TENANT_LIMIT_SET_CALLS = False
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]

# --- the stack --------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL", default="postgres://root@127.0.0.1:5432/chapterhouse")}
DATABASES["default"].update(
    ENGINE="django_tenants.postgresql_backend",
    CONN_MAX_AGE=env.int("DATABASE_CONN_MAX_AGE", default=None) if env("DATABASE_CONN_MAX_AGE", default="") else None,
    CONN_HEALTH_CHECKS=True,
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "integrations.hub.middleware.ChapterMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
HUB_URLCONF = "config.urls_hub"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

LANGUAGE_CODE = "en-au"
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/marketplace/"
LOGOUT_REDIRECT_URL = "/login/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"

# --- secrets ----------------------------------------------------------------------------------------------------------
# "<key id>:<base64 of 32 bytes>", comma-separated, newest first: all decrypt, the first encrypts.
MASTER_KEYS = env("MASTER_KEYS", default=DEFAULT_MASTER_KEYS)

# --- jobs -------------------------------------------------------------------------------------------------------------
BROKER_URL = env("BROKER_URL", default="filesystem://")
BROKER_DIR = Path(env("BROKER_DIR", default=str(BASE_DIR / ".demo" / "broker")))
JOB_IN_FLIGHT_PER_CHAPTER = env.int("JOB_IN_FLIGHT_PER_CHAPTER", default=4)
JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=60)
JOB_TICK_SECONDS = env.int("JOB_TICK_SECONDS", default=5)

# --- the door out -----------------------------------------------------------------------------------------------------
# http(s)://host:port of the lab. Empty = no lab: connections in the "lab" environment cannot be made or used.
PROVIDERS_PACKAGE = "providers"

LAB_URL = env("LAB_URL", default="")

# --- API --------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Chapterhouse API",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "secrets": {"()": "integrations.http.redaction.SecretFilter"},
        "never_debug": {"()": "integrations.http.redaction.NeverDebug"},
    },
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["secrets"]}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django's own handlers would write around the filter.
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # These write tokens, or addresses with them, at DEBUG: never, whatever level somebody sets.
        "requests_oauthlib.oauth2_session": {"filters": ["never_debug"]},
        "urllib3.connectionpool": {"filters": ["never_debug"]},
        "stripe": {"filters": ["never_debug"]},
        **{name: {"level": "WARNING"} for name in ("requests_oauthlib", "oauthlib", "urllib3")},
    },
}
