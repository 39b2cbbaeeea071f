"""What the chapters' admin and the hub's have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver
from django.views.defaults import bad_request

View = Callable[..., HttpResponse]


class CarefulSite(admin.AdminSite):
    """Django's admin, answering 400 where an address or a form holds what cannot be a value of its column, and without "view
    on site", which would look for any row of any table and has nothing to show."""

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                _check_chosen_rows(request, getattr(view, "__self__", None))
                response = view(request, *args, **kwargs)
                # Django writes a page after its view has returned; a wrong date is found only then.
                return response.render() if isinstance(response, TemplateResponse) else response
            except (ValidationError, DataError, OverflowError):
                return bad_request(request, BadRequest())

        return super().admin_view(page, cacheable)  # type: ignore[return-value]

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]


def _check_chosen_rows(request: HttpRequest, page: object) -> None:
    """ValidationError when a row that an action is for has a key that none can have: Django would ask the database."""
    if request.method == "POST" and isinstance(page, admin.ModelAdmin):
        for key in request.POST.getlist(admin.helpers.ACTION_CHECKBOX_NAME):
            page.opts.pk.to_python(key)
