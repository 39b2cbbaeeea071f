"""Django's reports of an exception (a developer's debug page, a mail to the admins), without what opens a vendor's door.

Django hides secrets by the names of settings only, and shows on a debug page every local variable and every field that was
sent: a key somebody has just typed in stands in both, under whatever name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from integrations.http.redaction import MASK, redact


class ReportFilter(SafeExceptionReporterFilter):
    """Names without values: of what was sent, of cookies, of nothing else."""

    def get_post_parameters(self, request: HttpRequest | None) -> Mapping[str, str]:
        return dict.fromkeys(request.POST, MASK) if request else {}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, str]:
        return dict.fromkeys(getattr(request, "COOKIES", ()), MASK)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> list[tuple[str, Any]]:
        return []


class Report(ExceptionReporter):
    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        if self.request is not None:
            data["request_GET_items"] = [(name, MASK) for name in self.request.GET]
        return data

    def get_traceback_html(self) -> str:
        return redact(super().get_traceback_html())

    def get_traceback_text(self) -> str:
        return redact(super().get_traceback_text())
