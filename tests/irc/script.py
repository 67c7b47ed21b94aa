"""A conversation as a script: lines in, lines out, with rooms that are pure rules and no network."""

from __future__ import annotations

from itertools import count

from meet import names
from meet.commands import Command, Join, Leave, Open, Say
from meet.errors import Refused
from meet.events import Entry, Event, Position
from meet.feed import Feed
from meet.irc.actions import Action, Ask, Depart, Enter, Entered, Host, Look
from meet.irc.client import Client, Counts, Server
from meet.irc.dialogue import Dialogue
from meet.irc.message import read
from meet.limits import Limits
from meet.moments import DAY
from meet.room import Room
from meet.wire import encode

NOW = 1_795_528_800.0
HOST_KEY = "host-key"


class PureRoom:
    """A room and its talk; the `Place` of everybody whose id is ``mia``."""

    id = "mia"

    def __init__(self, name: str) -> None:
        self.feed = Feed(name, Limits())
        self.feed.hole = False
        self.talk: list[Entry] = []
        self._numbers = count(1)

    @property
    def room(self) -> Room:
        return self.feed.room

    def ask(self, who: str, command: Command) -> Position:
        event: Event = self.room.decide(command, who, NOW)
        entry = Entry(Position("k3q", next(self._numbers)), event, encode(event))
        self.feed.hear(entry.position, entry.body)
        if event.key is None:
            self.talk.append(entry)
        return entry.position

    def told_already(self, line: bytes) -> None:
        pass

    def come(self, nick: str, host_key: str = "") -> PureRoom:
        self.ask(nick, Join(nick=nick, via="web", host_key=host_key))
        return self

    def say(self, nick: str, text: str) -> PureRoom:
        self.ask(nick, Say(text=text))
        return self


class Script:
    """One client.  ``send`` plays lines and gives what was answered, without the server's name."""

    def __init__(self) -> None:
        self.rooms: dict[str, PureRoom] = {}
        self.refusing: dict[type[Action], Refused] = {}
        self.actions: list[Action] = []
        self._written: list[bytes] = []
        server = Server("meet", Limits(), NOW, lambda: NOW, lambda: Counts(3, 2, 1))
        self.client = Client(server, self._written.append)
        self.dialogue = Dialogue(self.client)

    def send(self, *lines: str) -> list[str]:
        for line in lines:
            conversation = self.dialogue.take(read(line))
            try:
                action = next(conversation)
                while True:
                    try:
                        answer = self._perform(action)
                    except Refused as refused:
                        action = conversation.throw(refused)
                    else:
                        action = conversation.send(answer)
            except StopIteration:
                pass
        data = b"".join(self._written).decode()
        self._written.clear()
        return [line.removeprefix(":meet ") for line in data.split("\r\n")[:-1]]

    def register(self, nick: str = "mia") -> Script:
        self.send(f"NICK {nick}", "USER mia 0 * :Mia")
        return self

    def room(self, name: str = "algebra", title: str = "") -> PureRoom:
        """A room that stands."""
        made = self.rooms[name] = PureRoom(name)
        made.ask("", Open(title=title, ends=NOW + DAY, limit=140, lock=names.digest(HOST_KEY)))
        return made

    def _perform(self, action: Action) -> object:
        self.actions.append(action)
        if type(action) in self.refusing:
            raise self.refusing[type(action)]
        match action:
            case Enter(room=name, key=key):
                own_key = "" if name in self.rooms else HOST_KEY
                room = self.rooms.get(name) or self.room(name)
                room.ask("mia", Join(nick=self.client.nick, via="irc", host_key=own_key or key))
                return Entered(room, list(room.talk), own_key)
            case Host(place=PureRoom() as room, key=key):
                return room.ask("mia", Join(nick=self.client.nick, via="irc", host_key=key))
            case Ask(place=PureRoom() as room, command=command):
                return room.ask("mia", command)
            case Depart(place=PureRoom() as room):
                room.ask("mia", Leave())
            case Look(room=name):
                return self.rooms[name].room if name in self.rooms else Room(name, Limits())
        return None
