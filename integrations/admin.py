"""What the platform shows in the admin. Each slice keeps its own; this page only names them."""

from .api import admin  # noqa: F401 registers the API keys
