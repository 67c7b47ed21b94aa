"""The servers are what they say: what other tests rely on is seen once here."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.servers.cluster import Cluster
from tests.servers.database import one_at_a_time
from tests.servers.nginx import Nginx
from tests.servers.program import PATIENCE, free_port, program
from tests.servers.redis import Redis, RedisError
from tests.servers.sentinel import Sentinels


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(AssertionError, match="needs no-such-program: apt-get install no-such-package"):
        program("no-such-program", "no-such-package")


def test_what_is_done_one_at_a_time_is() -> None:
    inside: list[int] = []
    together = Barrier(4)

    def work(number: int) -> None:
        together.wait(PATIENCE)
        for _ in range(50):
            with one_at_a_time("test"):
                inside.append(number)
                assert inside == [number]
                inside.clear()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))


def test_an_aof_outlives_a_kill_and_an_emptied_redis_knows_nothing() -> None:
    with Redis(aof=True) as redis:
        redis.command("SET", "a", "1")
        redis.kill()
        redis.start()
        assert redis.command("GET", "a") == "1"
        redis.kill()
        redis.empty()
        redis.start()
        assert redis.command("GET", "a") is None


def test_a_frozen_redis_answers_when_it_thaws() -> None:
    with Redis() as redis:
        redis.freeze()
        with pytest.raises(TimeoutError):
            redis.command("PING", timeout=0.2)
        redis.thaw()
        assert redis.command("PING") == "PONG"


def test_only_the_user_of_the_acl_gets_in_and_only_by_tls() -> None:
    with Redis(user="meet", password="secret", tls=True) as redis:
        assert redis.certificate is not None
        context = ssl.create_default_context(cafile=str(redis.certificate.certificate))
        with (
            socket.create_connection(("127.0.0.1", redis.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            secured.sendall(b"PING\r\nAUTH meet secret\r\nPING\r\n")
            answer = secured.makefile("rb")
            assert answer.readline().startswith(b"-NOAUTH")
            assert [answer.readline() for _ in range(2)] == [b"+OK\r\n", b"+PONG\r\n"]


def test_maxmemory_refuses() -> None:
    with Redis(maxmemory="2mb") as redis:

        def fill() -> None:
            for number in range(100):
                redis.command("SET", f"k{number}", "x" * 100_000)

        with pytest.raises(RedisError, match="OOM"):
            fill()


def test_calls_are_counted() -> None:
    with Redis() as redis:
        redis.forget_calls()
        redis.command("SET", "a", "1")
        assert redis.calls()["set"] == 1


def test_the_sentinels_promote_the_replica_of_a_dead_primary() -> None:
    with Sentinels(user="meet", password="secret") as sentinels:
        first = sentinels.primary
        assert first.commands(["SET", "a", "1"], ["WAIT", 1, 5000]) == ["OK", 1]
        first.kill()
        assert sentinels.promoted(first).command("GET", "a") == "1"


def test_a_cluster_serves_every_slot_and_goes_on_without_a_primary() -> None:
    with Cluster() as cluster:
        owners = {cluster.owner(key).port for key in "abcdefgh"}
        assert len(owners) == 3
        first = cluster.owner("a")
        assert first.commands(["SET", "a", "1"], ["WAIT", 1, 5000]) == ["OK", 1]
        first.kill()
        assert cluster.promoted("a", first).command("GET", "a") == "1"


def test_nginx_serves_what_it_was_given_and_reloads() -> None:
    port = free_port()

    def says(word: str) -> str:
        return f"server {{ listen 127.0.0.1:{port}; location / {{ add_header Word {word}; return 200 {word}; }} }}"

    def heard() -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bytes(answer.read())

    with Nginx(says("one"), ports=[port]) as nginx:
        nginx.check()
        assert heard() == b"one"
        nginx.reload(says("two"))
        # The old workers may still take the first connections after the signal.
        while heard() != b"two":
            pass
