from django.contrib.admin.apps import AdminConfig


class ChapterAdminConfig(AdminConfig):
    """Django's admin, with the chapter's site as the one that models register themselves at."""

    default_site = "integrations.marketplace.site.ChapterSite"
