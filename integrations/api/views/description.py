"""The API's own description: OpenAPI 3.1, and pages to read it by. Public: it says nothing of the chapter."""

from __future__ import annotations

from django.utils.decorators import method_decorator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from integrations.marketplace.csp import csp_override


class Schema(SpectacularAPIView):
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer]


@method_decorator(
    # Swagger UI styles itself inline and carries its pictures in its styles.
    csp_override(style_src=["'self'", "'unsafe-inline'"], img_src=["'self'", "data:"]),
    name="dispatch",
)
class Docs(SpectacularSwaggerSplitView):
    """The script that starts Swagger UI is served from the same address, since the policy runs none that stand in a page."""

    url_name = "api:schema"
