"""Settings shared by every environment; each value a deployment may change comes from an environment variable.

`.env.example` lists every variable read here.
"""

from pathlib import Path

import django
import environ

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DEFAULT_SECRET_KEY = "insecure-development-key-never-for-production"  # noqa: S105 refused by production.py
# 32 zero bytes, base64: development only, refused by production.py
DEFAULT_MASTER_KEYS = "dev:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

SECRET_KEY = env("SECRET_KEY", default="") or DEFAULT_SECRET_KEY
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])

# --- chapters ---------------------------------------------------------------------------------------------------------
# The hub answers on this host; every chapter on a host of its own (hub.Domain).
HUB_DOMAIN = env("HUB_DOMAIN", default="localhost")
# scheme://host[:port] of the hub as browsers and vendors see it: OAuth redirects and webhooks are built from it.
PUBLIC_URL = env("PUBLIC_URL", default="") or "http://localhost:8000"

# Read from `public` where a schema does not exist, so every overlap is deliberate (see integrations.hub.checks).
SHARED_AND_CHAPTER_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "integrations.marketplace.apps.ChapterAdminConfig",  # django.contrib.admin with our site
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
    CONN_MAX_AGE=int(env("DATABASE_CONN_MAX_AGE", default="") or 0) or None,
    CONN_HEALTH_CHECKS=True,
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "integrations.marketplace.csp.ContentSecurityPolicyMiddleware",
    "integrations.api.problems.ProblemMiddleware",
    "integrations.hub.middleware.StorableTextMiddleware",
    "integrations.hub.middleware.ChapterMiddleware",
    "integrations.marketplace.clock.ChapterTimeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "integrations.changes.middleware.OriginMiddleware",
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
        # Django's own admin templates before those of django-tenants, which style themselves inline.
        "DIRS": [BASE_DIR / "templates", Path(django.__file__).parent / "contrib" / "admin" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"marketplace": "integrations.marketplace.tags"},
        },
    }
]

LANGUAGE_CODE = "en-au"
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "integrations" / "marketplace" / "static"]

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
# A form of field mappings has two cells for every row of every table.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
# Nothing from elsewhere, nothing inline. A page that needs more says so and why (integrations.marketplace.csp).
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
}

DEFAULT_EXCEPTION_REPORTER = "integrations.error_reports.Report"
DEFAULT_EXCEPTION_REPORTER_FILTER = "integrations.error_reports.ReportFilter"

# --- secrets ----------------------------------------------------------------------------------------------------------
# "<key id>:<base64 of 32 bytes>", comma-separated, newest first: all decrypt, the first encrypts.
MASTER_KEYS = env("MASTER_KEYS", default="") or DEFAULT_MASTER_KEYS

# --- jobs -------------------------------------------------------------------------------------------------------------
BROKER_URL = env("BROKER_URL", default="") or "filesystem://"
BROKER_DIR = Path(env("BROKER_DIR", default="") or BASE_DIR / ".demo" / "broker")
BROKER_QUEUE = env("BROKER_QUEUE", default="chapterhouse")
WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=2)
JOB_IN_FLIGHT_PER_CHAPTER = env.int("JOB_IN_FLIGHT_PER_CHAPTER", default=4)
# How long a silent worker is believed to be alive; a job kind may say otherwise.
JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=60)
# How often what is due and unclaimed is put in front of the workers again.
JOB_TICK_SECONDS = env.int("JOB_TICK_SECONDS", default=5)
# How long a worker goes on with one job after another before it takes the next message.
JOB_DRAIN_SECONDS = env.int("JOB_DRAIN_SECONDS", default=20)
# Hard limit of one message's work in seconds (a drain and its last job); a minute before it the job is told.
JOB_TIME_LIMIT = env.int("JOB_TIME_LIMIT", default=3600)
JOB_BACKOFF_SECONDS = env.float("JOB_BACKOFF_SECONDS", default=10)
JOB_KEEP_DAYS = env.int("JOB_KEEP_DAYS", default=7)
# What changed, from what to what: history, and what undo works from.
CHANGES_KEEP_DAYS = env.int("CHANGES_KEEP_DAYS", default=120)
# How long resolved set-aside records and finished sync runs are kept; 0 = for ever.
QUARANTINE_KEEP_DAYS = env.int("QUARANTINE_KEEP_DAYS", default=90)
RUN_KEEP_DAYS = env.int("RUN_KEEP_DAYS", default=180)
# How long it is kept that a change was sent; the newest of each record stays. 0 = for ever.
SENT_KEEP_DAYS = env.int("SENT_KEEP_DAYS", default=30)
# Dotted name of a function text -> text that takes secrets out of what is kept as a job's last error.
JOB_REDACT = "integrations.http.redaction.redact"

# --- what waits for a person ------------------------------------------------------------------------------------------
# A sync that would change or delete more than both of these waits for approval: so many records, and such a share (in per
# cent) of what is linked.
PLAN_ABOVE_RECORDS = env.int("PLAN_ABOVE_RECORDS", default=100)
PLAN_ABOVE_PERCENT = env.int("PLAN_ABOVE_PERCENT", default=25)

# --- the door out -----------------------------------------------------------------------------------------------------
# http(s)://host:port of the lab. Empty = no lab: connections in the "lab" environment cannot be made or used.
PROVIDERS_PACKAGE = "providers"

LAB_URL = env("LAB_URL", default="")

# --- what vendors deliver ---------------------------------------------------------------------------------------------
# A delivery that is larger is refused before it is read.
WEBHOOK_MAX_BYTES = env.int("WEBHOOK_MAX_BYTES", default=1_000_000)
# How long what was delivered, and done, is kept: no shorter than vendors repeat themselves.
WEBHOOK_KEEP_DAYS = env.int("WEBHOOK_KEEP_DAYS", default=30)
# --- webhooks we send -------------------------------------------------------------------------------------------------
# Hosts inside our own network that events may be sent to, "host[:port]" each, also by plain http. No other may be private.
WEBHOOK_PRIVATE_HOSTS = env.list("WEBHOOK_PRIVATE_HOSTS", default=[])
# How long events, their deliveries and attempts are kept, and can be replayed.
WEBHOOK_EVENTS_KEEP_DAYS = env.int("WEBHOOK_EVENTS_KEEP_DAYS", default=30)

# --- API --------------------------------------------------------------------------------------------------------------
# How many requests one key or person may make in a minute, over all processes.
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=600)
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "integrations.api.openapi.ApiSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "integrations.api.authentication.ApiKeyAuthentication",
        "integrations.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["integrations.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["integrations.api.throttling.CallerThrottle"],
    "DEFAULT_PARSER_CLASSES": ["integrations.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "integrations.api.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Chapterhouse API",
    "DESCRIPTION": (
        "A chapter's integrations: connect them, set them, sync them, read what they brought.\n\n"
        "`/integrations/{slug}/...` means the only connection of that integration (409 naming them when there are several);"
        " `/connections/{id}/...` means any. Errors are problem documents (RFC 9457). Long lists come in pages: follow `next`."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "integrations.api.openapi.describe_paths",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ConnectionStatusEnum": "integrations.connections.models.Connection.Status",
        "RecordStateEnum": "integrations.sync.models.RecordLink.State",
        "RunStateEnum": "integrations.sync.models.SyncRun.State",
        "InboundEventStateEnum": "integrations.inbound.models.InboundEvent.State",
        "DeliveryStateEnum": "integrations.outbound.models.Delivery.State",
        "DuplicateStateEnum": "integrations.matching.models.MatchReview.State",
    },
    # More operations than one reads through: by their headings, and by a word.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none", "filter": True},
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
