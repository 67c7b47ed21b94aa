"""The app."""

from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    """Hosts and their rooms."""

    name = "archive"
    default_auto_field = "django.db.models.BigAutoField"
