"""URLs of the hub's domain."""

from django.urls import path
from django.views.generic import TemplateView

from integrations.connections import views as connections
from integrations.hub.admin_site import site

urlpatterns = [
    path("", TemplateView.as_view(template_name="hub/home.html"), name="home"),
    path("oauth/callback", connections.callback, name="oauth-callback"),
    path("admin/", site.urls),
]
