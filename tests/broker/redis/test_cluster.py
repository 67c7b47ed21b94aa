"""The nodes of a Cluster: what they say of each other is followed, and none of them is trusted for ever."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import connectProtocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from meet.address import read_address
from meet.broker.redis import cluster as module
from meet.broker.redis.cluster import Cluster
from meet.broker.redis.link import Line, Lost
from meet.errors import Unavailable
from meet.keys import HOUSE, shard_of, slot_of, tag_of
from tests.broker.redis.conversation import Caller, News, Side
from tests.broker.redis.ground import Brokers, cluster, line, persist, with_prefix
from tests.contracts.broker_ground import chance
from tests.contracts.hearing import Heard
from tests.servers import cluster as servers
from tests.servers.redis import Redis

LOWER, UPPER = (0, 8191), (8192, 16383)
LOW = next(shard for shard in range(64) if slot_of(tag_of(shard)) <= LOWER[1])
"""A shard whose slot is in the lower half."""


class Node(Side):
    """A node, which says of the Cluster what ``layout`` has; `asks` are all other commands, with who asked.

    With a ``refusal`` it says that of the Cluster instead, with a ``reply`` it gives everybody that.
    """

    def __init__(self, layout: list[Any]) -> None:
        super().__init__()
        self.layout = layout
        self.asks: DeferredQueue[tuple[Caller, list[bytes]]] = DeferredQueue()
        self.looks: DeferredQueue[None] = DeferredQueue()
        self.connected: list[Caller] = []
        self.refusal = b""
        self.reply = b""

    def open(self) -> None:
        super().open()
        Deferred.fromCoroutine(self._serve())

    async def _serve(self) -> None:
        while True:
            caller = await self.callers.get()
            self.connected.append(caller)
            Deferred.fromCoroutine(self._answer(caller))

    async def _answer(self, caller: Caller) -> None:
        while True:
            command = await caller.asked.get()
            if command == [b"CLUSTER", b"SLOTS"]:
                caller.say(self.refusal or self._slots())
                self.looks.put(None)
            elif command == [b"PING"]:
                caller.say(b"+PONG")
            elif self.reply:
                caller.say(self.reply)
            else:
                self.asks.put((caller, command))

    def _slots(self) -> bytes:
        said = []
        for first, last, node in self.layout:
            host = b"$9\r\n127.0.0.1" if node is not self else b"$-1"
            said.append(b"*3\r\n:%d\r\n:%d\r\n*2\r\n%b\r\n:%d" % (first, last, host, node.port))
        return b"*%d\r\n" % len(said) + b"\r\n".join(said)

    def hang_up(self) -> None:
        for caller in self.connected:
            caller.hang_up()
        self.connected.clear()


class Nodes(TestCase):
    """Two nodes, written by hand, of which one is named in the URL."""

    timeout = 30

    def setUp(self) -> None:
        self.patch(module, "_REFRESH", 0.05)
        self.layout: list[Any] = []
        self.news = News()
        self.one, self.two = self.node(), self.node()
        self.layout += [(*LOWER, self.one), (*UPPER, self.two)]
        self.cluster = self.make(self.one)

    def node(self) -> Node:
        node = Node(self.layout)
        node.open()
        self.addCleanup(node.close)
        return node

    def make(self, *seeds: Node) -> Cluster:
        address = read_address(f"redis+cluster://{','.join(node.address for node in seeds)}")
        made = Cluster(address, [], reactor, chance, self.news.up, self.news.down)
        self.addCleanup(made.stop)
        return made

    async def whole(self) -> None:
        self.cluster.start()
        await self.news.ups.get()

    def ask(self, word: str = "GET", shard: int = LOW) -> Deferred[Any]:
        return self.cluster.ask(shard, word, "key")

    async def asked(self, node: Node, word: str = "GET") -> Caller:
        caller, command = await node.asks.get()
        self.assertEqual(command, [word.encode(), b"key"] if word != "ASKING" else [b"ASKING"])
        return caller

    async def test_each_shard_is_asked_of_its_node(self) -> None:
        await self.whole()
        asked = [self.ask(shard=shard) for shard in range(HOUSE + 1)]
        lower = sum(slot_of(tag_of(shard)) <= LOWER[1] for shard in range(HOUSE + 1))
        for node, count in ((self.one, lower), (self.two, HOUSE + 1 - lower)):
            for _ in range(count):
                (await self.asked(node)).say(b":%d" % node.port)
        for shard, each in enumerate(asked):
            owner = self.one if slot_of(tag_of(shard)) <= LOWER[1] else self.two
            self.assertEqual(await each, owner.port)

    async def test_it_is_whole_as_soon_as_the_last_node_is_reached(self) -> None:
        self.patch(module, "_REFRESH", 1000)
        await self.whole()

    async def test_what_has_moved_is_asked_there_from_then_on(self) -> None:
        await self.whole()
        asked = self.ask()
        # It says no host: then it is its own.
        (await self.asked(self.one)).say(b"-MOVED 1 :%d" % self.two.port)
        (await self.asked(self.two)).say(b":1")
        self.assertEqual(await asked, 1)
        self.layout[:] = [(*LOWER, self.two), (*UPPER, self.two)]
        asked = self.ask()
        (await self.asked(self.two)).say(b":2")
        self.assertEqual(await asked, 2)

    async def test_what_is_moving_is_asked_there_this_once(self) -> None:
        await self.whole()
        asked = self.ask()
        (await self.asked(self.one)).say(b"-ASK 1 127.0.0.1:%d" % self.two.port)
        (await self.asked(self.two, "ASKING")).say(b"+OK")
        (await self.asked(self.two)).say(b":1")
        self.assertEqual(await asked, 1)
        asked = self.ask()
        (await self.asked(self.one)).say(b":2")
        self.assertEqual(await asked, 2)

    async def test_nobody_is_refused_because_a_node_has_just_joined(self) -> None:
        await self.whole()
        third = self.node()
        asked = [self.ask("GET"), self.ask("SET")]
        caller = await self.asked(self.one, "GET")
        await self.asked(self.one, "SET")
        caller.say(*[b"-MOVED 1 127.0.0.1:%d" % third.port] * 2)
        caller = await self.asked(third, "GET")
        await self.asked(third, "SET")
        caller.say(b":1", b":2")
        self.assertEqual([await each for each in asked], [1, 2])

    async def test_nodes_that_send_one_to_another_are_not_followed_for_ever(self) -> None:
        await self.whole()
        third = self.node()
        asked = self.ask()
        for _ in range(2):
            (await self.asked(self.one)).say(b"-MOVED 1 127.0.0.1:%d" % self.two.port)
            (await self.asked(self.two)).say(b"-MOVED 1 127.0.0.1:%d" % self.one.port)
        (await self.asked(self.one)).say(b"-MOVED 1 127.0.0.1:%d" % third.port)
        with self.assertRaisesRegex(Unavailable, "The Redis Cluster is not whole"):
            await asked
        # Whichever was named last is there in spite of that, and one that is lost is noticed.
        self.two.hang_up()
        self.assertEqual(await self.news.downs.get(), "The connection to Redis was lost.")
        await self.news.ups.get()
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_a_cluster_that_is_down_is_looked_at_anew_by_way_of_another_node(self) -> None:
        await self.whole()
        # The first one is cut off from the others, and does not know that its shards are another's.
        third = self.node()
        self.two.layout = [(*LOWER, third), (*UPPER, self.two)]
        self.one.reply, third.reply = b"-CLUSTERDOWN The cluster is down", b":1"
        with self.assertRaisesRegex(Unavailable, "The Redis Cluster is not whole"):
            await self.ask()
        self.assertEqual(await persist(self.ask), 1)

    async def test_a_node_that_is_lost_is_waited_for(self) -> None:
        await self.whole()
        await self.two.close()
        self.two.hang_up()
        self.assertEqual(await self.news.downs.get(), "The connection to Redis was lost.")
        asked = self.ask(shard=next(shard for shard in range(64) if slot_of(tag_of(shard)) > LOWER[1]))
        with self.assertRaises(Unavailable):
            await asked
        # Another one takes its place, and nobody knocks at the former any more.
        third = self.node()
        self.layout[:] = [(*LOWER, self.one), (*UPPER, third)]
        await self.news.ups.get()
        endpoint = self.cluster.listening_endpoint()
        for _ in range(5):
            line = await connectProtocol(endpoint, Line())
            await line.close()

    async def test_an_answer_that_is_none_does_not_end_the_looking(self) -> None:
        self.one.refusal = b"*1\r\n*1\r\n:1"
        self.cluster.start()
        await self.one.looks.get()
        self.one.refusal = b""
        await self.news.ups.get()
        self.assertTrue(self.flushLoggedErrors(ValueError))

    async def test_while_slots_are_nobodys_it_is_not_whole(self) -> None:
        upper = self.layout.pop()
        self.cluster.start()
        await self.one.looks.get()
        self.failureResultOf(self.ask(), Unavailable)
        self.failureResultOf(self.cluster.copied(LOW, 1), Unavailable)
        self.layout.append(upper)
        await self.news.ups.get()

    async def test_one_that_is_no_cluster_says_so(self) -> None:
        self.one.refusal = b"-ERR This instance has cluster support disabled"
        self.cluster.start()
        self.assertEqual(await self.news.downs.get(), "ERR This instance has cluster support disabled.")

    async def test_copies_are_counted_by_the_node(self) -> None:
        await self.whole()
        counted = self.cluster.copied(LOW, 1)
        caller, command = await self.one.asks.get()
        self.assertEqual(command, [b"WAIT", b"1", b"1000"])
        caller.say(b":1")
        self.assertEqual(await counted, 1)

    async def test_stopped_it_reaches_for_nobody(self) -> None:
        await self.whole()
        third = self.node()
        asked = self.ask()
        caller = await self.asked(self.one)
        caller.say(b"-MOVED 1 127.0.0.1:%d" % third.port)
        stopped = self.cluster.stop()
        with self.assertRaises(Unavailable):
            await asked
        await stopped
        self.failureResultOf(self.ask(), Unavailable)
        # Whoever comes after it is the first.
        line = await connectProtocol(third.endpoint, Line())
        asked = line.ask(("GET", "key"))
        await self.asked(third)
        self.assertEqual(len(third.connected), 1)
        await line.close()
        self.failureResultOf(asked, Lost)


class Real(Brokers):
    """The Cluster that the tests share, whose slots move while people talk."""

    @property
    def url(self) -> str:
        return with_prefix(f"redis+cluster://{cluster().addresses[0]}", self.prefix)

    async def test_a_room_is_talked_in_while_it_moves(self) -> None:
        broker, heard, observer = await self.started(), Heard(), Heard()
        # All of one shard move together, keys of other tests with them.
        rooms = [room for room in map("room{}".format, range(400)) if shard_of(room) == shard_of("room0")]
        for room in rooms:
            await broker.attend(room, heard.hear)
        await broker.journal("recorder", observer.observe)
        moved: Deferred[None] = Deferred()
        said: dict[str, list[bytes]] = {room: [] for room in rooms}

        async def talk(room: str) -> None:
            while not moved.called or len(said[room]) < 10:
                text = line(str(len(said[room])))
                await persist(lambda: broker.publish(room, text, under=None, once=f"p1:{len(said[room])}"))
                said[room].append(text)

        talking = [Deferred.fromCoroutine(talk(room)) for room in rooms]
        tag = f"{{{tag_of(shard_of('room0'))}}}"
        source = cluster().owner(tag)
        target = next(node for node in cluster().nodes if node is not source)
        for here, there in ((source, target), (target, source)):
            await deferToThread(move, slot_of(tag_of(shard_of("room0"))), here, there)
        moved.callback(None)
        for each in talking:
            await each
        for room in rooms:
            look = await persist(lambda room=room: broker.read(room))
            self.assertEqual([position.seq for position, _ in look.tail], list(range(1, len(said[room]) + 1))[-10:])
            self.assertEqual([body for _, body in look.tail], said[room][-10:])
            last = look.last
            assert last is not None
            self.assertEqual(last.seq, len(said[room]))
        total = sum(map(len, said.values()))
        await heard.upto(total)
        while len({(record.room, record.position) for record in observer.items}) < total:
            await observer.upto(len(observer.items) + 1)
        for room in rooms:
            told = [record.position.seq for record in observer.items if record.room == room]
            self.assertEqual(list(dict.fromkeys(told)), list(range(1, len(said[room]) + 1)))

    async def test_two_seeds_and_a_replica(self) -> None:
        own = self.closed(await deferToThread(servers.Cluster().start))
        broker = await self.walk(f"redis+cluster://{','.join(own.addresses[:2])}", rooms=40)
        owners = {own.owner(f"{{{each:02d}}}").port for each in range(64)}
        self.assertEqual(len(owners), 3)
        # One of its servers dies; its replica serves the same rooms.
        dead = own.owner("{00}")
        await deferToThread(dead.kill)
        for each in range(40):
            room = f"room{each}"
            await persist(lambda room=room: broker.publish(room, b"again", under=None, once="p1:2"))
        self.assertEqual([body for _, body in (await broker.read("room1")).tail], [b"hi", b"again"])

    async def test_a_wrong_password(self) -> None:
        redis = self.closed(Redis(password="word").start())
        with self.assertRaisesRegex(ValueError, "cannot be used: WRONGPASS"):
            await self.make(f"redis+cluster://:another@{redis.address}").start()

    async def test_one_that_is_no_cluster(self) -> None:
        with self.assertRaisesRegex(ValueError, "cannot be used: ERR This instance has cluster support disabled[.]$"):
            await self.make(f"redis+cluster://{self.redis.address}").start()


def move(slot: int, source: Redis, target: Redis) -> None:
    """Give ``slot`` from one node to another, key by key, as ``redis-cli --cluster reshard`` does."""
    ours, theirs = (node.command("CLUSTER", "MYID") for node in (source, target))
    target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", ours)
    source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", theirs)
    while keys := source.command("CLUSTER", "GETKEYSINSLOT", slot, 3):
        source.command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
    for node in (target, source, *cluster().nodes):
        node.command("CLUSTER", "SETSLOT", slot, "NODE", theirs)
