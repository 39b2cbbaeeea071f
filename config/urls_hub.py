"""URLs of the hub's domain."""

from django.urls import path
from django.views.generic import TemplateView

from integrations.hub.admin_site import site

urlpatterns = [
    path("", TemplateView.as_view(template_name="hub/home.html"), name="home"),
    path("admin/", site.urls),
]
