"""The network between does to a connection what a bad one does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.servers.network import Network


@pytest.fixture
def echoing() -> Iterator[Network]:
    """A network to a server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def echo(end: socket.socket) -> None:
        with contextlib.suppress(OSError), end:
            while piece := end.recv(4096):
                end.sendall(piece)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = server.accept()
                threading.Thread(target=echo, args=(end,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    with server, Network(server.getsockname()[1]) as network:
        yield network
        server.shutdown(socket.SHUT_RDWR)


def dial(network: Network) -> socket.socket:
    return socket.create_connection(("127.0.0.1", network.port), timeout=5)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_what_is_held_in_one_direction_arrives_when_that_is_healed(echoing: Network, direction: str) -> None:
    with dial(echoing) as end:
        end.sendall(b"one")
        assert end.recv(10) == b"one"
        echoing.hold(direction)  # type: ignore[arg-type]
        end.sendall(b"two")
        end.settimeout(0.2)
        with pytest.raises(TimeoutError):
            end.recv(10)
        end.settimeout(5)
        echoing.heal()
        assert end.recv(10) == b"two"


def test_a_cut_resets_and_refuses_until_it_is_healed(echoing: Network) -> None:
    with dial(echoing) as end:
        end.sendall(b"one")
        assert end.recv(10) == b"one"
        echoing.cut()
        with pytest.raises(ConnectionResetError):
            end.recv(10)
    with pytest.raises(ConnectionRefusedError):
        dial(echoing)
    echoing.heal()
    with dial(echoing) as end:
        end.sendall(b"two")
        assert end.recv(10) == b"two"


def test_a_slow_one_brings_everything_in_order(echoing: Network) -> None:
    echoing.slow(0.01, pieces=100)
    sent = bytes(range(256)) * 4
    with dial(echoing) as end:
        end.sendall(sent)
        got = b""
        while len(got) < len(sent):
            piece = end.recv(4096)
            assert len(piece) <= 100
            got += piece
    assert got == sent
