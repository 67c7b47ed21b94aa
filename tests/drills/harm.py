"""What is done to the cast while people talk: one function a drill."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.drills.people import Browser, Front
from tests.drills.stage import Alone, Many
from tests.servers.database import Database
from tests.servers.mariadb import Mariadb
from tests.servers.network import Network
from tests.servers.postgresql import Postgresql
from tests.servers.program import is_root, program, until
from tests.servers.redis import Redis
from tests.servers.sentinel import NAME, Sentinels

# One process with the local broker.


def kill_the_only_process(stage: Alone) -> None:
    """``kill -9`` of the one that does everything, in the middle of talk."""
    stage.build()
    stage.begin()
    for _ in range(stage.chance.randint(2, 3) if stage.short else stage.chance.randint(3, 8)):
        stage.some_talk()
        stage.meet.kill()
        stage.meet.start()
    stage.everybody_speaks()


def lock_the_store(stage: Alone) -> None:
    """The store's database refuses every write for a while."""
    stage.build()
    stage.begin()
    stage.some_talk()
    seconds = stage.lasting(8, 60)
    with contextlib.closing(sqlite3.connect(stage.archive, timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        stage.note(f"the archive is locked for {seconds} s")
        stage.pause(seconds)
        database.execute("ROLLBACK")
    stage.everybody_speaks()


def stop_postgresql(stage: Alone) -> None:
    """The store's PostgreSQL stands still (SIGSTOP), is stopped, and is killed."""
    _stop_the_store(stage, Postgresql())


def stop_mariadb(stage: Alone) -> None:
    """The store's MariaDB stands still (SIGSTOP), is stopped, and is killed."""
    _stop_the_store(stage, Mariadb())


def _stop_the_store(stage: Alone, server: Database) -> None:
    stage.closing.enter_context(server)
    database = server.new()
    stage.server = server, database
    stage.build("--store", server.url(database))
    stage.begin()
    harms = [
        ("stands still", server.freeze, server.thaw),
        ("is stopped", server.stop, server.start),
        ("is killed", server.kill, server.start),
    ]
    for what, harm, mend in harms:
        stage.some_talk()
        seconds = stage.lasting(2, 60)
        accepted = stage.accepted
        harm()
        stage.note(f"the database {what} for {seconds} s")
        stage.pause(seconds)
        mend()
        stage.note(f"{stage.accepted - accepted} lines were accepted meanwhile")
        stage.everybody_speaks()


def stop_reading(stage: Alone) -> None:
    """Somebody stops reading until they are ended as slow, and comes back; nginx is reloaded all the while."""
    stage.build(bytes_unsent=65_536, seconds_unsent=3)
    network = stage.closing.enter_context(Network(stage.meet.web_port, buffer=20_000))
    sleeper = stage.invite(Browser, "", Front(network.port, stage.serving))
    for nick in ("fay", "fred", "fern", "finn", "flora", "frank"):
        # So that the system's own buffers are full soon.
        stage.invite(Browser, nick, pace=0.01, words=f"{nick} {'talks ' * 60}")
    stage.begin()
    for _ in range(1 if stage.short else 4):
        stage.some_talk()
        before = sleeper.returns
        network.hold("down")
        for _ in range(3):
            stage.some_talk(50, 200)
            stage.nginx.reload()
        until(network.ended_by_target, "the sleeper to be ended as slow", 60)
        network.heal()
        until(lambda before=before: sleeper.returns > before, "the sleeper to come back", 30)
    stage.everybody_speaks()


def fill_the_disk(stage: Alone) -> None:
    """The disk of the data folder is full for a while."""
    data = stage.folder / "meet" / "data"
    data.mkdir(parents=True)
    stage.closing.enter_context(_small_disk(data))
    stage.build()
    stage.begin()
    for _ in range(1 if stage.short else 3):
        stage.some_talk()
        filler = data / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        accepted = stage.accepted
        stage.pause(stage.lasting(3, 20))
        stage.note(f"{stage.accepted - accepted} lines were accepted while the disk was full")
        filler.unlink()
        stage.everybody_speaks()


def step_the_clock(stage: Alone) -> None:
    """The wall clock jumps by an hour, forth and back."""
    clock = stage.folder / "clock"

    def step(seconds: int) -> None:
        new = clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(clock)

    step(0)
    stage.build(environment=_clock_in(clock))
    stage.begin()
    for seconds in (3600, 0, -3600, 0):
        stage.some_talk()
        step(seconds)
        stage.pause(1.5)
        stage.note(f"the clock differs by {seconds:+d} s now")
        stage.everybody_speaks()


# Many processes and one Redis.


def _redis(stage: Many) -> Redis:
    """One that has written to its disk what it answered."""
    redis: Redis = stage.closing.enter_context(Redis(aof=True))
    return redis


def kill_a_serving_process(stage: Many) -> None:
    """``kill -9`` of one of those that serve, and its return, again and again."""
    stage.build(_redis(stage).url, serving=3)
    stage.begin()
    for _ in range(2 if stage.short else stage.chance.randint(3, 6)):
        stage.some_talk()
        victim = stage.chance.choice(stage.serving)
        victim.kill()
        # Now and then it stays away until the others have taken its people over.
        stage.some_talk(*stage.chance.choice([(1, 5), (100, 300)]))
        victim.start()
    stage.everybody_speaks()


def kill_the_recorder(stage: Many) -> None:
    """``kill -9`` of those that record, one after the other and both at once."""
    stage.build(_redis(stage).url, recording=2)
    stage.begin()
    for number in range(2 if stage.short else 6):
        stage.some_talk()
        victims = stage.recording if number % 3 == 2 else [stage.chance.choice(stage.recording)]
        for victim in victims:
            victim.kill()
        stage.some_talk(50, 200)
        for victim in victims:
            victim.start()
    stage.everybody_speaks()


def restart_everything_in_turn(stage: Many) -> None:
    """An upgrade: SIGTERM to each process, the next when it is back."""
    stage.build(_redis(stage).url)
    stage.begin()
    for _ in range(1 if stage.short else 3):
        processes = [*stage.serving, *stage.recording]
        stage.chance.shuffle(processes)
        for meet in processes:
            stage.some_talk(5, 30)
            code = meet.terminate()
            assert code == 0, f"A process ended with {code} after SIGTERM"
            meet.start()
    stage.everybody_speaks()


def restart_redis(stage: Many) -> None:
    """Redis is stopped or killed, and comes back with its append-only file."""
    redis = _redis(stage)
    stage.build(redis.url)
    stage.begin()
    for number in range(2 if stage.short else 4):
        stage.some_talk()
        if number % 2:
            redis.stop()
        else:
            redis.kill()
        stage.pause(stage.chance.uniform(0, stage.lasting(1, 6)))
        redis.start()
        stage.everybody_speaks()


def empty_redis(stage: Many) -> None:
    """Redis is killed and comes back with nothing."""
    redis = _redis(stage)
    stage.build(redis.url)
    stage.begin()
    for _ in range(1 if stage.short else 3):
        stage.some_talk(50, 150)
        redis.kill()
        redis.empty()
        stage.pause(stage.chance.uniform(0, stage.lasting(1, 6)))
        redis.start()
        stage.everybody_speaks()


def pause_redis(stage: Many) -> None:
    """Redis stands still with its connections open (SIGSTOP)."""
    redis = _redis(stage)
    stage.build(redis.url)
    stage.begin()
    stage.some_talk()
    seconds = stage.lasting(8, 30)
    redis.freeze()
    stage.note(f"Redis stands still for {seconds} s")
    stage.pause(seconds)
    redis.thaw()
    stage.everybody_speaks()


def disturb_the_network(stage: Many) -> None:
    """The network to Redis is cut, resets connections, is one-way in either direction, and slow."""
    redis = _redis(stage)
    network = stage.closing.enter_context(Network(redis.port))
    stage.build(f"redis://{network.address}")
    stage.begin()
    disturbances = [
        ("is cut", network.cut),
        ("resets every connection", network.reset),
        ("lets nothing up", lambda: network.hold("up")),
        ("lets nothing down", lambda: network.hold("down")),
        ("is slow", lambda: network.slow(0.05, pieces=2000)),
    ]
    stage.chance.shuffle(disturbances)
    for what, disturb in disturbances:
        stage.some_talk()
        disturb()
        seconds = stage.lasting(2, stage.chance.choice([3, 12, 25]))
        stage.note(f"the network to Redis {what} for {seconds} s")
        stage.pause(seconds)
        network.heal()
        stage.everybody_speaks()


def promote_a_replica(stage: Many) -> None:
    """The primary dies while its replicas lag, and one is promoted; entries count once copied (wait=1)."""
    _promote(stage, "?wait=1")


def promote_a_replica_without_waiting(stage: Many) -> None:
    """The same without wait=1: Redis itself promises nothing of what was not copied yet; it is counted."""
    _promote(stage, "")


def _promote(stage: Many, wishes: str) -> None:
    sentinels = stage.closing.enter_context(Sentinels(replicas=2, aof=True))
    stage.build(f"redis+sentinel://{','.join(sentinels.addresses)}/{NAME}/0{wishes}")
    stage.begin()
    primary = sentinels.primary
    for number in range(1 if stage.short else 2):
        if number:
            primary.start()
            sentinels.settled()
        stage.some_talk(50, 150)
        primary = sentinels.primary
        replicas = [redis for redis in sentinels.redises if redis is not primary]
        for replica in replicas:
            replica.freeze()
        # What is on its way to them would still be read when they thaw.
        primary.command("CLIENT", "KILL", "TYPE", "replica")
        stage.pause(stage.chance.uniform(0.2, 0.8))
        ahead = primary.info("replication")["master_repl_offset"]
        primary.kill()
        for replica in replicas:
            replica.thaw()
        promoted = sentinels.promoted(primary)
        behind = int(ahead) - int(promoted.info("replication")["second_repl_offset"])
        stage.note(f"the replica that was promoted lacked the last {max(0, behind)} bytes")
        stage.everybody_speaks()


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    root = [] if is_root() else ["sudo"]
    owner = f"uid={os.getuid()},gid={os.getgid()}"
    subprocess.run([*root, "mount", "-t", "tmpfs", "-o", f"size=32m,{owner}", "meet-drill", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run([*root, "umount", "-l", str(folder)], check=True)


def _clock_in(file: Path) -> dict[str, str]:
    """The environment of a process whose wall clock differs from the true one by what stands in ``file``."""
    program("faketime", "faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        # Only the wall clock can be set.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
