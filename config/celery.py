"""The Celery application: the engine that wakes workers. What is to be done stands in PostgreSQL (integrations.hub.jobs), so
a message here may be lost, doubled or late without harm, on any of the three brokers."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from django.conf import settings
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

# kombu's own lets a reader see a message before it is written, which stops the reading worker.
TRANSPORT_ALIASES["filesystem"] = "config.folder_broker:Transport"

CONNECT_SECONDS = 1


def configuration() -> dict[str, Any]:
    url = str(settings.BROKER_URL)
    folder = urlsplit(url).scheme == "filesystem"
    return {
        "broker_url": url,
        "broker_transport_options": transport_options(url),
        # Publishing gives up fast, and the job waits for the tick; a worker waits for its broker as long as it takes.
        "broker_connection_timeout": CONNECT_SECONDS,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_publish_retry": False,
        "task_default_queue": settings.BROKER_QUEUE,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "result_expires": None,
        # Early, not late: the job's own lease brings back the work of a worker that died. A redelivered message would only
        # wake one more worker, after the broker's visibility or consumer timeout, which a long job must not meet.
        "task_acks_late": False,
        "task_time_limit": settings.JOB_TIME_LIMIT,
        "task_soft_time_limit": settings.JOB_TIME_LIMIT - 60,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": settings.WORKER_CONCURRENCY,
        "worker_max_tasks_per_child": 500,
        # Waiting is `run_at` in the job's row: a message with an ETA is nobody's here, and must not fill the memory.
        "worker_eta_task_limit": 100,
        "worker_hijack_root_logger": False,
        # A folder has no broadcast, which inspecting a running worker needs.
        "worker_enable_remote_control": not folder,
        "beat_scheduler": "django_celery_beat.schedulers:DatabaseScheduler",
        "beat_max_loop_interval": settings.JOB_TICK_SECONDS,
        "timezone": "UTC",
    }


def transport_options(url: str) -> dict[str, Any]:
    """What each broker needs to be told. None of them may make a publisher wait."""
    publishing = {"max_retries": 0, "interval_start": 0}
    match urlsplit(url).scheme:
        case "filesystem":
            return {**publishing, "folder": str(settings.BROKER_DIR), "polling_interval": 0.2}
        case "redis" | "rediss":
            return {
                **publishing,
                "socket_connect_timeout": CONNECT_SECONDS,
                "socket_timeout": CONNECT_SECONDS,
                # Longer than any message can be under way, or it is delivered again and again.
                "visibility_timeout": settings.JOB_TIME_LIMIT + 600,
            }
        case _:
            return {**publishing, "confirm_publish": True}


app = Celery("chapterhouse")
app.add_defaults(configuration)
