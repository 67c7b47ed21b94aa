"""The app as Django sees it."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class RasputinConfig(AppConfig):
    """Loads every app's module ``observers``, in which it says what it wants to hear."""

    name = "meet.rasputin"
    label = "rasputin"
    verbose_name = "Meet"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Look for observers, and for what is wrong."""
        from meet.rasputin import checks  # noqa: F401  # importing it registers them

        autodiscover_modules("observers")
