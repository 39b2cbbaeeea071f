"""A Celery application on the broker a test names, in the place of the process's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery, current_app

from config.celery import configuration


@contextmanager
def use_broker(settings: Any, url: str, folder: Path, queue: str = "test-nudges") -> Iterator[Callable[[], int]]:
    """Nudges go to that broker meanwhile; gives how many messages wait there."""
    settings.BROKER_URL, settings.BROKER_DIR, settings.BROKER_QUEUE = url, folder, queue
    before, app = current_app._get_current_object(), Celery("elsewhere", set_as_current=False)
    app.add_defaults(configuration)

    def waiting() -> int:
        with app.connection_for_read() as connection:
            return app.amqp.queues[queue](connection.default_channel).queue_declare().message_count

    app.set_current()
    try:
        yield waiting
    finally:
        app.pool.force_close_all()
        app.close()
        before.set_current()
