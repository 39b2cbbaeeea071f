"""URLs of the hub's domain."""

from django.urls import path

from integrations.hub.admin_site import site

urlpatterns = [
    path("admin/", site.urls),
]
