"""The `filesystem://` broker: messages as files in a folder, for a machine without Redis or RabbitMQ.

kombu has a transport of that name; with two readers and two writers at full speed its readers fail on half-written
messages. Here a message appears complete, by a rename, and belongs to whichever reader removes it.
"""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import virtual

SUFFIX = ".message"


class Channel(virtual.Channel):
    """A folder per queue below the transport option `folder`; the oldest file is read first."""

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        path = self._folder(queue) / f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        path.write_text(json.dumps(message), encoding="utf-8")
        path.rename(path.with_suffix(SUFFIX))

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for path in self._messages(queue):
            try:
                text = path.read_text(encoding="utf-8")
                path.unlink()
            except FileNotFoundError:
                continue  # another reader removed it: it is theirs
            message: dict[str, Any] = json.loads(text)
            return message
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._messages(queue))

    def _purge(self, queue: str) -> int:
        messages = self._messages(queue)
        for path in messages:
            path.unlink(missing_ok=True)
        return len(messages)

    def _messages(self, queue: str) -> list[Path]:
        return sorted(self._folder(queue).glob(f"*{SUFFIX}"))

    def _folder(self, queue: str) -> Path:
        folder = Path(self.connection.client.transport_options["folder"]) / queue
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class Transport(virtual.Transport):
    Channel = Channel
    # No broadcast: workers on a folder are not inspected.
    implements = virtual.Transport.implements.extend(exchange_type=frozenset(["direct"]))
    default_port = 0
    driver_type = "folder"
    driver_name = "folder"

    def driver_version(self) -> str:
        return "1"
