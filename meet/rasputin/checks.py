"""What is wrong with the settings, as ``manage.py check`` tells it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.core.exceptions import ImproperlyConfigured

from meet.rasputin.configuration import configured
from meet.rasputin.observing import RECEIVERS


@register(Tags.compatibility)
def check_setting(app_configs: Any, **_more: Any) -> list[CheckMessage]:
    """The setting RASPUTIN can be read."""
    try:
        told = configured()
    except ImproperlyConfigured as wrong:
        return [checks.Error(str(wrong), hint="See docs/rasputin.md.", id="rasputin.E001")]
    found: list[CheckMessage] = []
    if told.address.tls is False and told.address.password and told.address.kind != "socket":
        hosts = {host for host, _ in told.address.places}
        if hosts - {"localhost", "127.0.0.1", "::1"}:
            found.append(
                checks.Warning(
                    "Redis's password goes over a network without TLS.", hint="rediss://", id="rasputin.W001"
                )
            )
    if not told.keep and not RECEIVERS:
        found.append(
            checks.Warning(
                "Nothing is kept and nobody observes.",
                hint="Set KEEP, or write @observe into a module observers of an app.",
                id="rasputin.W002",
            )
        )
    return found


@register(Tags.database)
def check_database(app_configs: Any, **_more: Any) -> list[CheckMessage]:
    """Several workers need a database with rows that can be locked."""
    engine = settings.DATABASES.get("default", {}).get("ENGINE", "")
    options = settings.DATABASES.get("default", {}).get("OPTIONS", {})
    if engine.endswith("sqlite3") and options.get("transaction_mode", "").upper() != "IMMEDIATE":
        return [
            checks.Warning(
                "With SQLite a worker and a view that write at once can be refused.",
                hint='"OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20}',
                id="rasputin.W003",
            )
        ]
    return []
