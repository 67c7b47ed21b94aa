"""Hosts' rooms in the admin; rooms and lines are Rasputin's there."""

from django.contrib import admin

from archive.models import HostedRoom


@admin.register(HostedRoom)
class HostedRoomAdmin(admin.ModelAdmin):
    """Who opened which room."""

    list_display = ("name", "owner", "listed", "asked")
    list_filter = ("listed",)
    search_fields = ("name", "owner__username")
    exclude = ("host_key", "lock", "epoch")

    def has_add_permission(self, request):
        """A room is opened on its host's page."""
        return False
