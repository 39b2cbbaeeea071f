"""URLs of the hub's domain."""

from django.contrib import admin
from django.urls import path

from integrations.connections import views as connections

urlpatterns = [
    path("oauth/callback", connections.callback, name="oauth-callback"),
    path("admin/", admin.site.urls),
]
