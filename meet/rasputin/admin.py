"""Rooms, transcripts, what was set aside and what waits to be sent, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from meet.rasputin.models import Line, Outgoing, Room, SetAside
from meet.rasputin.publishing import send
from meet.rasputin.telling import tell_again


class _Read(admin.ModelAdmin):
    """What is Meet's is read here, and changed in Meet."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds any."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes any."""
        return False


class _Lines(admin.TabularInline):
    model = Line
    fields = ("at", "nick", "via", "text")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = False
    max_num = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """The newest: all of a long room is its transcript's to show."""
        lines = super().get_queryset(request)
        newest = lines.filter(room=request.resolver_match.kwargs.get("object_id")).order_by("-number")[:200]
        return lines.filter(pk__in=list(newest.values_list("pk", flat=True)))


@admin.register(Room)
class RoomAdmin(_Read):
    """Rooms with their newest lines."""

    list_display = ("title", "link", "opened", "ends", "closed", "lines")
    list_filter = ("opened", "because")
    search_fields = ("name", "title")
    date_hierarchy = "opened"
    inlines = (_Lines,)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With how many lines each has."""
        return super().get_queryset(request).annotate(line_count=Count("lines"))

    @admin.display(description="room")
    def link(self, room: Room) -> str:
        """To the room in Meet."""
        return format_html('<a href="{}">{}</a>', room.url, room.name)

    @admin.display(ordering="line_count")
    def lines(self, room: Any) -> int:
        """How many lines it has."""
        return int(room.line_count)


@admin.register(Line)
class LineAdmin(_Read):
    """Every line, to be searched."""

    list_display = ("at", "room", "nick", "via", "text")
    list_filter = ("via",)
    search_fields = ("text", "nick")
    list_select_related = ("room",)
    ordering = ("-at",)


@admin.register(SetAside)
class SetAsideAdmin(_Read):
    """What a receiver could not take."""

    list_display = ("room", "number", "receiver", "tries", "given_up", "last")
    list_filter = ("given_up", "receiver")
    search_fields = ("room", "receiver", "error")
    actions = ("again",)

    @admin.action(description="Tell again what was given up", permissions=["delete"])
    def again(self, request: HttpRequest, rows: QuerySet) -> None:
        """Tell it once more to the receiver that could not take it."""
        told = 0
        for row in rows.filter(given_up=True).order_by("pk"):
            try:
                tell_again(row)
            except Exception as error:
                messages.error(request, f"{row}: {error!r}")
            else:
                told += 1
        messages.info(request, f"{told} told.")


@admin.register(Outgoing)
class OutgoingAdmin(_Read):
    """What was published and Meet has not got, or has refused."""

    list_display = ("room", "kind", "created", "tries", "code", "detail")
    list_filter = ("code",)
    exclude = ("host_key",)
    actions = ("send_again",)

    @admin.action(description="Send again what waits", permissions=["delete"])
    def send_again(self, request: HttpRequest, rows: QuerySet) -> None:
        """Send those that wait, at once."""
        sent = sum(send(row) for row in rows.filter(code="").order_by("pk"))
        messages.info(request, f"{sent} sent.")
