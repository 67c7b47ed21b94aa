"""Who is measured: each peer's doors, and how its server is started in the way that favours it.

A peer is one function from a folder to a `Server`; another peer is one more line in `PEERS`.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from bench.places import SERVERS, Peers, free_ports, meet_environment, twistd
from bench.server import FILES, Server

WEB, IRC, EVENTS = "websocket", "irc", "sse"
"""The doors that are compared."""

MEET_LIMITS = (
    "connections-per-address=0",
    "joins-per-address=0",
    "rooms-per-address=0",
    "people-in-room=0",
    "says-per-participant=0",
    "commands-per-connection=0",
    "characters-in-line=250",
)
"""All people come from one address and say as much as they can, 200 characters at a time."""


_HERE = ":interface=127.0.0.1:backlog=4096"


@dataclass(frozen=True, slots=True)
class Door:
    """How the load generator comes in: its kind of client, and paths (see ``native/load.c``)."""

    client: str
    path: str
    speaker: str = ""
    speaker_path: str = ""
    again_path: str = ""
    port: int = 0
    """Which of the server's ports, counted from 0."""

    at_once: int = 64
    """How many knock at a time."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a peer is started with."""

    peers: Peers
    folder: Path
    broker: str = ""
    """Meet's broker; empty for its default."""

    processes: int = 1
    """Processes of Meet, which need a broker that they share if they are more."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One who is measured."""

    name: str
    about: str
    doors: Mapping[str, Door]
    server: Callable[[Place], Server]


def _plain(*words: str) -> Mapping[str, Door]:
    return {WEB: Door("ws", "/r%r")}


def _loop(*words: str) -> Callable[[Place], Server]:
    def server(place: Place) -> Server:
        port = next(free_ports())
        return Server([str(place.peers.loop), str(port), *words], [port], place.folder, place.peers.environment())

    return server


def _meet(place: Place) -> Server:
    """Processes that share one port for the web; each has the other doors for itself."""
    ports = free_ports()
    web, others = next(ports), []
    commands = []
    for number in range(place.processes):
        irc, line, health = next(ports), next(ports), next(ports)
        others += [irc, line]
        command = [twistd(), "-n", "--pidfile=", "meet", "--data", str(place.folder / f"data{number}")]
        command += ["--http", f"tcp:{web}{_HERE}" if place.processes == 1 else f"reuse:{web}:interface=127.0.0.1"]
        for option, port in {"--irc": irc, "--line": line, "--health": health}.items():
            command += [option, f"tcp:{port}{_HERE}"]
        for limit in MEET_LIMITS:
            command += ["--limit", limit]
        if place.broker:
            command += ["--broker", place.broker]
        commands.append(command)
    if len(commands) == 1:
        return Server(commands[0], [web, *others], place.folder, meet_environment())
    together = " & ".join(map(shlex.join, commands))
    return Server(["sh", "-c", f"{together} & wait"], [web, *others], place.folder, meet_environment())


def _node(script: str, module: str) -> Callable[[Place], Server]:
    def server(place: Place) -> Server:
        port = next(free_ports())
        place.peers.node_module(module)
        command = [str(place.peers.program("node")), str(SERVERS / script), str(port)]
        return Server(command, [port], place.folder, place.peers.environment())

    return server


def _python(script: str) -> Callable[[Place], Server]:
    def server(place: Place) -> Server:
        port = next(free_ports())
        command = [str(place.peers.python), str(SERVERS / script), str(port)]
        return Server(command, [port], place.folder, place.peers.environment())

    return server


def _configured(name: str, arguments: Callable[[Place, str], list[str]], **finds: str) -> Callable[[Place], Server]:
    """A server with a file of configuration; ``finds`` are patterns of paths that stand in it."""

    def server(place: Place) -> Server:
        port = next(free_ports())
        found = {word: str(place.peers.debian(pattern)) for word, pattern in finds.items()}
        values = {"port": port, "folder": place.folder, "files": FILES, **found}
        file = place.folder / name
        file.write_text(Template((SERVERS / name).read_text()).substitute(values))
        return Server(arguments(place, str(file)), [port], place.folder, place.peers.environment())

    return server


def _nginx(place: Place, file: str) -> list[str]:
    return [
        str(place.peers.program("nginx")),
        "-p",
        str(place.folder),
        "-c",
        file,
        "-e",
        str(place.folder / "error.log"),
    ]


def _inspircd(place: Place, file: str) -> list[str]:
    return [str(place.peers.program("inspircd")), "--config", file, "--nofork", "--runasroot"]


def _ngircd(place: Place, file: str) -> list[str]:
    return [str(place.peers.program("ngircd")), "--nodaemon", "--config", file]


LOOP = Peer("loop", "a bare loop of send() in C, the yardstick", _plain(), _loop())
JOINING = Peer("joining loop", "the same, what comes in one read goes out in one send()", _plain(), _loop("join"))
MEET = Peer(
    "meet",
    "this repository: ask, decide, committed by the local broker, heard",
    {
        WEB: Door(
            "meet",
            "/api/v1/rooms/b%r/socket?nick=n%n",
            again_path="/api/v1/rooms/b%r/socket?token=%t&after=%p",
        ),
        IRC: Door("irc", "#b%r", port=1),
        EVENTS: Door("sse", "/api/v1/rooms/b%r/events", "meet", "/api/v1/rooms/b%r/socket?nick=n%n"),
    },
    _meet,
)
PEERS: tuple[Peer, ...] = (
    LOOP,
    JOINING,
    MEET,
    Peer(
        "nchan",
        "nchan in nginx (C); messages come by HTTP POST",
        {
            WEB: Door("ws", "/hear/r%r", "post", "/say/r%r"),
            EVENTS: Door("sse", "/hear/r%r", "post", "/say/r%r"),
        },
        _configured("nchan.conf", _nginx, module="**/ngx_nchan_module.so"),
    ),
    Peer("ws", "npm ws on Node.js", _plain(), _node("ws.js", "ws")),
    Peer(
        "socket.io",
        "npm socket.io on Node.js",
        {WEB: Door("socketio", "/socket.io/?EIO=4&transport=websocket&room=r%r")},
        _node("socketio.js", "socket.io"),
    ),
    Peer("websockets", "Python websockets, its broadcast, on uvloop", _plain(), _python("websockets_broadcast.py")),
    Peer("picows", "Python picows (Cython) on uvloop", _plain(), _python("picows_broadcast.py")),
    Peer("autobahn", "stock Autobahn on Twisted, sendMessage to each", _plain(), _python("autobahn_broadcast.py")),
    Peer(
        "inspircd",
        "InspIRCd (C++)",
        {IRC: Door("irc", "#b%r")},
        _configured("inspircd.conf", _inspircd, modules="usr/**/inspircd/modules"),
    ),
    # It lets ten wait at its port, whatever its configuration.
    Peer("ngircd", "ngIRCd (C)", {IRC: Door("irc", "#b%r", at_once=8)}, _configured("ngircd.conf", _ngircd)),
)


def clear(folder: Path) -> Path:
    """``folder``, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
