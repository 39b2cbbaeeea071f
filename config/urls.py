"""URLs of a chapter's domain."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("integrations.api.urls")),
]
