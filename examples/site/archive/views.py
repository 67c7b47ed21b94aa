"""The pages."""

import json

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from archive.forms import OpenForm, SearchForm
from archive.models import HostedRoom, listed_rooms
from meet.rasputin.models import Line, Outgoing, Room
from meet.rasputin.publishing import close_room, open_room

LINES_ON_PAGE = 200
FOUND_ON_PAGE = 50


@require_safe
def home(request):
    """What is open now, and what was said lately."""
    rooms = listed_rooms().annotate(count=Count("lines"))
    return render(
        request,
        "archive/home.html",
        {"open": rooms.filter(closed=None)[:20], "ended": rooms.exclude(closed=None)[:5]},
    )


@require_safe
def archive(request):
    """Every listed room, and its words to be searched."""
    form = SearchForm(request.GET)
    words = form.cleaned_data["q"].split() if form.is_valid() else []
    context = {"form": form, "words": words, "rooms": listed_rooms().annotate(count=Count("lines"))[:100]}
    if words:
        wanted = Q()
        for word in words:
            wanted &= Q(text__icontains=word) | Q(nick__iexact=word)
        lines = Line.objects.filter(wanted, room__in=listed_rooms()).select_related("room").order_by("-pk")
        before = request.GET.get("before", "")
        if before.isdigit():
            lines = lines.filter(pk__lt=int(before[:18]))
        found = list(lines[: FOUND_ON_PAGE + 1])
        context |= {"found": found[:FOUND_ON_PAGE], "more": len(found) > FOUND_ON_PAGE}
    return render(request, "archive/archive.html", context)


@require_safe
def transcript(request, pk):
    """One room, page by page."""
    room = readable(request, pk)
    lines = room.lines.order_by("number")
    after = request.GET.get("after", "")
    if after.isdigit():
        lines = lines.filter(number__gt=int(after[:18]))
    page = list(lines[: LINES_ON_PAGE + 1])
    return render(
        request,
        "archive/transcript.html",
        {"room": room, "lines": page[:LINES_ON_PAGE], "more": len(page) > LINES_ON_PAGE},
    )


@require_safe
def download(request, pk, kind):
    """One room as a file."""
    room = readable(request, pk)
    lines = room.lines.order_by("number")
    if kind == "json":
        told = {
            "room": room.name,
            "title": room.title,
            "opened": room.opened.isoformat(),
            "lines": [
                {
                    "number": line.number,
                    "at": line.at.isoformat(),
                    "nick": line.nick,
                    "via": line.via,
                    "text": line.text,
                }
                for line in lines
            ],
        }
        body, content = json.dumps(told, ensure_ascii=False, indent=2), "application/json"
    else:
        body = "".join(f"{line.at:%Y-%m-%d %H:%M} <{line.nick}> {line.text}\n" for line in lines)
        content = "text/plain; charset=utf-8"
    return HttpResponse(
        body,
        content_type=content,
        headers={"Content-Disposition": f'attachment; filename="{room.name}.{kind}"', "Cache-Control": "no-store"},
    )


@login_required
@require_safe
def mine(request, form=None):
    """My rooms, and a new one."""
    hosted = list(request.user.hosted_rooms.all())
    rooms = {room.lock: room for room in Room.objects.filter(lock__in=[each.lock for each in hosted])}
    refused = Outgoing.objects.exclude(code="").filter(room__in=[each.name for each in hosted])
    reasons = dict(refused.values_list("room", "detail"))
    told = [(each, rooms.get(each.lock), reasons.get(each.name, "on its way")) for each in hosted]
    return render(request, "archive/mine.html", {"form": form or OpenForm(), "rooms": told})


@login_required
@require_POST
def open_one(request):
    """Open a room of mine: it is there as soon as this is committed."""
    form = OpenForm(request.POST)
    if not form.is_valid():
        return mine_again(request, form)
    if request.user.hosted_rooms.opened().count() >= settings.OPEN_ROOMS_EACH:
        form.add_error(None, f"You have {settings.OPEN_ROOMS_EACH} rooms open. Close one first.")
        return mine_again(request, form)
    said = form.cleaned_data
    with transaction.atomic():
        opening = open_room(said["name"], title=said["title"], hours=float(said["hours"]))
        hosted = HostedRoom.objects.create(
            owner=request.user, name=opening.room, host_key=opening.host_key, listed=said["listed"]
        )
    if opening.outgoing.code:
        hosted.delete()
        opening.outgoing.delete()
        form.add_error("name", opening.outgoing.detail)
        return mine_again(request, form)
    if opening.outgoing.position:
        messages.success(request, f"{hosted.name} is open.")
    else:
        messages.info(request, f"Meet is away. {hosted.name} opens as soon as it is back.")
    return redirect("mine")


@login_required
@require_POST
def close_one(request, pk):
    """Close a room of mine."""
    hosted = get_object_or_404(request.user.hosted_rooms, pk=pk)
    with transaction.atomic():
        outgoing = close_room(hosted.name, host_key=hosted.host_key)
    if outgoing.code:
        messages.error(request, outgoing.detail)
        outgoing.delete()
    elif outgoing.position:
        messages.success(request, f"{hosted.name} is closed.")
    else:
        messages.info(request, f"Meet is away. {hosted.name} closes as soon as it is back.")
    return redirect("mine")


def mine_again(request, form):
    """The page with what was typed and what is wrong with it."""
    request.method = "GET"
    page = mine(request, form)
    page.status_code = 422
    return page


def readable(request, pk):
    """The room, if whoever asks may read it: everybody a listed one, its host every one of theirs."""
    room = get_object_or_404(Room, pk=pk)
    hosted = HostedRoom.objects.filter(lock=room.lock).first()
    if hosted is None or not (hosted.listed or hosted.owner == request.user):
        raise Http404
    return room
