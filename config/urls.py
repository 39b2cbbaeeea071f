"""URLs of a chapter's domain."""

from django.contrib import admin
from django.urls import path

from integrations.connections import views as connections

urlpatterns = [
    path("oauth/finish", connections.finish, name="oauth-finish"),
    path("admin/", admin.site.urls),
]
