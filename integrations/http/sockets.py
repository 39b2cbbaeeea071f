"""How sockets are opened: to checked addresses only, and under the attempt's clock."""

from __future__ import annotations

import socket
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from . import guard, watch


class _Watched(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        watch.hold(sock)
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # kept alive from the request before
            watch.hold(self.sock)
        super().request(*args, **kwargs)


class GuardedConnection(_Watched, HTTPSConnection):
    """Resolves once and connects to what was checked; the certificate is still held to the name."""

    def _new_conn(self) -> socket.socket:
        try:
            addresses = guard.resolve(self._dns_host, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        problem: OSError | None = None
        for family, sockaddr in addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(self.timeout)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(sockaddr)
            except OSError as error:
                sock.close()
                problem = error
                continue
            watch.hold(sock)
            return sock
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(self, "timed out") from problem
        raise NewConnectionError(self, "no address answered") from problem


class GuardedPool(HTTPSConnectionPool):
    ConnectionCls = GuardedConnection


class _LabConnection(_Watched):
    """To the lab, by the address in the settings."""


class _LabTlsConnection(_Watched, HTTPSConnection):
    """To a lab behind TLS."""


class LabPool(HTTPConnectionPool):
    ConnectionCls = _LabConnection


class LabTlsPool(HTTPSConnectionPool):
    ConnectionCls = _LabTlsConnection


GUARDED = {"https": GuardedPool}
LAB = {"http": LabPool, "https": LabTlsPool}
