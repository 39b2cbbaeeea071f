"""Admin pages of records that may be merged: who comes by an old id is led to the record it became."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from integrations import shown, targets

from .aliases import standing


class MergeableAdmin(admin.ModelAdmin):
    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Django asks this of every page of a record that is not there, when it knows that the person may see such."""
        survivor = self._survivor(object_id)
        if survivor is None:
            return super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc, no-any-return]
        saved = " Nothing was saved." if request.method == "POST" else ""
        said = f"The {opts.verbose_name} you asked for was merged into “{shown.name_of(survivor)}”, which is shown here.{saved}"
        messages.info(request, said)
        return redirect(f"{self.admin_site.name}:{opts.app_label}_{opts.model_name}_change", survivor.pk)

    def _survivor(self, object_id: str) -> Any:
        target = next(one for one in targets.all_targets().values() if one.model is self.model)
        try:
            now = standing(target, [UUID(object_id)])
        except ValueError:
            return None
        return self.model._default_manager.filter(pk__in=now.values()).first()
