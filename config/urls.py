"""URLs of a chapter's domain."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path
from django.views.generic import RedirectView

from integrations.connections import views as connections

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="marketplace:catalogue")),
    path("marketplace/", include("integrations.marketplace.urls")),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("oauth/finish", connections.finish, name="oauth-finish"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("integrations.api.urls")),
]
# The error pages are templates/400.html, 403.html, 404.html and 500.html: Django's own handlers show them.
